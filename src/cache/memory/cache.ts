/** The cache in this process: every operation takes effect at the call, before anything is awaited. */

import * as z from "zod/mini";
import type { Affixes } from "#cache/keys";
import { SharedStore } from "#cache/shared-store";
import { StoredCache } from "#cache/stored-cache";
import { brand } from "#contract/base/brand";
import { lazily } from "#contract/base/lazily";
import { clockSchema, parseOptions } from "#contract/base/options";
import type { Clock } from "#contract/base/services";
import { MemoryDriver } from "./driver.ts";

export interface MemoryCacheOptions {
  /** The prefix of this view. Default: none. */
  defaultPrefix?: string;
  /** The suffix of this view. Default: none. */
  defaultSuffix?: string;
  /** By which values expire and receivers wait. Default the system's; the cache that an agent makes has the agent's. */
  clock?: Clock;
}

const schema = lazily(() =>
  z.strictObject({
    defaultPrefix: z.optional(z.string()),
    defaultSuffix: z.optional(z.string()),
    clock: z.optional(clockSchema),
  }),
);

/**
 * A cache that lives as long as the process, without any server. Views made with `withPrefix` and `withSuffix` share its store.
 *
 * @throws AsimovError `invalid-options`; every operation after `close` rejects with `cache-closed`
 * @example
 * const cache = new MemoryCache({ defaultPrefix: "run-1" });
 * await cache.set("draft", { version: 1 }, { ttlMs: 60_000 });
 */
export class MemoryCache extends StoredCache<MemoryCache> {
  constructor(options?: MemoryCacheOptions);
  /** @internal A view of a store that is there already. */
  constructor(affixes: Affixes, store: SharedStore);
  constructor(options: MemoryCacheOptions | Affixes = {}, store?: SharedStore) {
    if (store !== undefined) {
      super(options as Affixes, store);
      return;
    }
    const { defaultPrefix: prefix = "", defaultSuffix: suffix = "", clock } = parseOptions(schema(), options, "MemoryCache options");
    super({ prefix, suffix }, new SharedStore(new MemoryDriver(clock)));
  }

  protected viewOf(affixes: Affixes, store: SharedStore): MemoryCache {
    return new MemoryCache(affixes, store);
  }
}

brand(MemoryCache, "MemoryCache");
