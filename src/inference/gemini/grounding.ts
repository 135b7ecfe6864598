/** What Gemini says of an answer's sources, in the library's form. */
import type { Citation } from "#contract/chat/message";

interface Place {
  uri?: string | null;
  title?: string | null;
  text?: string | null;
}

/** Any of it may be missing. */
export interface RawGrounding {
  groundingChunks?: readonly { web?: Place | null; retrievedContext?: Place | null; maps?: Place | null }[] | null;
  groundingSupports?: readonly { segment?: { text?: string | null } | null; groundingChunkIndices?: readonly number[] | null }[] | null;
}

/** @param text of the block that is open: its bytes, in which Gemini counts, are no characters, so that a passage is looked for. @returns what passages cite, then what none does */
export function groundingOf(
  { groundingChunks, groundingSupports }: RawGrounding,
  text: string,
): { cited: Citation[]; sources: Citation[] } {
  const sources = (groundingChunks ?? []).map(({ web, retrievedContext, maps }) => placed(web ?? retrievedContext ?? maps ?? {}));
  const cited = (groundingSupports ?? []).flatMap(({ segment, groundingChunkIndices }) => {
    const passage = segment?.text ?? "";
    const start = passage === "" ? -1 : text.indexOf(passage);
    if (start < 0) return [];
    return (groundingChunkIndices ?? []).flatMap((index) =>
      sources[index] === undefined ? [] : [{ ...sources[index], start, end: start + passage.length }],
    );
  });
  return { cited, sources: sources.filter((source) => Object.keys(source).length > 0) };
}

const placed = ({ uri, title, text }: Place): Citation => ({
  ...(uri ? { url: uri } : {}),
  ...(title ? { title } : {}),
  ...(text ? { quote: text } : {}),
});
