/** Cache operations and mailbox messages, on both caches and by raw ioredis that sends the same JSON. */
import { setImmediate as turn } from "node:timers/promises";
import { Redis } from "ioredis";
import { type Cache, MemoryCache } from "../../src/index.ts";
import { RedisCache } from "../../src/redis.ts";
import type { Trial } from "../trial.ts";

interface Store {
  set(key: string, value: unknown): Promise<unknown>;
  get(key: string): Promise<unknown>;
  increment(key: string): Promise<number>;
  publish(mailbox: string, message: unknown): Promise<unknown>;
  /** What is there. */
  take(mailbox: string): Promise<unknown>;
  /** Waits. */
  receive(mailbox: string): Promise<unknown>;
  clear(): Promise<void>;
}

function cacheStore(cache: Cache): Store {
  return {
    set: (key, value) => cache.set(key, value),
    get: (key) => cache.get(key),
    increment: (key) => cache.increment(key),
    publish: (mailbox, message) => cache.publishToMailbox(mailbox, message),
    take: (mailbox) => cache.getMessage(mailbox, { timeoutMs: 0 }),
    receive: (mailbox) => cache.getMessage(mailbox),
    clear: () => cache.clear(),
  };
}

/** Messages are waited for on a connection of their own, as in `RedisCache`. */
function rawStore(url: string): Store {
  const client = new Redis(url);
  const blocking = client.duplicate();
  const parsed = (text: string | null | undefined): unknown => (text == null ? null : JSON.parse(text));
  return {
    set: (key, value) => client.set(`raw:${key}`, JSON.stringify(value)),
    get: async (key) => parsed(await client.get(`raw:${key}`)),
    increment: (key) => client.incrby(`raw:${key}`, 1),
    publish: (mailbox, message) => client.rpush(`raw:@${mailbox}`, JSON.stringify(message)),
    take: async (mailbox) => parsed(await client.lpop(`raw:@${mailbox}`)),
    receive: async (mailbox) => parsed((await blocking.blpop(`raw:@${mailbox}`, 0))?.[1]),
    clear: async () => {
      await client.flushdb();
    },
  };
}

const VALUE = { text: "a small value", items: [1, 2, 3], nested: { done: false } };
const EXPECTED = JSON.stringify(VALUE);

function expectSame(value: unknown): void {
  const json = JSON.stringify(value);
  if (json !== EXPECTED) throw new Error(`Read ${json}, expected ${EXPECTED}.`);
}

interface Operation {
  name: string;
  /** Before the time is taken. */
  prepare?(store: Store): Promise<unknown>;
  once(store: Store, index: number): Promise<unknown>;
  /** Checks what is left. */
  check?(store: Store, count: number): Promise<void>;
}

async function publishAndReceive(store: Store, index: number): Promise<void> {
  const received = store.receive("inbox");
  // The receiver has asked before the message is sent.
  await turn();
  await store.publish("inbox", index);
  const message = await received;
  if (message !== index) throw new Error(`Received ${JSON.stringify(message)}, expected ${index}.`);
}

const OPERATIONS: readonly Operation[] = [
  {
    name: "set",
    once: (store, index) => store.set(`key-${index % 100}`, VALUE),
    check: async (store) => expectSame(await store.get("key-0")),
  },
  { name: "get", prepare: (store) => store.set("key", VALUE), once: async (store) => expectSame(await store.get("key")) },
  {
    name: "increment",
    once: (store) => store.increment("count"),
    async check(store, count) {
      const counted = await store.get("count");
      if (counted !== count) throw new Error(`Counted to ${JSON.stringify(counted)}, expected ${count}.`);
    },
  },
  {
    name: "publish and take a message",
    once: async (store) => {
      await store.publish("mail", VALUE);
      expectSame(await store.take("mail"));
    },
  },
  { name: "hand a message to a receiver", once: publishAndReceive },
];

async function inFlight(count: number, limit: number, once: (index: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < count) await once(next++);
  };
  await Promise.all(Array.from({ length: limit }, work));
}

export type StoreName = "MemoryCache" | "RedisCache" | "ioredis";

function storeNamed(name: StoreName, url: string): Store {
  if (name === "ioredis") return rawStore(url);
  const defaultPrefix = "bench";
  return cacheStore(name === "MemoryCache" ? new MemoryCache({ defaultPrefix }) : new RedisCache({ url, defaultPrefix }));
}

/** So many operations, up to `limit` of them in flight. */
export async function operationTrial(name: StoreName, url: string, operation: string, { count, limit }: { count: number; limit: number }) {
  const wanted = OPERATIONS.find((known) => known.name === operation);
  if (wanted === undefined) throw new Error(`There is no operation ${operation}.`);
  const store = storeNamed(name, url);
  await wanted.prepare?.(store);
  const trial: Trial = {
    run: () => inFlight(count, limit, (index) => wanted.once(store, index)),
    async settle() {
      await wanted.check?.(store, count);
      if (wanted.check !== undefined) await store.clear();
    },
  };
  return trial;
}
