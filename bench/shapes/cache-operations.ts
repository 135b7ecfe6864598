/** Cache operations and mailbox messages a second, on both caches and beside raw ioredis that sends the same JSON. */
import { startRedisServer } from "../../tests/support/redis-server.ts";
import type { Benchmark, Figure } from "../figure.ts";
import { racer } from "../jobs.ts";
import { compare, type Spread } from "../measure.ts";
import type { Sampling } from "../trial.ts";

const STORES = ["MemoryCache", "RedisCache", "ioredis"] as const;
const OPERATIONS = ["set", "get", "increment", "publish and take a message"];
/** A receiver waits before the message is sent: one at a time alone. */
const WAITING = "hand a message to a receiver";

async function measureOperation(url: string, operation: string, limit: number, sampling: Sampling): Promise<Figure[]> {
  const count = limit === 1 ? 300 : 3_000;
  const racers = STORES.map((store) => racer(store, "cache", store, url, operation, { count, limit }));
  const spreads = await compare(racers, sampling);
  return spreads.map(({ median, lowest, highest, samples }, index): Figure => {
    const perSecond = (ms: number): number => (count / ms) * 1_000;
    const spread: Spread = { median: perSecond(median), lowest: perSecond(highest), highest: perSecond(lowest), samples };
    const shape = limit === 1 ? `${operation}, one at a time` : `${operation}, ${limit} in flight`;
    return { group: "cache", shape, contender: STORES[index] ?? "", unit: "/s", spread };
  });
}

export const cacheBenchmark: Benchmark = {
  name: "cache",
  title: "Cache operations and mailbox messages",
  async run({ sampling }) {
    const server = await startRedisServer();
    try {
      const figures: Figure[] = [];
      for (const limit of [1, 100]) {
        for (const operation of OPERATIONS) figures.push(...(await measureOperation(server.url, operation, limit, sampling)));
      }
      figures.push(...(await measureOperation(server.url, WAITING, 1, sampling)));
      return figures;
    } finally {
      await server.stop();
    }
  },
};
