/** How parts lie in files: each file is valid JSON, and each part's text stands in it byte for byte. */

export type FileName = "agent.json" | "cache.json" | "task.json";

/** Files by name, parts in the order of the snapshot. A kind of part that is new here lies in `agent.json`. */
export function groupParts(parts: ReadonlyMap<string, string>): Map<FileName, Map<string, string>> {
  const files = new Map<FileName, Map<string, string>>();
  for (const [name, text] of parts) {
    const file = name === "task" ? "task.json" : name.startsWith("value/") || name.startsWith("mailbox/") ? "cache.json" : "agent.json";
    const group = files.get(file);
    if (group === undefined) files.set(file, new Map([[name, text]]));
    else group.set(name, text);
  }
  return files;
}

/** What stands before a part: `task.json` is the task itself, the others are objects with a line for each part. */
function before(file: FileName, name: string, index: number): string {
  if (file === "task.json") return "";
  return `${index === 0 ? "{\n" : ",\n"}${JSON.stringify(name)}:`;
}

const end = (file: FileName): string => (file === "task.json" ? "\n" : "\n}\n");

export function joinParts(file: FileName, parts: ReadonlyMap<string, string>): string {
  let text = "";
  let index = 0;
  for (const [name, part] of parts) text += before(file, name, index++) + part;
  return text + end(file);
}

/** The parts of a file by their names and lengths, or undefined when the file is not made of them. */
export function splitParts(
  file: FileName,
  text: string,
  sizes: readonly (readonly [name: string, length: number])[],
): Map<string, string> | undefined {
  const parts = new Map<string, string>();
  let at = 0;
  for (const [index, [name, length]] of sizes.entries()) {
    const frame = before(file, name, index);
    if (!text.startsWith(frame, at)) return undefined;
    at += frame.length;
    parts.set(name, text.slice(at, at + length));
    at += length;
  }
  return text.slice(at) === end(file) ? parts : undefined;
}
