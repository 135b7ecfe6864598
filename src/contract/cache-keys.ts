/** The one place that builds the names of stored keys, so that no view can name another view's key. */
import { AsimovError } from "./errors.ts";

const escape = (part: string): string => part.replace(/[%:]/g, (character) => (character === "%" ? "%25" : "%3A"));
const unescape = (part: string): string => part.replace(/%(25|3A)/g, (_, code: string) => (code === "25" ? "%" : ":"));

/** Mailbox keys start with this word where a value's key has its first letter; no escaped key can hold its colons. */
const MAILBOX = "mailbox";

export interface Affixes {
  prefix: string;
  suffix: string;
}

function affix({ prefix, suffix }: Affixes, middle: string): string {
  return (prefix === "" ? "" : `${prefix}:`) + middle + (suffix === "" ? "" : `:${escape(suffix)}`);
}

export function requireKey(key: unknown, what: "key" | "mailbox"): asserts key is string {
  if (typeof key !== "string" || key === "") {
    throw new AsimovError(`A ${what} must be a string that is not empty; got ${typeof key === "string" ? '""' : typeof key}.`, {
      code: `invalid-${what}`,
    });
  }
}

/** `prefix:key:suffix`; colons within the key are escaped, so that prefix `a` with key `b:c` is not prefix `a:b` with key `c`. */
export function valueKey(affixes: Affixes, key: string): string {
  return affix(affixes, escape(key));
}

/** `prefix:mailbox::name:suffix`: the empty part keeps it apart from every value's key. */
export function mailboxKey(affixes: Affixes, mailbox: string): string {
  return affix(affixes, `${MAILBOX}::${escape(mailbox)}`);
}

function middle(affixes: Affixes, stored: string): string | undefined {
  const start = affixes.prefix === "" ? "" : `${affixes.prefix}:`;
  const end = affixes.suffix === "" ? "" : `:${escape(affixes.suffix)}`;
  if (stored.length <= start.length + end.length || !stored.startsWith(start) || !stored.endsWith(end)) return undefined;
  return stored.slice(start.length, stored.length - end.length);
}

/** The bare key of a stored name, or undefined when the name is not a value of this view. */
export function keyOf(affixes: Affixes, stored: string): string | undefined {
  const found = middle(affixes, stored);
  return found === undefined || found.includes(":") ? undefined : unescape(found);
}

/** The bare mailbox of a stored name, or undefined when the name is not a mailbox of this view. */
export function mailboxOf(affixes: Affixes, stored: string): string | undefined {
  const found = middle(affixes, stored);
  if (!found?.startsWith(`${MAILBOX}::`)) return undefined;
  const name = found.slice(MAILBOX.length + 2);
  return name.includes(":") ? undefined : unescape(name);
}
