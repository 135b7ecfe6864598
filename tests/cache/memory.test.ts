import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { Agent } from "asimov-agents";
import fc from "fast-check";
import { afterEach, describe, expect, it, vi } from "vitest";
import { MemoryCache } from "#cache/memory/cache";
import { MemoryDriver } from "#cache/memory/driver";
import { SharedStore } from "#cache/shared-store";
import { AsimovError } from "#contract/base/errors";
import type { Clock } from "#contract/base/services";
import { ManualClock } from "../support/manual-clock.ts";

afterEach(() => {
  vi.useRealTimers();
});

describe("memory cache", () => {
  it("reads before it first awaits", async () => {
    const cache = new MemoryCache();
    await cache.set("key", "then");
    await cache.publishToMailbox("box", 1);
    const read = [cache.getAll(), cache.peekMailbox("box")];
    const later = [cache.set("key", "now"), cache.getMessage("box")];
    expect(await Promise.all(read)).toEqual([{ key: "then" }, [1]]);
    await Promise.all(later);
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

  it("lets values expire and receivers wait by its clock, an agent's own cache by the agent's", async () => {
    const clocks = [new ManualClock(), new ManualClock()];
    const [own, agents] = clocks as [ManualClock, ManualClock];
    const caches = [new MemoryCache({ clock: own }), new Agent({ clock: agents }).cache];
    for (const [index, cache] of caches.entries()) {
      await cache.set("key", 1, { ttlMs: 3_600_000 });
      const received = cache.getMessage("box", { timeoutMs: 7_200_000 });
      await clocks[index]?.pass(3_599_999);
      expect(await cache.get("key")).toBe(1);
      await clocks[index]?.pass(3_600_001);
      expect([await cache.get("key", "gone"), await received]).toEqual(["gone", null]);
    }
    expect(() => new MemoryCache({ clock: {} as Clock })).toThrow(/clock: expected a Clock/);
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
    const file = JSON.stringify(join(import.meta.dirname, "../../src/cache/memory/cache.ts"));
    const script = `const { MemoryCache } = await import(${file}); await new MemoryCache().set("key", 1, { ttlMs: 3_600_000 }); console.log("end");`;
    const run = spawnSync(process.execPath, ["--conditions=asimov-source", "--input-type=module", "-e", script], {
      encoding: "utf8",
      timeout: 20_000,
    });
    expect(run).toMatchObject({ stdout: "end\n", status: 0 });
  });
});

describe("memory driver", () => {
  it("drops mailboxes that nobody uses, and spaces that are empty", async () => {
    const driver = new MemoryDriver();
    const cache = new MemoryCache({ prefix: "p", suffix: "" }, new SharedStore(driver));
    const held = (): number => [...driver.inboxes.all(), ...driver.values.all()].length;
    const controller = new AbortController();
    const cancelled = cache.getMessage("cancelled", { signal: controller.signal });
    expect(held()).toBe(1);
    controller.abort(new Error("stop"));
    await expect(cancelled).rejects.toThrow("stop");
    await cache.publishToMailbox("read", 1);
    await cache.getMessage("read");
    const served = cache.getMessage("served");
    await cache.publishToMailbox("served", 1);
    await served;
    await cache.set("key", 1);
    await cache.delete("key");
    expect(held()).toBe(0);
  });

  it("lives by the clock it is given", async () => {
    let now = 1_000;
    const timers: (() => void)[] = [];
    const clock = { now: () => now, setTimeout: (fire: () => void) => timers.push(fire), clearTimeout: () => undefined };
    const cache = new MemoryCache({ prefix: "", suffix: "" }, new SharedStore(new MemoryDriver(clock)));
    await cache.set("key", 1, { ttlMs: 500 });
    now = 1_499;
    expect(await cache.get("key")).toBe(1);
    now = 1_500;
    expect(await cache.get("key", "gone")).toBe("gone");
    const received = cache.getMessage("box", { timeoutMs: 5 });
    timers.at(-1)?.();
    expect(await received).toBeNull();
  });
});
