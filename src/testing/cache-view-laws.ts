/** The laws of a cache about its views and their state. */
import { type CacheLaws, turn } from "./cache-law.ts";
import { requireCode, requireEqual, requireTrue } from "./law.ts";

export function viewLaws(): CacheLaws {
  return {
    "keeps prefixes and suffixes apart, colons and glob characters included": async (cache) => {
      const base = cache.prefix === "" ? "" : `${cache.prefix}.`;
      const affixes = ["a", "ab", "a:b", "a:", "a*", "a?", "[ab]", "a%3Ab", "a\\b", "a-b^"];
      const views = affixes.flatMap((affix) => [
        cache.withPrefix(base + affix),
        cache.withPrefix(base + affix).withSuffix("b"),
        cache.withPrefix(`${base}a`).withSuffix(affix),
      ]);
      const distinct = [...new Map(views.map((view) => [JSON.stringify([view.prefix, view.suffix]), view])).values()];
      for (const [index, view] of distinct.entries()) {
        await view.setMany({ key: index, "b:key": index });
        await view.publishToMailbox("box", index);
      }
      for (const [index, view] of distinct.entries()) {
        requireEqual(await view.getMany(["key", "b:key"]), { key: index, "b:key": index }, `${view.prefix}|${view.suffix}`);
        requireEqual([...(await view.keys())].sort(), ["b:key", "key"], `the keys of ${view.prefix}|${view.suffix}`);
        requireEqual(await view.peekMailbox("box"), [index], "the mailbox");
        requireEqual([...(await view.mailboxes())], ["box"], "the mailboxes");
      }
      for (const view of distinct) {
        await view.clear();
        requireEqual((await view.getMessage("box", { timeoutMs: 0 })) !== null, true, "the message");
        requireEqual((await view.keys()).size, 0, "the keys afterwards");
      }
    },
    "replaces the affix of a view, over the same store": async (cache) => {
      const view = cache.withPrefix(`${cache.prefix}p`).withSuffix("s");
      requireEqual([view.prefix, view.suffix], [`${cache.prefix}p`, "s"], "the affixes");
      await view.set("key", 1);
      requireEqual(await cache.get("key", "none"), "none", "the view's key from outside");
      requireEqual(await cache.withSuffix("s").withPrefix(`${cache.prefix}p`).get("key"), 1, "another view of the same affixes");
      await requireCode(
        Promise.resolve().then(() => cache.withPrefix(1 as unknown as string)),
        "invalid-prefix",
        "a prefix that is no string",
      );
    },
    "does not show the keys of a prefix to the empty prefix": async (cache) => {
      const key = `empty-${cache.prefix}-${cache.suffix}`.replaceAll(":", "-");
      const empty = cache.withPrefix("").withSuffix("");
      await cache.withPrefix("x").withSuffix(key).set("inner", 1);
      await empty.set(key, 2);
      const keys = await empty.keys();
      requireTrue(keys.has(key) && !keys.has("inner") && ![...keys].some((name) => name.includes(`:${key}`)), "only its own keys");
      requireEqual(await empty.getMany([key]), { [key]: 2 }, "its own value");
      requireTrue(await empty.delete(key), "its own key is deleted");
      requireEqual(await cache.withPrefix("x").withSuffix(key).delete("inner"), true, "the other stays until it is deleted");
    },
    "exports and imports everything under the view, expiry and mailboxes included": async (cache) => {
      await cache.setMany({ a: 1, "b:c": { deep: [null] }, ["__proto__" as string]: "odd" });
      await cache.set("short", 1, { ttlMs: 60_000 });
      for (const text of ["one", "two"]) await cache.publishToMailbox("box", text);
      await cache.publishToMailbox("other", 3);
      const state = await cache.exportState();
      await cache.clear();
      await cache.set("a", "changed");
      await cache.set("new", 1);
      await cache.publishToMailbox("box", "three");
      await cache.publishToMailbox("newbox", 1);
      await cache.importState(state, { exclusive: true });
      const again = await cache.exportState();
      const sorted = (found: typeof state): unknown => [
        [...found.values].map(([key, { json, expiresAt }]) => [key, json, expiresAt !== undefined]).sort(),
        [...found.mailboxes].sort(),
      ];
      requireEqual(sorted(again), sorted(state), "the state");
      const [before, after] = [state, again].map((found) => found.values.get("short")?.expiresAt ?? 0);
      requireTrue(Math.abs((before ?? 0) - (after ?? 0)) < 30_000, "the expiry is the same instant");
    },
    "leaves what the state does not hold when the import is not exclusive": async (cache) => {
      await cache.set("a", 1);
      await cache.publishToMailbox("box", "old");
      const state = await cache.exportState();
      await cache.setMany({ a: 2, b: 3 });
      await cache.publishToMailbox("box", "new");
      await cache.publishToMailbox("more", 1);
      await cache.importState(state, { exclusive: false });
      requireEqual(await cache.getMany(["a", "b"]), { a: 1, b: 3 }, "the values");
      requireEqual(await cache.peekMailbox("box"), ["old"], "a mailbox of the state");
      requireEqual(await cache.peekMailbox("more"), [1], "another mailbox");
    },
    "imports no value that has expired since": async (cache) => {
      await cache.set("gone", "still here");
      await cache.importState({ values: new Map([["gone", { json: "1", expiresAt: 1 }]]), mailboxes: new Map() }, { exclusive: false });
      requireEqual((await cache.keys()).size, 0, "the keys");
    },
    "imports nothing of a state that is damaged": async (cache) => {
      await cache.set("key", 1);
      await cache.publishToMailbox("box", 1);
      const damaged = [
        {
          values: new Map([
            ["other", { json: "1" }],
            ["key", { json: "{" }],
          ]),
          mailboxes: new Map(),
        },
        { values: new Map([["key", { json: "2" }]]), mailboxes: new Map([["box", ["oops"]]]) },
      ];
      for (const state of damaged) await requireCode(cache.importState(state, { exclusive: true }), "cache-value-not-json", "the import");
      requireEqual(await cache.getAll(), { key: 1 }, "the values");
      requireEqual(await cache.peekMailbox("box"), [1], "the mailbox");
    },
    "hands imported messages to receivers that wait": async (cache) => {
      const received = cache.getMessage("box");
      await turn();
      await cache.importState({ values: new Map(), mailboxes: new Map([["box", ['"hello"']]]) }, { exclusive: true });
      requireEqual(await received, "hello", "the message");
    },
  };
}
