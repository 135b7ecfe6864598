/** A queue that gives turns is told of a run when its key lets it go, and of nothing that waits. */
import { Runs } from "asimov-agents";
import { RedisStore } from "asimov-agents/redis";
import { AgentWorker, type BullQueue, bullQueue } from "asimov-agents/worker";
import { afterEach, expect, inject, it } from "vitest";
import { Bench, limited, taskOf } from "./bench.ts";

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

it("runs what a limit lets go, by two workers of BullMQ, and no more at a time", { timeout: 60_000 }, async () => {
  const name = crypto.randomUUID().replaceAll("-", "");
  const store = new RedisStore({ url: inject("redisUrl"), prefix: `${name}-runs:` });
  closing.push(() => store.close());
  const queueOf = (): BullQueue => {
    const queue = bullQueue({ connection: inject("redisUrl"), prefix: name });
    closing.push(() => queue.close());
    return queue;
  };
  const bench = new Bench(store);
  for (let n = 0; n < 2; n++) {
    const worker = new AgentWorker({ agents: [bench.agent()], store, queue: queueOf() });
    closing.push(() => worker.stop({ graceMs: 0 }));
    await worker.start();
  }
  /** By agent, the runs that it was told of. */
  const told = new Map<string, Set<string>>();
  const queue = queueOf();
  const tell = queue.tell?.bind(queue);
  const telling: BullQueue = Object.assign(Object.create(queue) as BullQueue, {
    tell: async (run: Parameters<NonNullable<typeof tell>>[0]) => {
      told.set(run.agent, (told.get(run.agent) ?? new Set()).add(run.taskId));
      await tell?.(run);
    },
  });
  const runs = new Runs(store, { queue: telling });
  const ids = Array.from({ length: 12 }, (_, n) => `k-${n}`);
  await runs.submit(taskOf("k-held"), limited({ concurrent: 1 }));
  await Promise.all(ids.map((id) => runs.submit(taskOf(id), limited({ concurrent: 1 }))));
  for (const id of ids) expect(await bench.end(id)).toBe("COMPLETE");
  expect(bench.begun.map(({ taskId }) => taskId)).toEqual(["k-held", ...ids]);
  expect(bench.working.get("k")?.most).toBe(1);
  // Of runs, and of the key's record, and not of what keeps their order.
  expect([...told.keys()].toSorted()).toEqual(["asimov.schedule", "report"]);
  expect(told.get("report")).toContain("k-held");
  expect(told.get("asimov.schedule")?.size).toBe(1);
});
