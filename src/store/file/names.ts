/** The names of the file store's folders: legal on every file system, at most 100 bytes, never a way out of the store's folder. */

/** Lower case only: some file systems do not tell `A` from `a`. */
const PLAIN = /^[a-z0-9][a-z0-9_-]{0,63}$/;
/** Windows keeps these names for devices. */
const DEVICE = /^(?:con|prn|aux|nul|com\d|lpt\d)$/;
const LONGEST_NODES = 80;

/** Temporary folders start so; nothing in them counts. */
export const TEMPORARY = ".tmp-";

const slug = (text: string): string => text.replace(/[^A-Za-z0-9_-]+/g, "-");

/**
 * One folder for each task id, and another for every other id, also where case does not count: a plain id as it stands
 * (as a UUID is), any other one as what is legible of it with `~` and a hash of all of it.
 */
export function taskFolderName(taskId: string, sha256: (text: string) => string): string {
  if (PLAIN.test(taskId) && !DEVICE.test(taskId)) return taskId;
  // JSON writes half a surrogate pair as an escape; as UTF-8 all halves would be one character, with one hash.
  return `${slug(taskId.slice(0, 32)).toLowerCase()}~${sha256(JSON.stringify(taskId)).slice(0, 40)}`;
}

/** `GENERATION_NODES`: the generation alone tells them apart, the nodes are for people. */
export function generationFolderName(generation: number, nodes: readonly string[]): string {
  let legible = "";
  for (const node of nodes) {
    if (legible.length >= LONGEST_NODES) break;
    legible += (legible === "" ? "" : "+") + slug(node.slice(0, LONGEST_NODES));
  }
  return `${generation}_${legible.slice(0, LONGEST_NODES)}`;
}

/** The generation of a generation's folder, or undefined when the name is not one. */
export function generationOf(folder: string): number | undefined {
  const digits = /^(\d{1,15})_[A-Za-z0-9_+-]*$/.exec(folder)?.[1];
  return digits === undefined ? undefined : Number(digits);
}
