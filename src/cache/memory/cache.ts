/** The cache in this process: every operation takes effect at the call, before anything is awaited. */

import { z } from "zod";
import type { Affixes } from "#cache/keys";
import { SharedStore } from "#cache/shared-store";
import { StoredCache } from "#cache/stored-cache";
import { brand } from "#contract/base/brand";
import { parseOptions } from "#contract/base/options";
import { MemoryDriver } from "./driver.ts";

export interface MemoryCacheOptions {
  /** The prefix of this view. Default: none. */
  defaultPrefix?: string;
  /** The suffix of this view. Default: none. */
  defaultSuffix?: string;
}

const schema = z.strictObject({ defaultPrefix: z.string().optional(), defaultSuffix: z.string().optional() });

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
    super(store === undefined ? affixesOf(options) : (options as Affixes), store ?? new SharedStore(new MemoryDriver()));
  }

  get shared(): boolean {
    return false;
  }

  protected viewOf(affixes: Affixes, store: SharedStore): MemoryCache {
    return new MemoryCache(affixes, store);
  }
}

function affixesOf(options: MemoryCacheOptions | Affixes): Affixes {
  const { defaultPrefix = "", defaultSuffix = "" } = parseOptions(schema, options, "MemoryCache options");
  return { prefix: defaultPrefix, suffix: defaultSuffix };
}

brand(MemoryCache, "MemoryCache");
