/** What a commit changed, as one value: a line of names and lengths, then the contents as they are. */
import type { Commit, StoredEvent } from "#contract/store/run-commit";
import type { Sealed } from "#contract/store/run-record";
import { damagedRow } from "./failures.ts";

export interface Changes {
  put: Map<string, Sealed>;
  remove: readonly string[];
  whole: boolean;
  events: StoredEvent[];
}

interface Head {
  /** A number of bytes is marked by 1. */
  put: [name: string, ...extent: Extent][];
  remove: readonly string[];
  whole?: true;
  events: [seq: number, at: number, ...extent: Extent][];
}

type Extent = [length: number, isBytes?: 1];

type Written = Pick<Commit, "put" | "remove" | "whole" | "events">;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** A text where all contents are texts, else bytes; null for nothing. */
export function packChanges(commit: Written): Sealed | null {
  const { put, remove, whole, events } = commit;
  if (put.size === 0 && remove.length === 0 && events.length === 0 && whole !== true) return null;
  const contents = [...put.values(), ...events.map(({ body }) => body)];
  if (contents.every((content) => typeof content === "string")) return `${headOf(commit, (text) => text.length)}\n${contents.join("")}`;
  const pieces = contents.map((content) => (typeof content === "string" ? encoder.encode(content) : content));
  const sizes = new Map(contents.map((content, index) => [content, pieces[index]?.length ?? 0]));
  const head = encoder.encode(`${headOf(commit, (text) => sizes.get(text) ?? 0)}\n`);
  const packed = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, head.length));
  let at = 0;
  for (const piece of [head, ...pieces]) {
    packed.set(piece, at);
    at += piece.length;
  }
  return packed;
}

function headOf({ put, remove, whole, events }: Written, lengthOf: (text: string) => number): string {
  const extentOf = (content: Sealed): Extent => (typeof content === "string" ? [lengthOf(content)] : [content.length, 1]);
  const head: Head = {
    put: Array.from(put, ([name, content]) => [name, ...extentOf(content)]),
    remove,
    ...(whole === true ? { whole } : {}),
    events: events.map(({ seq, at, body }) => [seq, at, ...extentOf(body)]),
  };
  return JSON.stringify(head);
}

/** @throws SnapshotError `snapshot-damaged` */
export function unpackChanges(packed: Sealed | null): Changes {
  if (packed === null) return { put: new Map(), remove: [], whole: false, events: [] };
  try {
    return unpacked(packed);
  } catch (error) {
    throw damagedRow("commits", "changes", error);
  }
}

function unpacked(packed: Sealed): Changes {
  const isText = typeof packed === "string";
  const end = isText ? packed.indexOf("\n") : packed.indexOf(10);
  const head = JSON.parse(isText ? packed.slice(0, end) : decoder.decode(packed.subarray(0, end))) as Head;
  let at = end + 1;
  const next = (length: number, isBytes?: 1): Sealed => {
    const start = at;
    at += length;
    if (isText) return packed.slice(start, at);
    return isBytes === 1 ? packed.slice(start, at) : decoder.decode(packed.subarray(start, at));
  };
  const put = new Map<string, Sealed>();
  for (const [name, length, isBytes] of head.put) put.set(name, next(length, isBytes));
  const events = head.events.map(([seq, moment, length, isBytes]) => ({ seq, at: moment, body: next(length, isBytes) }));
  return { put, remove: head.remove, whole: head.whole === true, events };
}
