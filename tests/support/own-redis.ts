/** A Redis server for one group of tests alone, and a client that speaks to it past the library. */
import { Redis } from "ioredis";
import { afterAll, beforeAll } from "vitest";
import { type RedisServer, startRedisServer } from "./redis-server.ts";

/** Both are there once the tests of the group run. */
export function ownRedis(): { readonly server: RedisServer; readonly raw: Redis } {
  const own = {} as { server: RedisServer; raw: Redis };
  beforeAll(async () => {
    own.server = await startRedisServer();
    own.raw = new Redis(own.server.url);
  });
  afterAll(async () => {
    own.raw.disconnect();
    await own.server.stop();
  });
  return own;
}
