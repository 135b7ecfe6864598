/** How parts lie in files: each part's text stands byte for byte in one of three, which are JSON as long as the parts are. */
import type { Sealed } from "#contract/store/run-record";
import { sealedJson } from "./checked-json.ts";
import type { Host } from "./host.ts";

export type FileName = "agent.json" | "cache.json" | "task.json";

/** In the order of the file; lengths in UTF-16 units. Bytes are marked by 1. */
export type PartExtent = readonly [name: string, length: number, isBytes?: 1];

/** A kind of part that is new here lies in `agent.json`. */
const fileOf = (name: string): FileName =>
  name === "task" ? "task.json" : /^(?:cache|mailbox|value)\//.test(name) ? "cache.json" : "agent.json";

/** What stands before a part: `task.json` is the task itself, the others are objects with a line for each part. */
const before = (file: FileName, name: string, index: number): string =>
  file === "task.json" ? "" : `${index === 0 ? "{\n" : ",\n"}${JSON.stringify(name)}:`;

const end = (file: FileName): string => (file === "task.json" ? "\n" : "\n}\n");

export function layOut(host: Host, parts: ReadonlyMap<string, Sealed>): { name: FileName; text: string; parts: PartExtent[] }[] {
  const files = new Map<FileName, { text: string; parts: PartExtent[] }>();
  for (const [name, content] of parts) {
    const file = fileOf(name);
    const laid = files.get(file) ?? { text: "", parts: [] };
    files.set(file, laid);
    const text = typeof content === "string" ? content : JSON.stringify(sealedJson(host, content));
    laid.text += before(file, name, laid.parts.length) + text;
    laid.parts.push(typeof content === "string" ? [name, text.length] : [name, text.length, 1]);
  }
  return Array.from(files, ([name, laid]) => ({ name, text: laid.text + end(name), parts: laid.parts }));
}

/** The texts of the parts of a file, or undefined when the file is not made of them. */
export function splitFile(file: FileName, text: string, extents: readonly PartExtent[]): string[] | undefined {
  const texts: string[] = [];
  let at = 0;
  for (const [index, [name, length]] of extents.entries()) {
    const frame = before(file, name, index);
    if (!text.startsWith(frame, at)) return undefined;
    at += frame.length;
    texts.push(text.slice(at, at + length));
    at += length;
  }
  return text.slice(at) === end(file) ? texts : undefined;
}
