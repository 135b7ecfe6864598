/** What a worker does beside its runs holds none of them up: an end that its store does not note, told beside new runs and lost ones. */
import { Agent, MemoryStore, Runs, Task } from "asimov-agents";
import { SimulatedClock } from "asimov-agents/testing";
import { AgentWorker, localQueue } from "asimov-agents/worker";
import { describe, expect, it } from "vitest";
import { nodeOf } from "../waiting/pair.ts";

const taskOf = (id: string) => new Task({ id, type: "test", objective: "Work" });

/** Never says that an end was noted. */
class Forgetful extends MemoryStore {
  asked = 0;
  override endTold(): Promise<boolean> {
    this.asked++;
    return new Promise(() => {});
  }
}

describe("a worker whose store does not note that an end was told", () => {
  it("begins what is submitted, and goes on with what was lost, all the same", async () => {
    const clock = new SimulatedClock();
    const store = new Forgetful({ clock });
    const runs = new Runs(store, { clock });
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
    const hangs = nodeOf("work", () => {
      begin();
      return new Promise(() => {});
    });
    const lost = new Agent({ name: "report", clock, store, nodes: [hangs], leaseMs: 5_000 }).start(taskOf("lost"));
    lost.outcome.catch(() => {});
    await clock.runUntil(begun);
    lost.actor.stop();
    await runs.submit(taskOf("cancelled"), { agent: "report" });
    await runs.cancel("cancelled");

    const agent = new Agent({ name: "report", clock, nodes: [nodeOf("work", () => "done")] });
    const worker = new AgentWorker({ agents: [agent], store, clock, queue: localQueue({ pollMs: 1_000 }), onRefused: () => {} });
    const started = worker.start();
    await clock.advance(1_000);
    await started;
    expect(store.asked).toBe(1);
    await worker.submit(taskOf("new"), { agent: "report" });
    await clock.advance(2_000);
    expect((await runs.get("new")).status).toBe("COMPLETE");
    await clock.advance(6_000);
    expect((await runs.get("lost")).status).toBe("COMPLETE");
    await clock.runUntil(worker.stop({ graceMs: 0 }));
  });
});
