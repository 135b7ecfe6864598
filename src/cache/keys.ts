/** The one place that builds and reads the names of stored keys, so that no view can name another view's key. */
import { AsimovError } from "#contract/base/errors";

export interface Affixes {
  prefix: string;
  suffix: string;
}

/** A stored name, taken apart. */
export interface StoredName extends Affixes {
  kind: "value" | "mailbox";
  /** The bare key or mailbox. */
  name: string;
}

/** What no key and no suffix may hold as it stands; a leading `@` marks a mailbox. */
const RESERVED = /[%:]|^@/g;
const encoded = (part: string): string => part.replace(RESERVED, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
const decoded = (part: string): string => part.replace(/%(25|3A|40)/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));

/** @throws AsimovError `invalid-key` or `invalid-mailbox` */
export function requireKey(key: unknown, what: "key" | "mailbox"): asserts key is string {
  if (typeof key === "string" && key !== "" && key.isWellFormed()) return;
  const came = typeof key !== "string" ? typeof key : key === "" ? '""' : "one with half of a surrogate pair";
  throw new AsimovError(`A ${what} must be a string of whole characters that is not empty; got ${came}.`, { code: `invalid-${what}` });
}

/** @throws AsimovError `invalid-prefix` or `invalid-suffix` */
export function requireAffix(affix: unknown, what: "prefix" | "suffix"): string {
  if (typeof affix === "string" && affix.isWellFormed()) return affix;
  const came = typeof affix === "string" ? "one with half of a surrogate pair" : typeof affix;
  throw new AsimovError(`A ${what} must be a string of whole characters (empty for none); got ${came}.`, { code: `invalid-${what}` });
}

/**
 * `segment` alone, `prefix:segment`, or `prefix:segment:suffix`. A prefix that holds a colon keeps the colon of its empty
 * suffix (`a:b:key:`), and so does a suffix without a prefix (`:key:suffix`): without, prefix `a:b` with key `c` would be
 * stored where prefix `a`, key `b` and suffix `c` are.
 */
function join({ prefix, suffix }: Affixes, segment: string): string {
  if (suffix !== "" || prefix.includes(":")) return `${prefix}:${segment}:${encoded(suffix)}`;
  return prefix === "" ? segment : `${prefix}:${segment}`;
}

/** `prefix:key:suffix`; colons and percent signs within the key are escaped, as `%3A` and `%25`. */
export function valueKey(affixes: Affixes, key: string): string {
  return join(affixes, encoded(key));
}

/** `prefix:@mailbox:suffix`; a key that starts with `@` is escaped, so that no value is stored there. */
export function mailboxKey(affixes: Affixes, mailbox: string): string {
  return join(affixes, `@${encoded(mailbox)}`);
}

function split(stored: string): [prefix: string, segment: string, suffix: string] | undefined {
  const last = stored.lastIndexOf(":");
  if (last === -1) return ["", stored, ""];
  if (stored.indexOf(":") === last) return last === 0 ? undefined : [stored.slice(0, last), stored.slice(last + 1), ""];
  const middle = stored.lastIndexOf(":", last - 1);
  const prefix = stored.slice(0, middle);
  const suffix = stored.slice(last + 1);
  return suffix === "" && !prefix.includes(":") ? undefined : [prefix, stored.slice(middle + 1, last), suffix];
}

/** The view and bare name behind a stored name, or undefined when no view would store it there. */
export function readName(stored: string): StoredName | undefined {
  const parts = split(stored);
  if (parts === undefined) return undefined;
  const [prefix, segment, escapedSuffix] = parts;
  const kind = segment.startsWith("@") ? "mailbox" : "value";
  const escapedName = kind === "mailbox" ? segment.slice(1) : segment;
  const name = decoded(escapedName);
  const suffix = decoded(escapedSuffix);
  if (name === "" || encoded(name) !== escapedName || encoded(suffix) !== escapedSuffix) return undefined;
  return { prefix, suffix, kind, name };
}

/** The prefix of a key space within another; no other name, and no space within another prefix, has the same. Under no prefix it is the name alone. */
export function prefixWithin(prefix: string, name: string): string {
  return prefix === "" ? encoded(name) : `${prefix}:${encoded(name)}`;
}

function nameIn(affixes: Affixes, stored: string, kind: StoredName["kind"]): string | undefined {
  const found = readName(stored);
  return found?.kind === kind && found.prefix === affixes.prefix && found.suffix === affixes.suffix ? found.name : undefined;
}

/** The bare key of a stored name, or undefined when the name is not a value of this view. */
export function keyOf(affixes: Affixes, stored: string): string | undefined {
  return nameIn(affixes, stored, "value");
}

/** The bare mailbox of a stored name, or undefined when the name is not a mailbox of this view. */
export function mailboxOf(affixes: Affixes, stored: string): string | undefined {
  return nameIn(affixes, stored, "mailbox");
}

const literal = (text: string): string => text.replace(/[\\*?[\]^-]/g, "\\$&");

/** Stands in for the bare name; neither an affix nor an escape can hold it twice in a row. */
const ANY = "\u0000\u0000";

/**
 * The names of a view as a glob, in which the prefix and the suffix stand for themselves.
 * What it finds still has to pass `keyOf` or `mailboxOf`: `*` also matches the colons of longer prefixes.
 */
export function namePattern(affixes: Affixes, kind: StoredName["kind"]): string {
  const stored = kind === "value" ? valueKey(affixes, ANY) : mailboxKey(affixes, ANY);
  const at = stored.lastIndexOf(ANY);
  return `${literal(stored.slice(0, at))}*${literal(stored.slice(at + ANY.length))}`;
}

/** Where the replies to one cache's calls lie; no view can build this name. */
export const repliesKey = (cacheId: string): string => `%replies-${cacheId}`;

/** Where the messages lie that one cache took and has not acknowledged; no view can build this name. */
export const takenKey = (cacheId: string): string => `%taken-${cacheId}`;
