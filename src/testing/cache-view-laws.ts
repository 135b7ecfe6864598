/** The laws of a cache about its views. */
import type { CacheLaws } from "./cache-law.ts";
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
  };
}
