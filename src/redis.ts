/** The entry point `asimov-agents/redis`: the cache and the runs in Redis; it needs the package `ioredis`. */
export { RedisCache } from "./cache/redis/cache.ts";
export type { RedisCacheOptions, RedisClient } from "./cache/redis/options.ts";
export type { RedisStoreClient, RedisStoreOptions } from "./store/redis/options.ts";
export { RedisStore } from "./store/redis/store.ts";
