/** Votes count in their visit alone; only what may be decided is offered; without a usable vote the default holds. */
import { describe, expect, it } from "vitest";
import { Agent, type AgentOptions } from "#agent";
import { MemoryCache } from "#cache/memory/cache";
import type { InferenceClient } from "#clients/inference-client";
import { Task } from "#contract/base/task";
import { addUsage } from "#contract/chat/usage";
import { defineModule, type ModuleContext, type ModuleResult } from "#contract/node/module";
import { Node } from "#contract/node/node";
import { AgentDirectedFlowControl, type AgentDirectedFlowInit, type VotingClient } from "#inference/votes/agent-directed-flow-control";
import type { BallotPaper } from "#inference/votes/ballot";
import { ScriptedInferenceClient } from "#testing/scripted-inference-client";

const says = (...answers: string[]) => new ScriptedInferenceClient(answers);
const decisions = [
  { nextNode: "red", metadata: { description: "The text is angry" } },
  { nextNode: "green", metadata: { description: "The text is calm" } },
  { nextNode: "never", condition: "locked == false" },
];

async function vote(
  init: Partial<AgentDirectedFlowInit> & Pick<AgentDirectedFlowInit, "voters">,
  cache = new MemoryCache(),
  options: AgentOptions = {},
) {
  await cache.set("locked", true);
  const module = new AgentDirectedFlowControl({ name: "choose", flowConfig: { decisions, default: "fallback" }, ...init });
  const end = (name: string) =>
    new Node({ name, dependencies: ["choose"], modules: [defineModule({ name, process: async () => ({ status: "success" }) })] });
  const agent = new Agent({
    ...options,
    cache,
    valuesIn: "cache",
    nodes: [new Node({ name: "choose", type: "FLOW_CONTROL", modules: [module] }), ...["red", "green", "never", "fallback"].map(end)],
  });
  const outcome = await agent.runTask(new Task({ type: "t", objective: "sort" }));
  const result = outcome.nodes.choose?.results[0] as ModuleResult & {
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

  it("offer only decisions whose condition holds, to clients as to calls; a vote for another is invalid", async () => {
    const voter = says("never");
    const papers: BallotPaper[] = [];
    const call = (paper: BallotPaper) => {
      papers.push(paper);
      return "never";
    };
    const { result } = await vote({ voters: [voter, call] });
    expect(JSON.stringify(voter.calls)).not.toContain("never");
    expect(papers[0]?.options.map(({ name }) => name)).toEqual(["red", "green"]);
    expect(result).toMatchObject({ decision: "fallback", ballots: [{ status: "invalid" }, { status: "invalid" }] });
    const open = new MemoryCache();
    await open.set("unlocked", true);
    const flowConfig = { decisions: [{ nextNode: "never", condition: "unlocked" }], default: "fallback" };
    expect((await vote({ voters: [() => "never"], flowConfig }, open)).result.decision).toBe("never");
  });

  it("ask nobody where no condition holds, and go to the default", async () => {
    const voter = says();
    const { result, ran } = await vote({ voters: [voter], flowConfig: { decisions: decisions.slice(2), default: "fallback" } });
    expect(voter.calls).toEqual([]);
    expect(result).toMatchObject({ decision: "fallback", ballots: [], tally: { valid: 0, abstained: 0, invalid: 0, isTie: false } });
    expect(ran).toEqual(["choose", "fallback"]);
  });

  it("tell each option with the description of its metadata", async () => {
    const voter = says("red");
    const papers: BallotPaper[] = [];
    await vote({ voters: [voter, (paper) => void papers.push(paper)] });
    const [system] = voter.calls[0]?.messages ?? [];
    expect(system?.content).toContain('- "red": The text is angry\n- "green": The text is calm');
    expect(papers[0]?.options).toEqual([
      { name: "red", description: "The text is angry" },
      { name: "green", description: "The text is calm" },
    ]);
  });

  it("ask a client by its own name and options, and tell a call's context", async () => {
    const voter = says("red");
    let task: unknown;
    const { result } = await vote({
      voters: [
        { name: "critic", client: voter, options: { maxTokens: 7, temperature: 0 } },
        function second(_paper: BallotPaper, context: ModuleContext) {
          task = context.task.objective;
          return { decision: "red", reason: "seen" };
        },
      ],
    });
    expect(voter.calls[0]?.options).toMatchObject({ maxTokens: 7, temperature: 0 });
    expect(result.ballots).toEqual([
      { voter: "critic", status: "valid", decision: "red" },
      { voter: "second", status: "valid", decision: "red", reason: "seen" },
    ]);
    expect(task).toBe("sort");
  });

  it("ask whatever has a model and can generate, and hand it the signal of the module", async () => {
    const signals: unknown[] = [];
    const answer = new ScriptedInferenceClient(["red"]);
    const own: VotingClient = {
      model: "own",
      generate: (messages, options) => {
        signals.push(options?.signal);
        return answer.generate(messages, options);
      },
    };
    const call = (_paper: BallotPaper, { signal }: ModuleContext) => {
      signals.push(signal);
      return "red";
    };
    const { result } = await vote({ voters: [own, call] });
    expect(result.ballots.map(({ status }) => status)).toEqual(["valid", "valid"]);
    expect(result.ballots[0]).toMatchObject({ voter: "own 1" });
    expect(signals[0]).toBeInstanceOf(AbortSignal);
    expect(signals[0]).toBe(signals[1]);
  });

  it("are booked to the node, and held to the budget of the task, whose end they cannot outvote", async () => {
    const voters = [says("red"), says("red")];
    const { outcome } = await vote({ voters });
    expect(outcome.nodes.choose?.usage).toEqual(addUsage((voters[0] as InferenceClient).usage, (voters[1] as InferenceClient).usage));
    const bounded = await vote({ voters: [says("red"), says("red")] }, new MemoryCache(), { budget: { maxCalls: 1 } });
    expect(bounded.outcome.status).toBe("FAILED");
    expect(bounded.outcome.task.error).toContain("spent so far");
  });

  it("take what the decision asks for: its variables are deleted, its metadata told", async () => {
    const cache = new MemoryCache();
    await cache.set("mood", "bad");
    const flowConfig = {
      decisions: [{ nextNode: "red", condition: "mood == 'bad'", conditionVariables: ["mood"], metadata: { weight: 3 } }],
    };
    const { result } = await vote({ voters: [() => "red"], flowConfig }, cache);
    expect(result).toMatchObject({ decision: "red", metadata: { weight: 3 } });
    expect(await cache.get("mood", null)).toBeNull();
  });

  it("go to the default when no ballot is usable, be it that every voter failed", async () => {
    const failing = () => {
      throw new Error("no line");
    };
    const { result } = await vote({ voters: [failing, () => null] });
    expect(result).toMatchObject({ decision: "fallback", ballots: [{ status: "failed", problem: "no line" }, { status: "abstained" }] });
  });

  it("decide nothing once the run is cancelled, though some are in", async () => {
    const cache = new MemoryCache();
    await cache.set("mood", "bad");
    const asked = Promise.withResolvers<void>();
    const module = new AgentDirectedFlowControl({
      name: "choose",
      flowConfig: { decisions: [{ nextNode: "red", condition: "mood == 'bad'", conditionVariables: ["mood"] }] },
      voters: [
        () => "red",
        (_paper, { signal }) =>
          new Promise((_resolve, reject) => {
            signal.addEventListener("abort", () => reject(signal.reason));
            asked.resolve();
          }),
      ],
    });
    const red = new Node({
      name: "red",
      dependencies: ["choose"],
      modules: [defineModule({ name: "red", process: () => ({ status: "success" }) })],
    });
    const run = new Agent({ cache, valuesIn: "cache", nodes: [new Node({ name: "choose", modules: [module] }), red] }).start(
      new Task({ type: "t", objective: "o" }),
    );
    await asked.promise;
    expect(await run.cancel("enough")).toMatchObject({ status: "FAILED", executions: { choose: 1 } });
    expect(await cache.get("mood")).toBe("bad");
  });

  it("fall through to the rest of the plan when none is usable and there is no default", async () => {
    const { result, ran, outcome } = await vote({ voters: [() => null], flowConfig: { decisions } });
    expect(result.decision).toBeNull();
    expect(ran).toEqual(["choose", "red", "green", "never", "fallback"]);
    expect(outcome.status).toBe("COMPLETE");
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

  it("show examples, instructions and the history in the run's values", async () => {
    const cache = new MemoryCache();
    await cache.set("log", ["it rained"]);
    const voter = says("red");
    await vote(
      { voters: [voter], instructions: "Mind the tone.", historyKey: "log", examples: [{ situation: "GRR!", decision: "red" }] },
      cache,
    );
    const asked = JSON.stringify(voter.calls);
    for (const text of ["Mind the tone.", "it rained", "GRR!"]) expect(asked).toContain(text);
    const papers: BallotPaper[] = [];
    await vote({ voters: [(paper) => void papers.push(paper)], historyKey: "log" }, cache);
    expect(papers[0]?.history).toEqual(["it rained"]);
  });

  it("say nothing of a history that is not there", async () => {
    const voter = says("red");
    await vote({ voters: [voter], historyKey: "log" });
    expect(JSON.stringify(voter.calls)).not.toContain("happened so far");
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
    // At once: who reads events in a loop may look when the next visit has begun.
    run.actor.on("node.completed", ({ node }) => {
      if (node !== "again?") return;
      const result = agent.nodeResults["again?"]?.results[0] as ModuleResult & { tally: { valid: number } };
      counts.push(result.tally.valid);
    });
    expect((await run.outcome).executions).toMatchObject({ work: 2, "again?": 2, done: 1 });
    expect(counts).toEqual([2, 2]);
  });

  it("of one run never count in another of the same module at the same time", async () => {
    const both = Promise.withResolvers<void>();
    let waiting = 0;
    const module = new AgentDirectedFlowControl({
      name: "choose",
      flowConfig: { decisions: [{ nextNode: "red" }, { nextNode: "green" }] },
      voters: [
        async ({ task }: BallotPaper) => {
          waiting += 1;
          if (waiting === 2) both.resolve();
          await both.promise;
          return task.objective;
        },
      ],
    });
    const end = (name: string) => new Node({ name, modules: [defineModule({ name, process: async () => ({ status: "success" }) })] });
    const agent = new Agent({ nodes: [new Node({ name: "choose", modules: [module] }), end("red"), end("green")] });
    const run = (objective: string) => agent.runTask(new Task({ type: "t", objective }), { cachePrefix: objective });
    const outcomes = await Promise.all(["red", "green"].map(run));
    expect(outcomes.map(({ nodes }) => nodes.choose?.results[0])).toMatchObject([
      { decision: "red", tally: { votes: { red: 1, green: 0 }, valid: 1 } },
      { decision: "green", tally: { votes: { red: 0, green: 1 }, valid: 1 } },
    ]);
  });

  it.each([
    [{ voters: [] }, "at least one voter"],
    [{ voters: [() => "red"], quorum: 2 }, "quorum"],
    [{ voters: ["red"] as never }, "expected a client"],
  ])("refuse options that cannot work: %j", (init, message) => {
    expect(() => new AgentDirectedFlowControl({ name: "x", flowConfig: { decisions }, ...init })).toThrow(message);
  });
});
