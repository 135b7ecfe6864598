/** Nobody waits for another's backlog: neither an agent, nor a run that is new, nor one that is answered. */
import { Agent, Runs, Task } from "asimov-agents";
import { SimulatedClock } from "asimov-agents/testing";
import { AgentWorker, localQueue } from "asimov-agents/worker";
import { describe, expect, it } from "vitest";
import { storesOf } from "../runs/stores.ts";
import { nodeOf } from "../waiting/pair.ts";

const HOUR = 3_600_000;
const taskOf = (id: string) => new Task({ id, type: "test", objective: `Do ${id}` });
const flood = (name: string, count: number) => Array.from({ length: count }, (_, at) => `${name}-${at}`);

describe.each(storesOf())("a worker (%s)", (name, make) => {
  function benchOf() {
    const clock = new SimulatedClock();
    const store = make({ clock });
    const runs = new Runs(store, { clock });
    const begun: string[] = [];
    const agentOf = (agent: string) => new Agent({ name: agent, clock, nodes: [nodeOf("work", ({ task }) => void begun.push(task.id))] });
    const workerOf = (agents: Agent[], concurrency: number) =>
      new AgentWorker({ agents, store, clock, concurrency, leaseMs: 30 * HOUR, queue: localQueue({ pollMs: HOUR }) });
    const done = async (worker: AgentWorker) => {
      await clock.runUntil(worker.drain());
      await worker.stop();
      await store.close();
    };
    return { clock, runs, begun, agentOf, workerOf, done };
  }

  it("begins another agent's run within the first ends of a flood that was due before", async () => {
    const { clock, runs, begun, agentOf, workerOf, done } = benchOf();
    const ids = flood("a", name === "memory" ? 10_000 : 30);
    for (const id of ids) await runs.submit(taskOf(id), { agent: "a" });
    await clock.advance(1_000);
    const worker = workerOf([agentOf("a"), agentOf("b")], 2);
    await worker.start();
    await runs.submit(taskOf("b"), { agent: "b" });
    while (!begun.includes("b")) await clock.advance(1);
    expect(begun.indexOf("b")).toBeLessThanOrEqual(8);
    if (name === "memory") return await worker.stop({ graceMs: 0 });
    await done(worker);
    expect(new Set(begun)).toEqual(new Set([...ids, "b"]));
  });

  it("serves agents in turns, also where it has one run at a time, and an agent's own by priority", async () => {
    const { clock, runs, begun, agentOf, workerOf, done } = benchOf();
    for (const id of flood("a", 4)) {
      await runs.submit(taskOf(id), { agent: "a", priority: id === "a-2" ? 5 : 0 });
      await clock.advance(1);
    }
    for (const id of flood("b", 3)) {
      await runs.submit(taskOf(id), { agent: "b", priority: -1 });
      await clock.advance(1);
    }
    const worker = workerOf([agentOf("a"), agentOf("b")], 1);
    await worker.start();
    await done(worker);
    expect(begun).toEqual(["a-2", "b-0", "a-0", "b-1", "a-1", "b-2", "a-3"]);
  });

  it("has a run that is answered wait for what was due before, and what is due later wait for it", async () => {
    const { clock, runs, begun, workerOf, done } = benchOf();
    const [early, late] = [flood("early", 4), flood("late", 4)];
    const work = nodeOf("work", async ({ task, ask }) => {
      begun.push(task.id);
      if (task.id === "asks") for (const name of ["first", "second"]) await ask(name, { answer: { type: "boolean" } });
      // What comes from here on is due later than all that was there.
      if (/-[03]$/.test(task.id)) await new Promise((passed) => clock.setTimeout(() => passed(undefined), 1));
      // It is put down by now.
      if (task.id.endsWith("-0")) for await (const { id } of runs.questions()) await runs.answer(id, true);
      if (task.id !== "early-3") return;
      for (const id of late) await runs.submit(taskOf(id), { agent: "a" });
    });
    const worker = workerOf([new Agent({ name: "a", clock, nodes: [work] })], 1);
    for (const id of ["asks", ...early]) {
      await runs.submit(taskOf(id), { agent: "a" });
      await clock.advance(1);
    }
    await worker.start();
    await done(worker);
    expect(begun).toEqual(["asks", ...early, "asks", ...late, "asks"]);
  });
});
