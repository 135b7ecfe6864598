/** A worker that hosts a parent and its child wakes each for the other, and tells of what either asks. */
import { Agent, agentModule, defineQuestion, Node, type Question, Runs, Task } from "asimov-agents";
import { SimulatedClock } from "asimov-agents/testing";
import { AgentWorker, localQueue } from "asimov-agents/worker";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { storesOf } from "../runs/stores.ts";

describe.each(storesOf())("a worker of a parent and its child (%s)", (_, make) => {
  it("parks both, and goes on with the child by its answer, and with the parent by the child's end", async () => {
    const clock = new SimulatedClock();
    const store = make({ clock });
    const runs = new Runs(store, { clock });
    const asked: Question[] = [];
    const worker = (): AgentWorker => {
      const approve = new Node({ name: "approve", modules: [defineQuestion({ name: "approve", answer: z.object({ ok: z.boolean() }) })] });
      const inner = new Agent({ name: "inner", clock, nodes: [approve] });
      const ask = agentModule(inner, { name: "ask", task: () => ({ objective: "Ask" }) });
      const outer = new Agent({ name: "outer", clock, nodes: [new Node({ name: "ask", modules: [ask] })] });
      const onQuestion = (question: Question) => void asked.push(question);
      return new AgentWorker({ agents: [outer, inner], store, clock, queue: localQueue({ pollMs: 1_000 }), onQuestion });
    };
    const first = worker();
    await first.start();
    await first.submit(new Task({ id: "t", type: "test", objective: "Ask" }), { agent: "outer" });
    await clock.runUntil(first.drain());
    await first.stop();
    const child = (await runs.get("t")).nodes.ask?.childTaskId ?? "";
    expect([(await runs.get("t")).status, (await runs.get(child)).status]).toEqual(["PARKED", "PARKED"]);
    expect(asked).toMatchObject([{ taskId: child, agent: "inner" }]);

    await runs.answer(asked[0]?.id ?? "", { ok: true });
    const second = worker();
    await second.start();
    await clock.runUntil(second.drain());
    expect([(await runs.get("t")).status, (await runs.get(child)).status]).toEqual(["COMPLETE", "COMPLETE"]);
    expect(await runs.value("t", ["nodes", "ask", "result"])).toEqual({ ok: true });
    await second.stop();
    await store.close();
  });
});
