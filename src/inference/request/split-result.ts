/** A tool's result, where a provider takes some of its files within it, and the others only beside it. */
import type { TextBlock } from "#contract/chat/message";
import type { WireFile, WireResult } from "#contract/chat/wire";

export interface SplitResult {
  /** In a file's place that stands beside, a text says so. */
  inside: (TextBlock | WireFile)[];
  beside: WireFile[];
}

/** @param nests whether a file may stand within a result */
export function splitResult(content: WireResult["content"], nests: (file: WireFile) => boolean): SplitResult {
  if (typeof content === "string") return { inside: [{ type: "text", text: content }], beside: [] };
  const beside: WireFile[] = [];
  const inside = content.map((part): TextBlock | WireFile => {
    if (part.type === "text" || nests(part)) return part;
    beside.push(part);
    const name = part.name === undefined ? "" : ` ${JSON.stringify(part.name)}`;
    return { type: "text", text: `(a file of type ${part.mediaType}${name}: it follows)` };
  });
  return { inside, beside };
}
