/** The laws that every cache keeps, to run against a cache of your own with any test runner. */
import type { Cache } from "#contract/store/cache";
import { atomLaws } from "./cache-atom-laws.ts";
import { closingLaws, mailboxLaws } from "./cache-mailbox-laws.ts";
import { valueLaws } from "./cache-value-laws.ts";
import { viewLaws } from "./cache-view-laws.ts";
import type { Law } from "./law.ts";

export interface CacheSuiteOptions {
  /** A cache whose prefix, suffix, values and mailboxes are empty as far as this law is concerned. The suite closes it. */
  make(): Cache | Promise<Cache>;
}

/**
 * The laws of a cache. They need no test runner: each rejects, saying what was expected and what came, when it does not hold.
 *
 * @example
 * for (const { name, run } of cacheLaws({ make: () => new MyCache() })) it(name, run);
 */
export function cacheLaws({ make }: CacheSuiteOptions): Law[] {
  const laws = { ...valueLaws(), ...atomLaws(), ...viewLaws(), ...mailboxLaws(), ...closingLaws() };
  return Object.entries(laws).map(([name, law]) => ({
    name,
    run: async () => {
      const cache = await make();
      try {
        await law(cache);
      } finally {
        await cache.close();
      }
    },
  }));
}
