/** Cache operations and mailbox messages a second, on both caches and beside raw ioredis that sends the same JSON. */
import { setImmediate as turn } from "node:timers/promises";
import { Redis } from "ioredis";
import { type Cache, MemoryCache } from "../../src/index.ts";
import { RedisCache } from "../../src/redis.ts";
import { startRedisServer } from "../../tests/support/redis-server.ts";
import type { Benchmark, Figure } from "../figure.ts";
import { compare, type Sampling, type Spread, type Trial } from "../measure.ts";

interface Store {
  name: string;
  set(key: string, value: unknown): Promise<unknown>;
  get(key: string): Promise<unknown>;
  increment(key: string): Promise<number>;
  publish(mailbox: string, message: unknown): Promise<unknown>;
  /** What is there. */
  take(mailbox: string): Promise<unknown>;
  /** Waits. */
  receive(mailbox: string): Promise<unknown>;
  clear(): Promise<void>;
  close(): Promise<void>;
}

function cacheStore(name: string, cache: Cache): Store {
  return {
    name,
    set: (key, value) => cache.set(key, value),
    get: (key) => cache.get(key),
    increment: (key) => cache.increment(key),
    publish: (mailbox, message) => cache.publishToMailbox(mailbox, message),
    take: (mailbox) => cache.getMessage(mailbox, { timeoutMs: 0 }),
    receive: (mailbox) => cache.getMessage(mailbox),
    clear: () => cache.clear(),
    close: () => cache.close(),
  };
}

/** Messages are waited for on a connection of their own, as in `RedisCache`. */
function rawStore(url: string): Store {
  const client = new Redis(url);
  const blocking = client.duplicate();
  const parsed = (text: string | null | undefined): unknown => (text == null ? null : JSON.parse(text));
  return {
    name: "ioredis",
    set: (key, value) => client.set(`raw:${key}`, JSON.stringify(value)),
    get: async (key) => parsed(await client.get(`raw:${key}`)),
    increment: (key) => client.incrby(`raw:${key}`, 1),
    publish: (mailbox, message) => client.rpush(`raw:@${mailbox}`, JSON.stringify(message)),
    take: async (mailbox) => parsed(await client.lpop(`raw:@${mailbox}`)),
    receive: async (mailbox) => parsed((await blocking.blpop(`raw:@${mailbox}`, 0))?.[1]),
    clear: async () => {
      await client.flushdb();
    },
    close: async () => {
      blocking.disconnect();
      client.disconnect();
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
];
const WAITING: Operation = { name: "hand a message to a receiver", once: publishAndReceive };

async function inFlight(count: number, limit: number, once: (index: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < count) await once(next++);
  };
  await Promise.all(Array.from({ length: limit }, work));
}

async function measureOperation(stores: readonly Store[], operation: Operation, limit: number, sampling: Sampling): Promise<Figure[]> {
  const count = limit === 1 ? 300 : 3_000;
  const trials: Trial[] = [];
  for (const store of stores) {
    await operation.prepare?.(store);
    trials.push({
      contender: store.name,
      run: () => inFlight(count, limit, (index) => operation.once(store, index)),
      async settle() {
        await operation.check?.(store, count);
        if (operation.check !== undefined) await store.clear();
      },
    });
  }
  const spreads = await compare(trials, sampling);
  for (const store of stores) await store.clear();
  return spreads.map(({ median, lowest, highest, samples }, index): Figure => {
    const perSecond = (ms: number): number => (count / ms) * 1_000;
    const spread: Spread = { median: perSecond(median), lowest: perSecond(highest), highest: perSecond(lowest), samples };
    const shape = limit === 1 ? `${operation.name}, one at a time` : `${operation.name}, ${limit} in flight`;
    return { group: "cache", shape, contender: stores[index]?.name ?? "", unit: "/s", spread };
  });
}

export const cacheBenchmark: Benchmark = {
  name: "cache",
  title: "Cache operations and mailbox messages",
  async run({ sampling }) {
    const server = await startRedisServer();
    const stores: Store[] = [
      cacheStore("MemoryCache", new MemoryCache({ defaultPrefix: "bench" })),
      cacheStore("RedisCache", new RedisCache({ url: server.url, defaultPrefix: "bench" })),
      rawStore(server.url),
    ];
    try {
      const figures: Figure[] = [];
      for (const limit of [1, 100]) {
        for (const operation of OPERATIONS) figures.push(...(await measureOperation(stores, operation, limit, sampling)));
      }
      figures.push(...(await measureOperation(stores, WAITING, 1, sampling)));
      return figures;
    } finally {
      for (const store of stores) await store.close();
      await server.stop();
    }
  },
};
