/** Votes count in their visit alone; only what may be decided is offered; without a usable vote the default holds. */
import { describe, expect, it } from "vitest";
import { Agent } from "../../src/agent.ts";
import { MemoryCache } from "../../src/cache/memory.ts";
import { defineModule, type ModuleResult } from "../../src/contract/module.ts";
import { Node } from "../../src/contract/node.ts";
import { Task } from "../../src/contract/task.ts";
import { AgentDirectedFlowControl, type AgentDirectedFlowInit } from "../../src/inference/agent-directed-flow-control.ts";
import { ScriptedInferenceClient } from "../../src/testing/scripted-inference-client.ts";

const says = (...answers: string[]) => new ScriptedInferenceClient(answers);
const decisions = [
  { nextNode: "red", metadata: { description: "The text is angry" } },
  { nextNode: "green", metadata: { description: "The text is calm" } },
  { nextNode: "never", condition: "locked == false" },
];

async function vote(init: Partial<AgentDirectedFlowInit> & Pick<AgentDirectedFlowInit, "voters">, cache = new MemoryCache()) {
  await cache.set("locked", true);
  const module = new AgentDirectedFlowControl({ name: "choose", flowConfig: { decisions, default: "fallback" }, ...init });
  const end = (name: string) =>
    new Node({ name, dependencies: ["choose"], modules: [defineModule({ name, process: async () => ({ status: "success" }) })] });
  const agent = new Agent({
    cache,
    nodes: [new Node({ name: "choose", type: "FLOW_CONTROL", modules: [module] }), ...["red", "green", "never", "fallback"].map(end)],
  });
  const outcome = await agent.runTask(new Task({ type: "t", objective: "sort" }));
  const result = outcome.results.choose?.results[0] as ModuleResult & {
    ballots: { status: string; decision?: string }[];
    tally: Record<string, unknown>;
  };
  return { outcome, result, ran: Object.keys(outcome.executions) };
}

describe("votes", () => {
  it("take the decision with the most votes, and keep each ballot", async () => {
    const { result, outcome } = await vote({
      voters: [
        says('{"decision":"green","reason":"it is calm"}'),
        says("green"),
        says("I say red, clearly."),
        says("ABSTAIN"),
        says("blue"),
      ],
    });
    expect(outcome.status).toBe("COMPLETE");
    expect(result.decision).toBe("green");
    expect(result.ballots.map(({ status }) => status)).toEqual(["valid", "valid", "valid", "abstained", "invalid"]);
    expect(result.ballots[0]).toMatchObject({ voter: "scripted 1", decision: "green", reason: "it is calm" });
    expect(result.tally).toMatchObject({ votes: { red: 1, green: 2 }, valid: 3, abstained: 1, invalid: 1, isTie: false, winner: "green" });
  });

  it("offer only decisions whose condition holds", async () => {
    const voter = says("never");
    const { result } = await vote({ voters: [voter] });
    expect(JSON.stringify(voter.calls)).toContain("The text is angry");
    expect(JSON.stringify(voter.calls)).not.toContain("never");
    expect(result).toMatchObject({ decision: "fallback", ballots: [{ status: "invalid" }] });
  });

  it("go to the default when no ballot is usable, be it that every voter failed", async () => {
    const failing = () => {
      throw new Error("no line");
    };
    const { result } = await vote({ voters: [failing, () => null] });
    expect(result).toMatchObject({ decision: "fallback", ballots: [{ status: "failed", problem: "no line" }, { status: "abstained" }] });
  });

  it("need the quorum", async () => {
    const voters = [() => "red", () => null, () => null];
    expect((await vote({ voters, quorum: 2 })).result.decision).toBe("fallback");
    expect((await vote({ voters, quorum: 1 })).result.decision).toBe("red");
  });

  it("break a tie by the order of the decisions, or by the default where that is asked for", async () => {
    const voters = [() => "green", () => "red"];
    expect((await vote({ voters })).result).toMatchObject({ decision: "red", tally: { isTie: true } });
    expect((await vote({ voters, tieBreak: "default" })).result.decision).toBe("fallback");
  });

  it("show examples, instructions and the history of the cache", async () => {
    const cache = new MemoryCache();
    await cache.set("log", ["it rained"]);
    const voter = says("red");
    await vote(
      { voters: [voter], instructions: "Mind the tone.", historyKey: "log", examples: [{ situation: "GRR!", decision: "red" }] },
      cache,
    );
    const asked = JSON.stringify(voter.calls);
    for (const text of ["Mind the tone.", "it rained", "GRR!"]) expect(asked).toContain(text);
  });

  it("of one visit never count in another", async () => {
    const counts: number[] = [];
    let round = 0;
    const module = new AgentDirectedFlowControl({
      name: "again?",
      flowConfig: { decisions: [{ nextNode: "work" }, { nextNode: "done" }] },
      voters: [() => (++round === 1 ? "work" : "done"), () => (round === 1 ? "work" : "done")],
    });
    const step = (name: string, dependencies: string[]) =>
      new Node({ name, dependencies, modules: [defineModule({ name, process: async () => ({ status: "success" }) })] });
    const agent = new Agent({
      nodes: [
        step("work", []),
        new Node({ name: "again?", type: "FLOW_CONTROL", dependencies: ["work"], modules: [module] }),
        step("done", ["again?"]),
      ],
    });
    const run = agent.start(new Task({ type: "t", objective: "twice" }));
    for await (const event of run.events()) {
      if (event.type === "node.completed" && event.node === "again?") {
        const result = agent.nodeResults["again?"]?.results[0] as ModuleResult & { tally: { valid: number } };
        counts.push(result.tally.valid);
      }
    }
    expect((await run.outcome).executions).toMatchObject({ work: 2, "again?": 2, done: 1 });
    expect(counts).toEqual([2, 2]);
  });

  it.each([
    [{ voters: [] }, "at least one voter"],
    [{ voters: [() => "red"], quorum: 2 }, "quorum"],
    [{ voters: ["red"] as never }, "expected a client"],
  ])("refuse options that cannot work: %j", (init, message) => {
    expect(() => new AgentDirectedFlowControl({ name: "x", flowConfig: { decisions }, ...init })).toThrow(message);
  });
});
