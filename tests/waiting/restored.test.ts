/** A run that waits and is taken up again: what waited waits again, what has come is had, and the run is put down when all that is left waits. */
import { Agent, type ModuleContext, Node, type NodeConfig, type Question, Runs } from "asimov-agents";
import { SimulatedClock } from "asimov-agents/testing";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { all, opening, storesOf } from "../runs/stores.ts";
import { HOUR, moduleOf, nodeOf, taskOf } from "./pair.ts";

const park = { whenWaiting: "park" } as const;
const yes = z.boolean();
const asks =
  (name: string) =>
  async ({ ask }: ModuleContext) =>
    (await ask(name, { answer: yes })).answer;
const failsOnce = (): (() => void) => {
  let tries = 0;
  return () => {
    if (++tries === 1) throw new Error("not yet");
  };
};
const BACKOFF: NodeConfig = { backoff: { initialMs: HOUR } };
const parallel: NodeConfig = { parallel: true };

async function openOf(runs: Runs, name: string): Promise<Question> {
  const found = (await all(runs.questions())).filter((question) => question.name === name);
  expect(found).toHaveLength(1);
  return found[0] as Question;
}

describe.each(storesOf())("a run that is taken up while some of it waits (%s)", (_driver, make) => {
  const open = opening(make);
  const setUp = () => {
    const clock = new SimulatedClock();
    const store = open({ clock });
    return { clock, store, runs: new Runs(store, { clock }) };
  };

  it.each([
    ["in its own graph", (node: Node) => node],
    ["in a graph nested three deep", (node: Node) => deep(node, 3)],
  ])("is put down again while a backoff is left, %s", async (_, within) => {
    const { clock, store, runs } = setUp();
    const flaky = failsOnce();
    const agent = () =>
      new Agent({ name: "a", clock, store, nodes: [within(nodeOf("flaky", flaky, BACKOFF)), nodeOf("asks", asks("ok?"))] });
    const dueAt = clock.now() + HOUR;
    expect(await agent().runTask(taskOf(), park)).toMatchObject({ status: "PARKED", dueAt });
    await runs.answer((await openOf(runs, "ok?")).id, true);
    expect(await clock.runUntil((await agent().resume("t", park)).outcome)).toMatchObject({ status: "PARKED", questions: [], dueAt });
    expect(clock.now()).toBeLessThan(dueAt);
    await clock.advance(HOUR);
    expect(await clock.runUntil((await agent().resume("t", park)).outcome)).toMatchObject({ status: "COMPLETE" });
  });

  it("gives each of its parallel modules the answer that it has, though there is one permit", async () => {
    const { clock, store, runs } = setUp();
    const modules = ["a", "b", "c"].map((name) => moduleOf(name, asks(name)));
    const agent = new Agent({
      name: "a",
      clock,
      store,
      maxConcurrentTasks: 1,
      nodes: [new Node({ name: "n", modules, nodeConfig: parallel })],
    });
    expect(await agent.runTask(taskOf(), park)).toMatchObject({ status: "PARKED" });
    for (const name of ["a", "b"]) await runs.answer((await openOf(runs, name)).id, true);
    const run = await agent.resume("t", park);
    expect(await clock.runUntil(run.outcome)).toMatchObject({ status: "PARKED", questions: [{ name: "c" }] });
    await runs.answer((await openOf(runs, "c")).id, true);
    expect(await clock.runUntil((await agent.resume("t", park)).outcome)).toMatchObject({
      status: "COMPLETE",
      results: { n: { a: true, b: true, c: true } },
    });
  });

  it("has the messages that came, in their order, each once, though nobody hosted it", async () => {
    const { clock, store, runs } = setUp();
    const agent = () =>
      new Agent({
        name: "a",
        clock,
        store,
        nodes: [
          nodeOf("reads", async ({ receive }) => {
            const had: unknown[] = [];
            for (let last: unknown; last !== "end"; had.push(last)) last = await receive("news", { timeoutMs: 10 * HOUR });
            return had;
          }),
        ],
      });
    await agent().runTask(taskOf(), park);
    for (const text of ["one", "two", "two", "three"]) await runs.send("t", "news", text, { id: text });
    await clock.advance(HOUR);
    expect(await clock.runUntil((await agent().resume("t", park)).outcome)).toMatchObject({ status: "PARKED" });
    for (const text of ["one", "end"]) await runs.send("t", "news", text, { id: text });
    expect(await clock.runUntil((await agent().resume("t", park)).outcome)).toMatchObject({
      results: { reads: ["one", "two", "three", "end"] },
    });
  });

  it("keeps a node's time limit for what works", async () => {
    const { clock, store, runs } = setUp();
    const agent = () =>
      new Agent({
        name: "a",
        clock,
        store,
        nodes: [new Node({ name: "n", modules: [moduleOf("m", asks("ok?"))], config: { timeoutMs: 100 } })],
      });
    await agent().runTask(taskOf(), park);
    await clock.advance(HOUR);
    const held = await agent().resume("t");
    await clock.advance(HOUR);
    await runs.answer((await openOf(runs, "ok?")).id, true);
    expect(await clock.runUntil(held.outcome)).toMatchObject({ status: "COMPLETE", errors: [] });
  });
});

function deep(node: Node, depth: number): Node {
  return depth === 0 ? node : deep(new Node({ name: `around ${depth}`, nodes: [node] }), depth - 1);
}
