/** What the store asks of Redis, in its scripts too, was there in version 6.2: the server says since when it knows each command, and each word of it. */
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RedisStore } from "#store/redis/store";
import { runStoreLaws } from "#testing/run-store-suite";
import { type RedisServer, startRedisServer } from "../support/redis-server.ts";

const OLDEST = [6, 2, 0];

/** A command, or a word of it, as `COMMAND DOCS` tells of it. */
interface Told {
  since?: string;
  token?: string;
  arguments?: Told[];
  subcommands?: Map<string, Told>;
}

/** Replies are lists in which names and values take turns. */
function toldOf(reply: unknown): Told {
  const told: Told = {};
  const list = reply as unknown[];
  for (let at = 0; at + 1 < list.length; at += 2) {
    const [name, value] = [String(list[at]), list[at + 1]];
    if (name === "since" || name === "token") told[name] = String(value);
    else if (name === "arguments") told.arguments = (value as unknown[]).map(toldOf);
    else if (name === "subcommands") told.subcommands = byName(value);
  }
  return told;
}

function byName(reply: unknown): Map<string, Told> {
  const list = reply as unknown[];
  return new Map(Array.from({ length: list.length / 2 }, (_, at) => [String(list[2 * at]), toldOf(list[2 * at + 1])]));
}

function isLater(since = "1.0.0"): boolean {
  const version = since.split(".").map(Number);
  const at = OLDEST.findIndex((number, index) => version[index] !== number);
  return at >= 0 && (version[at] ?? 0) > (OLDEST[at] ?? 0);
}

const tokensOf = ({ token, arguments: inner = [] }: Told): string[] => [
  ...(token === undefined ? [] : [token]),
  ...inner.flatMap(tokensOf),
];

/** The words of an argument, or of those in it, that came later. */
const laterWords = (told: Told): string[] => (isLater(told.since) ? tokensOf(told) : (told.arguments ?? []).flatMap(laterWords));

/** What of a command an older server does not know. */
function laterIn(name: string, told: Told | undefined, words: ReadonlySet<string>): string[] {
  if (told === undefined || isLater(told.since)) return [name];
  return [...new Set(laterWords(told))].filter((word) => words.has(word)).map((word) => `${name} ${word}`);
}

describe("what is asked of Redis", () => {
  let server: RedisServer;
  let raw: Redis;
  /** By command, or command and subcommand, each of its words. */
  const asked = new Map<string, Set<string>>();
  const docs = new Map<string, Told>();

  const note = ([command = "", ...words]: readonly string[]): void => {
    const name = command.toLowerCase();
    const sub = (docs.get(name)?.subcommands?.size ?? 0) > 0 ? `${name}|${words[0]?.toLowerCase()}` : name;
    const known = asked.get(sub) ?? new Set();
    asked.set(sub, known);
    for (const word of words) if (/^[a-z]{1,12}$/i.test(word)) known.add(word.toUpperCase());
  };
  const laterOf = (sub: string): string[] => {
    const [name = ""] = sub.split("|");
    const told = docs.get(name);
    const words = asked.get(sub) as ReadonlySet<string>;
    return laterIn(sub, name === sub ? told : told?.subcommands?.get(sub), words);
  };

  beforeAll(async () => {
    server = await startRedisServer();
    raw = new Redis(server.url);
    for (const [name, told] of byName(await raw.call("COMMAND", "DOCS"))) docs.set(name, told);
  });
  afterAll(async () => {
    raw.disconnect();
    await server.stop();
  });

  it("knows what came later than that", () => {
    for (const words of [["EXPIRE", "k", "10", "NX"], ["SINTERCARD", "1", "k"], ["CLIENT", "NO-EVICT", "ON"], ["NONE"]]) note(words);
    const found = [...asked.keys()].flatMap(laterOf);
    asked.clear();
    expect(found).toEqual(["expire NX", "sintercard", "client|no-evict", "none"]);
  });

  it("was there in 6.2, in all that the laws of a store ask for", { timeout: 120_000 }, async () => {
    const monitor = await raw.monitor();
    monitor.on("monitor", (_at: string, words: string[]) => note(words));
    const prefixes = new WeakMap<object, string>();
    const openAt = (prefix: string, options: object): RedisStore => {
      const store = new RedisStore({ url: server.url, prefix, ...options });
      prefixes.set(store, prefix);
      return store;
    };
    const laws = runStoreLaws({
      make: (options) => openAt(`${crypto.randomUUID()}:`, options),
      reopen: (store, options) => openAt(prefixes.get(store) as string, options),
    });
    for (const { run } of laws) await run();
    await expect.poll(() => asked.has("publish")).toBe(true);
    monitor.disconnect();
    expect([...asked.keys()]).toEqual(expect.arrayContaining(["evalsha", "hset", "zadd", "zrangebyscore", "time", "script|load"]));
    expect([...asked.keys()].flatMap(laterOf)).toEqual([]);
  });
});
