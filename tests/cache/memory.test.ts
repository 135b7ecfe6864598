import { spawnSync } from "node:child_process";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, describe, expect, it, vi } from "vitest";
import { MemoryCache } from "#cache/memory";
import { MemoryStore } from "#cache/memory-store";
import { AsimovError } from "#contract/base/errors";

afterEach(() => {
  vi.useRealTimers();
});

describe("memory cache", () => {
  it("reads the state before it first awaits", async () => {
    const cache = new MemoryCache();
    await cache.set("key", "then");
    await cache.publishToMailbox("box", 1);
    const state = cache.exportState();
    const later = [cache.set("key", "now"), cache.getMessage("box")];
    expect((await state).values.get("key")).toEqual({ json: '"then"' });
    expect((await state).mailboxes.get("box")).toEqual(["1"]);
    await Promise.all(later);
  });

  it("is never shared", () => {
    expect(new MemoryCache().shared).toBe(false);
  });

  it("refuses options that it does not have, and affixes that are no strings", () => {
    for (const options of [{ prefix: "p" }, { defaultPrefix: 1 }, null, "p"]) {
      expect(() => new MemoryCache(options as object)).toThrow(expect.objectContaining({ code: "invalid-options" }));
    }
    expect(() => new MemoryCache({ defaultPrefix: "\ud83d" })).toThrow(AsimovError);
  });

  it("keeps any two views apart", async () => {
    const affix = fc.stringMatching(/^[ab:%@*]{0,4}$/);
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.tuple(affix, affix), { selector: (pair) => JSON.stringify(pair), maxLength: 8 }),
        async (pairs) => {
          const cache = new MemoryCache();
          const views = pairs.map(([prefix, suffix]) => cache.withPrefix(prefix).withSuffix(suffix));
          for (const [index, view] of views.entries()) await view.set("a:b", index);
          expect(await Promise.all(views.map((view) => view.getAll()))).toEqual(views.map((_, index) => ({ "a:b": index })));
        },
      ),
      { numRuns: 300 },
    );
  });

  it("sweeps what expired and nobody reads, with one timer, and stops when nothing expires any more", async () => {
    vi.useFakeTimers();
    const cache = new MemoryCache();
    await cache.set("short", 1, { ttlMs: 10 });
    await cache.set("long", 1, { ttlMs: 100_000 });
    await cache.set("stays", 1);
    expect(vi.getTimerCount()).toBe(1);
    vi.advanceTimersByTime(60_000);
    expect(vi.getTimerCount()).toBe(1);
    vi.advanceTimersByTime(100_000);
    expect(vi.getTimerCount()).toBe(0);
    expect([...(await cache.keys())]).toEqual(["stays"]);
  });

  it("leaves no timer behind a receive that was served, cancelled or closed", async () => {
    vi.useFakeTimers();
    const cache = new MemoryCache();
    const controller = new AbortController();
    const served = cache.getMessage("box", { timeoutMs: 1_000 });
    const cancelled = cache.getMessage("box", { timeoutMs: 1_000, signal: controller.signal });
    const closed = cache.getMessage("box", { timeoutMs: 2 ** 40 });
    expect(vi.getTimerCount()).toBe(3);
    await cache.publishToMailbox("box", 1);
    expect(await served).toBe(1);
    controller.abort(new Error("stop"));
    await expect(cancelled).rejects.toThrow("stop");
    const ended = expect(closed).rejects.toMatchObject({ code: "cache-closed" });
    await cache.close();
    await ended;
    expect(vi.getTimerCount()).toBe(0);
  });

  it("does not keep a process alive by values that expire", () => {
    const file = JSON.stringify(join(import.meta.dirname, "../../src/cache/memory.ts"));
    const script = `const { MemoryCache } = await import(${file}); await new MemoryCache().set("key", 1, { ttlMs: 3_600_000 }); console.log("end");`;
    const run = spawnSync(process.execPath, ["--conditions=asimov-source", "--input-type=module", "-e", script], {
      encoding: "utf8",
      timeout: 20_000,
    });
    expect(run).toMatchObject({ stdout: "end\n", status: 0 });
  });
});

describe("memory store", () => {
  it("drops mailboxes that nobody uses", async () => {
    const store = new MemoryStore();
    const cache = new MemoryCache({ prefix: "p", suffix: "" }, store);
    const space = "1:p";
    const controller = new AbortController();
    const cancelled = cache.getMessage("cancelled", { signal: controller.signal });
    expect(store.findInbox(space, "cancelled")).toBeDefined();
    controller.abort(new Error("stop"));
    await expect(cancelled).rejects.toThrow("stop");
    await cache.publishToMailbox("read", 1);
    await cache.getMessage("read");
    const served = cache.getMessage("served");
    await cache.publishToMailbox("served", 1);
    await served;
    for (const mailbox of ["cancelled", "read", "served"]) expect(store.findInbox(space, mailbox)).toBeUndefined();
  });
});
