/** The names of a view as a glob for SCAN, in which the prefix and the suffix stand for themselves. */
import { type Affixes, mailboxKey, valueKey } from "./keys.ts";

const literal = (text: string): string => text.replace(/[\\*?[\]^-]/g, "\\$&");

/** Stands in for the bare name; neither an affix nor an escape can hold it twice in a row. */
const ANY = "\u0000\u0000";

/** What it finds still has to pass `keyOf` or `mailboxOf`: `*` also matches the colons of longer prefixes. */
export function namePattern(affixes: Affixes, kind: "value" | "mailbox"): string {
  const stored = kind === "value" ? valueKey(affixes, ANY) : mailboxKey(affixes, ANY);
  const at = stored.lastIndexOf(ANY);
  return `${literal(stored.slice(0, at))}*${literal(stored.slice(at + ANY.length))}`;
}

/** Where the replies of one cache's scripts lie; no view can build this name. */
export const repliesKey = (cacheId: string): string => `%replies-${cacheId}`;
