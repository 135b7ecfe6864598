/** A run's values and messages as named parts of JSON text, each as small as what can change alone. */
import { valueKey } from "#cache/keys";
import { SnapshotError } from "#contract/base/errors";
import type { CacheEntry } from "#contract/store/cache";
import type { Message } from "./mailbox-log.ts";

/** What a commit writes: texts by part, and the parts that are no more. */
export interface ValueChanges {
  changed: ReadonlyMap<string, string>;
  removed: readonly string[];
  /** The commit was not made: what it held is told again by the next one. */
  putBack(): void;
}

const VALUE = "value/";
const MAILBOX = "mailbox/";

export const isValuePart = (part: string): boolean => part.startsWith(VALUE) || part.startsWith(MAILBOX);

/** @param name as the cache writes it */
export const valuePart = (name: string): string => VALUE + name;
/** @param key as a module writes it */
export const partOfKey = (key: string): string => valuePart(valueKey({ prefix: "", suffix: "" }, key));
/** A part for each message, so that neither a publish nor a receive writes the others. */
export const messagePart = ({ mailbox, position }: Pick<Message, "mailbox" | "position">): string => `${MAILBOX}${position}/${mailbox}`;

export function entryText({ json, expiresAt }: CacheEntry): string {
  return expiresAt === undefined ? `{"value":${json}}` : `{"value":${json},"expiresAt":${expiresAt}}`;
}

export interface StoredValues {
  values: Map<string, CacheEntry>;
  /** In the order in which they were published. */
  messages: { mailbox: string; position: number; text: string }[];
}

function parsed(part: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw damaged(part, "is no JSON", cause);
  }
}

const damaged = (part: string, what: string, cause?: unknown): SnapshotError =>
  new SnapshotError(`The snapshot is damaged: part "${part}" ${what}.`, { code: "snapshot-damaged", cause });

function entryOf(part: string, text: string): CacheEntry {
  const held = parsed(part, text) as { value?: unknown; expiresAt?: unknown } | null;
  const { value, expiresAt } = held ?? {};
  if (value === undefined || !(expiresAt === undefined || typeof expiresAt === "number")) throw damaged(part, "holds no value");
  const json = JSON.stringify(value);
  return expiresAt === undefined ? { json } : { json, expiresAt };
}

/** Other parts are left out. @throws SnapshotError `snapshot-damaged` */
export function readValueParts(parts: Iterable<readonly [part: string, text: string]>): StoredValues {
  const values = new Map<string, CacheEntry>();
  const messages: StoredValues["messages"] = [];
  for (const [part, text] of parts) {
    if (part.startsWith(VALUE)) values.set(part.slice(VALUE.length), entryOf(part, text));
    else if (part.startsWith(MAILBOX)) {
      const [, position = "", mailbox = ""] = /^mailbox\/(\d{1,15})\/(.+)$/s.exec(part) ?? [];
      if (mailbox === "") throw damaged(part, "names no message");
      parsed(part, text);
      messages.push({ mailbox, position: Number(position), text });
    }
  }
  messages.sort((a, b) => a.position - b.position);
  return { values, messages };
}
