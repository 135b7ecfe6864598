/** The entry point `asimov-agents/redis`: the cache in Redis; it needs the package `ioredis`. */
export { RedisCache } from "./cache/redis/cache.ts";
export type { RedisCacheOptions, RedisClient } from "./cache/redis/options.ts";
