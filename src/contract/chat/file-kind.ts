/** Kinds of files, as far as providers tell them apart. */

/** `pdf` is what most read as pages; `text` is what is plain text, whatever it means, so that drawings in SVG are; `document` is all else. */
export const FILE_KINDS = ["image", "pdf", "text", "document", "audio", "video"] as const;
export type FileKind = (typeof FILE_KINDS)[number];

/** How the types of Office's documents begin. */
export const OFFICE = "application/vnd.openxmlformats-officedocument";

const PLAIN = /^(?:text\/|application\/(?:json|x?html(?:\+xml)?|xml|yaml|x-yaml|toml|javascript|sql|x-ndjson|csv)$|.*\+(?:json|xml|yaml)$)/;

/** @param mediaType in any case, with or without parameters */
export function fileKindOf(mediaType: string): FileKind {
  const type = bareType(mediaType);
  if (PLAIN.test(type)) return "text";
  const [top] = type.split("/");
  if (top === "image" || top === "audio" || top === "video") return top;
  return type === "application/pdf" ? "pdf" : "document";
}

/** In lower case, without parameters. */
export const bareType = (mediaType: string): string => (mediaType.split(";", 1)[0] as string).trim().toLowerCase();
