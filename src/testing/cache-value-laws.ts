/** The laws of a cache about its values. */
import { type CacheLaws, ODD_NAMES } from "./cache-law.ts";
import { requireCode, requireEqual, requireTrue } from "./law.ts";

/** What JSON can hold, hostile keys included. */
const VALUES: unknown[] = [
  null,
  true,
  0,
  -1.5,
  1e300,
  "",
  'text "quoted"\n',
  "half \ud83d pair",
  [],
  {},
  [1, [2, [null]]],
  { nested: { list: [1, "two", null] } },
  JSON.parse('{"__proto__":{"polluted":true},"constructor":1}'),
];

export function valueLaws(): CacheLaws {
  return {
    "gives back what was set": async (cache) => {
      for (const value of VALUES) {
        await cache.set("key", value);
        requireEqual(await cache.get("key"), value, "the value");
      }
    },
    "rejects a missing key with cache-key-missing, and gives a default where there is one, `undefined` included": async (cache) => {
      await requireCode(cache.get("missing"), "cache-key-missing", "without a default");
      requireEqual(await cache.get("missing", { fallback: 1 }), { fallback: 1 }, "with a default");
      requireTrue((await cache.get("missing", undefined)) === undefined, "an explicit undefined is a default");
      await cache.set("there", null);
      requireTrue((await cache.get("there", "default")) === null, "a stored null is there");
    },
    "copies values on the way in and out": async (cache) => {
      const value = { list: [1] };
      await cache.set("key", value);
      value.list.push(2);
      const read = await cache.get<typeof value>("key");
      read.list.push(3);
      requireEqual(await cache.get("key"), { list: [1] }, "the stored value");
    },
    "refuses what JSON cannot hold by its path, and keeps what was there": async (cache) => {
      await cache.set("key", "before");
      for (const value of [undefined, () => 1, { deep: [Number.NaN] }, new Map(), 1n]) {
        await requireCode(cache.set("key", value), "not-json", "set");
        await requireCode(cache.setMany({ other: 1, key: value }), "not-json", "setMany");
        await requireCode(
          cache.update("key", () => value),
          "not-json",
          "update",
        );
        await requireCode(cache.publishToMailbox("box", value), "not-json", "publishToMailbox");
      }
      requireEqual(await cache.getAll(), { key: "before" }, "all values");
      requireEqual(await cache.peekMailbox("box"), [], "the mailbox");
    },
    "changes no prototype, whatever keys it holds": async (cache) => {
      await cache.set("__proto__", { polluted: true });
      await cache.set("value", JSON.parse('{"__proto__":{"polluted":true}}'));
      for (const record of [await cache.getAll(), await cache.getMany(["__proto__", "value"]), await cache.get<object>("value")]) {
        requireTrue(Object.getPrototypeOf(record) === Object.prototype, "a record has the plain prototype");
        requireTrue((record as { polluted?: unknown }).polluted === undefined, "nothing is inherited");
        requireTrue(Object.hasOwn(record, "__proto__"), "the key is an own property");
      }
      requireTrue(({} as { polluted?: unknown }).polluted === undefined, "Object.prototype is untouched");
    },
    "keeps odd keys apart": async (cache) => {
      for (const name of ODD_NAMES) await cache.set(name, name);
      for (const name of ODD_NAMES) requireEqual(await cache.get(name), name, `key ${JSON.stringify(name.slice(0, 20))}`);
      requireEqual([...(await cache.keys())].sort(), [...ODD_NAMES].sort(), "all keys");
      requireEqual(Object.keys(await cache.getAll()).sort(), [...ODD_NAMES].sort(), "the keys of all values");
      for (const name of ODD_NAMES) requireTrue(await cache.delete(name), "each is deleted");
      requireEqual([...(await cache.keys())], [], "the keys left");
    },
    "refuses keys that are empty, broken or no strings": async (cache) => {
      for (const key of ["", "half \ud83d pair", 5 as unknown as string]) {
        await requireCode(cache.get(key, 1), "invalid-key", "get");
        await requireCode(cache.set(key, 1), "invalid-key", "set");
        await requireCode(cache.getMany([key]), "invalid-key", "getMany");
        await requireCode(cache.delete(key), "invalid-key", "delete");
        await requireCode(cache.increment(key), "invalid-key", "increment");
        await requireCode(cache.publishToMailbox(key, 1), "invalid-mailbox", "publishToMailbox");
        await requireCode(cache.getMessage(key, { timeoutMs: 0 }), "invalid-mailbox", "getMessage");
      }
    },
    "refuses options that it does not have": async (cache) => {
      const unknown = { ttl: 5 };
      await requireCode(cache.set("key", 1, unknown as object), "invalid-options", "set");
      await requireCode(cache.setMany({ key: 1 }, unknown as object), "invalid-options", "setMany");
      await requireCode(cache.setMany({ key: 1 }, { raw: true } as object), "invalid-options", "setMany");
      await requireCode(cache.get("key", 1, unknown as object), "invalid-options", "get");
      await requireCode(cache.get("key", 1, { ttlMs: 5 } as object), "invalid-options", "get");
      await requireCode(cache.delete("key", unknown as object), "invalid-options", "delete");
      await requireCode(cache.getMessage("box", { timeout: 0 } as object), "invalid-options", "getMessage");
      for (const ttlMs of [0, -1, Number.NaN, Number.POSITIVE_INFINITY, "5" as unknown as number]) {
        await requireCode(cache.set("key", 1, { ttlMs }), "invalid-options", "set");
        await requireCode(cache.setMany({ key: 1 }, { ttlMs }), "invalid-options", "setMany");
      }
      requireEqual(await cache.getAll(), {}, "what was stored");
    },
    "sets and reads many, leaving out what is missing": async (cache) => {
      await cache.setMany({ a: 1, b: [2], ["__proto__" as string]: 3 });
      await cache.setMany({});
      requireEqual(await cache.getMany(["b", "missing", "a"]), { b: [2], a: 1 }, "the values");
      requireEqual(await cache.getMany([]), {}, "nothing");
    },
    "tells whether it deleted": async (cache) => {
      await cache.set("key", 1);
      requireTrue(await cache.delete("key"), "the first delete");
      requireTrue(!(await cache.delete("key")), "the second delete");
    },
    "clears values, and leaves mailboxes": async (cache) => {
      await cache.setMany({ a: 1, b: 2 });
      await cache.publishToMailbox("a", "message");
      await cache.clear();
      requireEqual([...(await cache.keys())], [], "the keys");
      requireEqual(await cache.peekMailbox("a"), ["message"], "the mailbox");
    },
    "reads, writes and deletes raw names as they stand": async (cache) => {
      const view = cache.withPrefix(`${cache.prefix}raw`).withSuffix("end");
      const name = `${view.prefix}:key:end`;
      await cache.set(name, 1, { raw: true });
      const plain = view.prefix.includes(":") ? view.withSuffix("end") : view;
      requireEqual(await plain.get("key"), 1, "the value by its key");
      requireEqual(await cache.get(name, undefined, { raw: true }), 1, "the value by its raw name");
      requireTrue(await cache.delete(name, { raw: true }), "the raw delete");
      requireEqual(await plain.get("key", "gone"), "gone", "the value afterwards");
    },
    "holds thousands of values": async (cache) => {
      const values = Object.fromEntries(Array.from({ length: 3_000 }, (_, index) => [`key-${index}`, index]));
      await cache.setMany(values);
      const all = await cache.getAll();
      requireTrue(Object.keys(all).length === 3_000 && all["key-2999"] === 2_999, "all are there");
      await cache.clear();
      requireEqual((await cache.keys()).size, 0, "the keys left");
    },
  };
}
