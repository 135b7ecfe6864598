/** A worker tells how many runs it took, lost, put down and left, how late, and how many there are now. */
import { Agent, defineModule, MemoryStore, Node, Task } from "asimov-agents";
import { SimulatedClock } from "asimov-agents/testing";
import { AgentWorker, localQueue } from "asimov-agents/worker";
import { describe, expect, it } from "vitest";
import { recorder } from "./recorder.ts";

const recorded = recorder();
const HOUR = 3_600_000;
const REPORT = { "gen_ai.agent.name": "report" };
const taskOf = (id: string): Task => new Task({ id, type: "test", objective: "Be counted" });

describe("a worker's figures", () => {
  it("count what was taken, recovered, fenced, put down and refused, and show what works and waits", async () => {
    const clock = new SimulatedClock();
    const store = new MemoryStore({ clock });
    let begun = Promise.withResolvers<void>();
    const work = defineModule({
      name: "work",
      process: async ({ task, signal }) => {
        if (task.id === "short") return { status: "success" };
        begun.resolve();
        return await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
      },
    });
    const agentOf = () => new Agent({ name: "report", clock, effectTimeoutMs: HOUR, nodes: [new Node({ name: "work", modules: [work] })] });
    const told: string[] = [];
    const worker = new AgentWorker({
      ...{ agents: [agentOf()], store, clock, concurrency: 1, leaseMs: HOUR, queue: localQueue({ pollMs: HOUR }) },
      onRefused: (error) => void told.push((error as { code?: string }).code ?? ""),
    });
    const seen = async (name: string) => (await recorded.figures())[`asimov.worker.${name}`];

    await worker.submit(taskOf("short"), { agent: "report" });
    await clock.advance(2_000);
    await worker.start();
    await clock.runUntil(worker.drain());
    expect(await seen("claimed")).toEqual([{ attributes: REPORT, value: 1 }]);
    expect(await seen("recovered")).toBeUndefined();
    const [lag] = (await seen("lag")) as [{ attributes: unknown; value: { count: number; sum: number } }];
    expect(lag).toMatchObject({ attributes: REPORT, value: { count: 1, sum: 2 } });

    await worker.submit(taskOf("stranger"), { agent: "poet" });
    expect(told).toEqual(["worker-unknown-agent"]);
    expect(await seen("refused")).toEqual([
      { attributes: { "gen_ai.agent.name": "poet", "error.type": "worker-unknown-agent" }, value: 1 },
    ]);

    await worker.submit(taskOf("taken"), { agent: "report" });
    await clock.runUntil(begun.promise);
    for (const id of ["later", "last"]) await worker.submit(taskOf(id), { agent: "report" });
    // What it knows of the store is a few seconds old at most.
    await clock.advance(5_000);
    expect(await seen("running")).toEqual([{ attributes: REPORT, value: 1 }]);
    expect(await seen("waiting")).toEqual([{ attributes: REPORT, value: 2 }]);
    expect(await seen("loop.held")).toEqual([{ attributes: {}, value: 0 }]);

    begun = Promise.withResolvers();
    const heir = new Agent({ name: "report", clock, store, nodes: [new Node({ name: "work", modules: [work] })] });
    const run = await heir.resume("taken", { takeOver: true });
    await clock.runUntil(begun.promise);
    await clock.runUntil(run.park());
    await expect(run.outcome).rejects.toMatchObject({ code: "run-parked" });
    // One of both is taken by the worker in place of that.
    await clock.advance(1_000);
    expect(await seen("fenced")).toEqual([{ attributes: REPORT, value: 1 }]);

    await clock.runUntil(worker.stop({ graceMs: 0 }));
    expect(await seen("given_up")).toEqual([{ attributes: { ...REPORT, "asimov.worker.reason": "stop" }, value: 1 }]);
    // An SDK keeps what it was told last.
    for (const name of ["running", "waiting"]) expect(await seen(name)).toEqual([{ attributes: REPORT, value: 0 }]);
    await store.close();
  });

  it("tell what a lost owner had left apart from what is new", async () => {
    const clock = new SimulatedClock();
    const store = new MemoryStore({ clock });
    const work = defineModule({ name: "work", process: async () => ({ status: "success" }) });
    const agent = new Agent({ name: "left", clock, nodes: [new Node({ name: "work", modules: [work] })] });
    const worker = new AgentWorker({ agents: [agent], store, clock, queue: localQueue({ pollMs: HOUR }) });
    await worker.submit(taskOf("left"), { agent: "left" });
    await store.claim("left", { id: "somebody", leaseMs: 1_000 });
    await clock.advance(4_000);
    await worker.start();
    await clock.runUntil(worker.drain());
    await worker.stop();
    const figures = await recorded.figures();
    const of = (name: string) =>
      figures[`asimov.worker.${name}`]?.find(({ attributes }) => (attributes as Record<string, unknown>)["gen_ai.agent.name"] === "left")
        ?.value;
    expect([of("claimed"), of("recovered"), of("lag")]).toMatchObject([1, 1, { count: 1, sum: 3 }]);
  });
});
