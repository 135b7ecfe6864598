/** What users wrote, as it lies in Redis: a mark of a text or of bytes, then it; behind a line of JSON where there is more to say. */
import type { Sealed } from "#contract/store/run-record";

const TEXT = 0x74;
const LINE = 0x0a;

/** @example tagged("é") // "té" */
export function tagged(sealed: Sealed): string | Buffer {
  return typeof sealed === "string" ? `t${sealed}` : Buffer.concat([Buffer.from("b"), sealed]);
}

export function untagged(stored: Buffer): Sealed {
  return stored[0] === TEXT ? stored.toString("utf8", 1) : Uint8Array.from(stored.subarray(1));
}

/** A line of JSON before what is sealed. */
export function headed(head: unknown, sealed: Sealed): string | Buffer {
  const line = `${JSON.stringify(head)}\n`;
  return typeof sealed === "string" ? `${line}t${sealed}` : Buffer.concat([Buffer.from(`${line}b`), sealed]);
}

export function parseHeaded<Head>(stored: Buffer): { head: Head; sealed: Sealed } {
  const end = stored.indexOf(LINE);
  return { head: JSON.parse(stored.toString("utf8", 0, end)) as Head, sealed: untagged(stored.subarray(end + 1)) };
}
