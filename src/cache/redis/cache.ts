/** The cache in Redis: plain JSON strings and lists, which every process and any other client shares. */

import type { Affixes } from "#cache/keys";
import { SharedStore } from "#cache/shared-store";
import { StoredCache } from "#cache/stored-cache";
import { brand } from "#contract/base/brand";
import { RedisDriver } from "./driver.ts";
import { parseRedisOptions, type RedisCacheOptions } from "./options.ts";

/**
 * A cache in a Redis server, version 6.2 or later, through the package `ioredis`, which is loaded at the first operation.
 * Views made with `withPrefix` and `withSuffix` share its connection. Receivers that wait, at any number of mailboxes, take two more:
 * Redis tells over them when a mailbox changes, whichever client changed it (`CLIENT TRACKING`).
 *
 * While a connection breaks and comes back, a publish, an increment, an update and a receive still take effect once. A receive that ends
 * with `cache-unavailable` loses no message: what it took is put back to the front of its mailbox as soon as the server can be reached
 * again, however long that takes. Until then, and if this process dies or is closed before, it lies in the hash `%taken-…` of the database.
 * A message that is no JSON stays at the front of its mailbox.
 *
 * @throws AsimovError `invalid-options`. Operations reject with `cache-unavailable` (retryable; within about 5 seconds), `cache-refused`
 * (the server's own error, what to do about it, and whether anything was changed), `cache-closed`, or `missing-package`
 * @example
 * const cache = new RedisCache({ url: "redis://localhost:6379", defaultPrefix: "run-1" });
 * await cache.set("draft", { version: 1 });
 * await cache.close();
 */
export class RedisCache extends StoredCache<RedisCache> {
  constructor(options?: RedisCacheOptions);
  /** @internal A view of a store that is there already. */
  constructor(affixes: Affixes, store: SharedStore);
  constructor(options: RedisCacheOptions | Affixes = {}, store?: SharedStore) {
    if (store !== undefined) {
      super(options as Affixes, store);
      return;
    }
    const settings = parseRedisOptions(options);
    const { defaultPrefix: prefix = "", defaultSuffix: suffix = "" } = settings;
    super({ prefix, suffix }, new SharedStore(new RedisDriver(settings)));
  }

  protected viewOf(affixes: Affixes, store: SharedStore): RedisCache {
    return new RedisCache(affixes, store);
  }
}

brand(RedisCache, "RedisCache");
