/** The laws of a cache about expiry and atomic changes. */
import type { Cache } from "#contract/store/cache";
import type { CacheLaws } from "./cache-law.ts";
import { requireCode, requireEqual, requireTrue } from "./law.ts";

export function atomLaws(): CacheLaws {
  const expired = async (cache: Cache, key: string): Promise<void> => {
    // The store's clock decides; each turn asks it again.
    while ((await cache.get(key, "gone")) !== "gone") await new Promise((resolve) => setTimeout(resolve, 1));
  };
  return {
    "forgets a value after its ttlMs, and everywhere": async (cache) => {
      await cache.set("short", 1, { ttlMs: 1 });
      await cache.setMany({ brief: 2 }, { ttlMs: 1 });
      await cache.set("long", 3, { ttlMs: 60_000 });
      await expired(cache, "short");
      await expired(cache, "brief");
      requireEqual(await cache.getAll(), { long: 3 }, "all values");
      requireEqual([...(await cache.keys())], ["long"], "the keys");
      requireTrue(!(await cache.delete("short")), "there is nothing to delete");
    },
    "keeps the expiry through update and increment, and ends it by set": async (cache) => {
      await cache.setMany({ kept: 1, number: 1 }, { ttlMs: 200 });
      await cache.increment("number");
      await cache.update<number>("number", (current) => (current ?? 0) + 1);
      await cache.set("kept", 2);
      await expired(cache, "number");
      requireEqual(await cache.getAll(), { kept: 2 }, "what is left");
    },
    "increments atomically, floats and fresh keys included": async (cache) => {
      const sums = await Promise.all(Array.from({ length: 50 }, () => cache.increment("count")));
      requireEqual([...new Set(sums)].length, 50, "different sums");
      requireEqual(await cache.get("count"), 50, "the end");
      requireEqual(await cache.increment("count", -50.5), -0.5, "a float");
      await cache.set("tenth", 0.1);
      requireEqual(await cache.increment("tenth", 0.2), 0.1 + 0.2, "0.1 + 0.2 as JavaScript adds");
      await cache.set("large", Number.MAX_SAFE_INTEGER - 1);
      requireEqual(await cache.increment("large"), Number.MAX_SAFE_INTEGER, "the largest safe integer");
      requireEqual(await cache.get("large"), Number.MAX_SAFE_INTEGER, "as it is read");
      await cache.set("huge", 1e300);
      requireEqual(await cache.increment("huge", 1e300), 2e300, "a huge number");
    },
    "refuses to increment what is no number, or beyond what is finite": async (cache) => {
      for (const value of ["1", null, true, [1], {}]) {
        await cache.set("key", value);
        await requireCode(cache.increment("key"), "not-a-number", `incrementing ${JSON.stringify(value)}`);
        requireEqual(await cache.get("key"), value, "what is still there");
      }
      await cache.set("key", Number.MAX_VALUE);
      await requireCode(cache.increment("key", Number.MAX_VALUE), "not-a-number", "overflowing");
      await requireCode(cache.increment("key", Number.NaN), "not-a-number", "adding NaN");
    },
    "updates atomically: every one of many racing changes counts once": async (cache) => {
      const other = cache.withPrefix(cache.prefix);
      const add = (view: Cache) => view.update<number>("total", (current) => (current ?? 0) + 1);
      await Promise.all(Array.from({ length: 40 }, (_, index) => add(index % 2 === 0 ? cache : other)));
      requireEqual(await cache.get("total"), 40, "the total");
    },
    "changes nothing when the change throws, and goes on": async (cache) => {
      await cache.set("key", { a: 1 });
      const refused = cache.update<{ a: number }>("key", (current) => {
        if (current !== undefined) current.a = 2;
        throw Object.assign(new Error("no"), { code: "mine" });
      });
      await requireCode(refused, "mine", "the change's own error");
      requireEqual(await cache.get("key"), { a: 1 }, "the value");
      requireEqual(await cache.update<{ a: number }>("key", () => ({ a: 3 })), { a: 3 }, "the next update");
    },
  };
}
