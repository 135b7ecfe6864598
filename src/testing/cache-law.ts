/** What the laws of a cache have in common. */
import type { Cache } from "#contract/store/cache";

/** Laws by name, each checked on a fresh cache. */
export type CacheLaws = Record<string, (cache: Cache) => Promise<void>>;

/** Names that break caches which build keys, patterns or objects of them carelessly. */
export const ODD_NAMES = [
  "__proto__",
  "constructor",
  "toString",
  "../x",
  "a:b",
  ":",
  "a:",
  ":b",
  "%",
  "%3A",
  "%25",
  "@",
  "@mail",
  "mailbox",
  "*",
  "h?llo[ab]^-\\",
  "new\nline",
  "nul\u0000byte",
  " ",
  "ünï→語🙂",
  "x".repeat(5_000),
];

/** Resolves after everything that waits for its turn in this process had it; a turn of the timers, not a delay. */
export const turn = (): Promise<"waiting"> => new Promise((resolve) => setTimeout(() => resolve("waiting"), 0));
