/** What is asked of a store for a run of a key does not grow with those that wait, for another key or for its own. */
import { MemoryStore, type RunStore, Runs } from "asimov-agents";
import { SimulatedClock } from "asimov-agents/testing";
import { expect, it } from "vitest";
import { ForwardingStore } from "#contract/store/forwarding-store";
import { LONG_MS } from "../support/long.ts";
import { Bench, limited, taskOf } from "./bench.ts";

const MANY = 10_000;

class CountingStore extends ForwardingStore {
  calls = 0;

  /** @param count with a row for each that was found */
  #count<T>(given: T, count = 1): T {
    this.calls += count;
    return given;
  }

  override create = (...given: Parameters<RunStore["create"]>) => this.#count(super.create(...given));
  override claim = (...given: Parameters<RunStore["claim"]>) => this.#count(super.claim(...given));
  override renew = (...given: Parameters<RunStore["renew"]>) => this.#count(super.renew(...given));
  override commit = (...given: Parameters<RunStore["commit"]>) => this.#count(super.commit(...given));
  override remove = (...given: Parameters<RunStore["remove"]>) => this.#count(super.remove(...given));
  override read = (...given: Parameters<RunStore["read"]>) => this.#count(super.read(...given));
  override find = async (...given: Parameters<RunStore["find"]>) => {
    const found = await super.find(...given);
    return this.#count(found, 1 + found.length);
  };
}

it(`is the same for a key beside ${MANY} waiting runs of another, and for one more of those`, { timeout: LONG_MS }, async () => {
  const clock = new SimulatedClock();
  const store = new CountingStore(new MemoryStore({ clock }));
  const bench = new Bench(store, clock);
  const held = Promise.withResolvers<void>();
  bench.work = (taskId) => (taskId.startsWith("long") ? held.promise : Promise.resolve());
  await bench.worker();
  const counted = async (work: () => Promise<unknown>): Promise<number> => {
    const before = store.calls;
    await work();
    return store.calls - before;
  };
  /** From its submit to its end. */
  const another = (id: string) => async () => {
    await bench.runs.submit(taskOf(id), limited({ concurrent: 2 }, "another"));
    await clock.runUntil(bench.end(id));
  };
  const oneMore = (id: string) => () => bench.runs.submit(taskOf(id), limited({ concurrent: 1 }, "long"));

  await oneMore("long-first")();
  await oneMore("long-second")();
  const alone = await counted(another("a"));
  const third = await counted(oneMore("long-third"));
  const runs = new Runs(store, { clock });
  // It would look at each.
  await bench.stop();
  for (let n = 0; n < MANY; n += 500) {
    await Promise.all(Array.from({ length: 500 }, (_, at) => runs.submit(taskOf(`long-${n + at}`), limited({ concurrent: 1 }, "long"))));
  }
  await bench.worker();
  expect(await counted(another("b"))).toBeLessThanOrEqual(alone + 10);
  expect(await counted(oneMore("long-last"))).toBeLessThanOrEqual(third + 10);
  held.resolve();
  await bench.close();
});
