/** What users wrote, as it lies in Redis: a mark of a text or of bytes, then it; behind a line of JSON where there is more to say. */
import { SnapshotError } from "#contract/base/errors";
import type { Sealed } from "#contract/store/run-record";

const [TEXT, BYTES, LINE] = [0x74, 0x62, 0x0a];

/** What is read, for whoever is told that it cannot be. */
export interface Place {
  taskId: string;
  what: string;
}

/** @example tagged("é") // "té" */
export function tagged(sealed: Sealed): string | Buffer {
  return typeof sealed === "string" ? `t${sealed}` : Buffer.concat([Buffer.from("b"), sealed]);
}

/** @throws SnapshotError `snapshot-damaged` */
export function untagged(stored: Buffer, place: Place): Sealed {
  if (stored[0] === TEXT) return stored.toString("utf8", 1);
  if (stored[0] === BYTES) return Uint8Array.from(stored.subarray(1));
  throw unreadable(place, "expected a text or bytes with a mark before them, found neither");
}

/** A line of JSON before what is sealed. */
export function headed(head: unknown, sealed: Sealed): string | Buffer {
  const line = `${JSON.stringify(head)}\n`;
  return typeof sealed === "string" ? `${line}t${sealed}` : Buffer.concat([Buffer.from(`${line}b`), sealed]);
}

/** @throws SnapshotError `snapshot-damaged` */
export function parseHeaded<Head extends object>(stored: Buffer, place: Place): { head: Head; sealed: Sealed } {
  const end = stored.indexOf(LINE);
  const head = jsonOf(stored.toString("utf8", 0, Math.max(0, end)));
  if (typeof head !== "object" || head === null) throw unreadable(place, "expected a line of JSON before it, found none");
  return { head: head as Head, sealed: untagged(stored.subarray(end + 1), place) };
}

/** Undefined where it is none: what a parser says of it holds texts of users. */
function jsonOf(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

const unreadable = ({ taskId, what }: Place, how: string): SnapshotError =>
  new SnapshotError(`${what} of run "${taskId}" cannot be read: ${how}. Go on from an older generation, or from a copy of the store.`, {
    code: "snapshot-damaged",
  });
