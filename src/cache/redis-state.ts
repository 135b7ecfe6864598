/** What lies under a view in Redis: found by SCAN, read as one consistent cut, put back in one transaction. */
import type { CacheEntry, CacheState } from "#contract/store/cache";
import { type Affixes, keyOf, mailboxKey, mailboxOf, valueKey } from "./keys.ts";
import type { RedisConnection } from "./redis-connection.ts";
import { namePattern } from "./redis-keys.ts";

const SCAN_COUNT = 1_000;
/** How many keys or messages one command names. */
const CHUNK = 500;

type Command = (string | number)[];

export function chunked<T>(all: readonly T[]): T[][] {
  return Array.from({ length: Math.ceil(all.length / CHUNK) }, (_, index) => all.slice(index * CHUNK, (index + 1) * CHUNK));
}

/** The bare names under a view, each once. */
export async function scanNames(connection: RedisConnection, affixes: Affixes, kind: "value" | "mailbox"): Promise<string[]> {
  const pattern = namePattern(affixes, kind);
  const type = kind === "value" ? "string" : "list";
  const nameOf = kind === "value" ? keyOf : mailboxOf;
  const found = new Set<string>();
  let cursor = "0";
  do {
    const page = await connection.command<[string, string[]]>("scan", cursor, "MATCH", pattern, "COUNT", SCAN_COUNT, "TYPE", type);
    cursor = page[0];
    for (const stored of page[1]) {
      const name = nameOf(affixes, stored);
      if (name !== undefined) found.add(name);
    }
  } while (cursor !== "0");
  return [...found];
}

/** The texts of those keys that exist, read in the order of the keys. */
export async function readTexts(connection: RedisConnection, affixes: Affixes, keys: readonly string[]): Promise<[string, string][]> {
  const pages = await Promise.all(
    chunked(keys).map(async (chunk) => {
      const texts = await connection.command<(string | null)[]>("mget", ...chunk.map((key) => valueKey(affixes, key)));
      return texts.flatMap((text, index): [string, string][] => (text === null ? [] : [[chunk[index] as string, text]]));
    }),
  );
  return pages.flat();
}

export async function readState(connection: RedisConnection, affixes: Affixes): Promise<CacheState> {
  const [keys, mailboxes] = await Promise.all([scanNames(connection, affixes, "value"), scanNames(connection, affixes, "mailbox")]);
  const stored = keys.map((key) => valueKey(affixes, key));
  const pages = chunked(stored);
  const replies = await connection.transaction([
    ...pages.map((page) => ["mget", ...page]),
    ...stored.map((key) => ["pttl", key]),
    ...mailboxes.map((mailbox) => ["lrange", mailboxKey(affixes, mailbox), 0, -1]),
  ]);
  const now = Date.now();
  const texts = (replies.slice(0, pages.length) as (string | null)[][]).flat();
  const values = new Map<string, CacheEntry>();
  keys.forEach((key, index) => {
    const json = texts[index];
    const ttlMs = replies[pages.length + index] as number;
    if (typeof json === "string") values.set(key, ttlMs < 0 ? { json } : { json, expiresAt: now + ttlMs });
  });
  const lists = replies.slice(pages.length + stored.length) as string[][];
  const held = mailboxes.map((mailbox, index): [string, string[]] => [mailbox, lists[index] ?? []]);
  return { values, mailboxes: new Map(held.filter(([, messages]) => messages.length > 0)) };
}

export async function writeState(connection: RedisConnection, affixes: Affixes, state: CacheState, exclusive: boolean): Promise<void> {
  const removed: string[] = [...state.mailboxes.keys()].map((mailbox) => mailboxKey(affixes, mailbox));
  if (exclusive) {
    const [keys, mailboxes] = await Promise.all([scanNames(connection, affixes, "value"), scanNames(connection, affixes, "mailbox")]);
    removed.push(...keys.map((key) => valueKey(affixes, key)), ...mailboxes.map((mailbox) => mailboxKey(affixes, mailbox)));
  }
  const commands: Command[] = chunked(removed).map((page) => ["unlink", ...page]);
  for (const [key, { json, expiresAt }] of state.values) {
    const stored = valueKey(affixes, key);
    if (expiresAt === undefined) commands.push(["set", stored, json]);
    else if (expiresAt > Date.now()) commands.push(["set", stored, json, "PX", Math.ceil(expiresAt - Date.now())]);
    else commands.push(["unlink", stored]);
  }
  for (const [mailbox, texts] of state.mailboxes) {
    for (const page of chunked(texts)) commands.push(["rpush", mailboxKey(affixes, mailbox), ...page]);
  }
  await connection.transaction(commands);
}
