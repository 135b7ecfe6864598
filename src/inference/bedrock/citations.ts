/** The citations of Converse in the library's form. */
import type { Citation as RawCitation } from "@aws-sdk/client-bedrock-runtime";
import type { Citation } from "#contract/chat/message";

export function citationOf({ title, source, sourceContent, location }: Partial<RawCitation>): Citation {
  const place = location?.documentChar ?? location?.documentPage ?? location?.documentChunk;
  const url = location?.web?.url ?? (source?.includes("://") ? source : undefined);
  const quote = (sourceContent ?? []).map(({ text }) => text ?? "").join("");
  return {
    ...(url === undefined ? {} : { url }),
    ...(title === undefined ? {} : { title }),
    ...(quote === "" ? {} : { quote }),
    ...(place?.documentIndex === undefined ? {} : { document: place.documentIndex }),
  };
}
