/** A run never books more calls than its budget holds, whatever its modules do with the refusal. */
import { Agent, type AgentOptions, Node, type TaskOutcome } from "asimov-agents";
import { ScriptedInferenceClient } from "asimov-agents/testing";
import { describe, expect, it } from "vitest";
import { type CallScope, currentScope } from "#contract/chat/call-scope";
import { aborted, moduleOf, newTask, nodeOf, runNodes, success } from "./support.ts";

const ask = [{ role: "USER" as const, content: "Hi" }];
const used = (tokens: number, cost = 0) => ({ inputTokens: tokens, outputTokens: 0, cacheReadTokens: 0, cacheWriteTokens: 0, cost });
const scopeHere = (): CallScope => currentScope() as CallScope;
const calls = (count: number) => new ScriptedInferenceClient(Array.from({ length: count }, () => ({ text: "ok", usage: used(1) })));
/** Clients follow calls; these tests book by hand where no model is needed. */
calls(0);

const book = (tokens: number, cost: number | undefined = 0) => scopeHere().admit({ model: "m", tokens, cost });
const errorOf = (work: () => unknown): { code?: string; message?: string } => {
  try {
    work();
    return {};
  } catch (error) {
    return error as { code: string; message: string };
  }
};

const expectExceeded = ({ task, status, errors }: TaskOutcome, text: string): void => {
  expect(status).toBe("FAILED");
  expect(task.error).toContain(text);
  expect(errors).toContainEqual({ taskId: task.id, status: "error", error: task.error, code: "budget-exceeded" });
};

describe("a budget of calls", () => {
  it("ends the run as FAILED, also when the module swallows the refusal", async () => {
    const client = calls(2);
    const seen: unknown[] = [];
    const nodes = [
      nodeOf("loop", [], async () => {
        for (let call = 0; call < 3; call++) await client.generate(ask).catch((error: unknown) => seen.push(error));
        return success();
      }),
      nodeOf("after", ["loop"]),
    ];
    const outcome = await runNodes(nodes, { budget: { maxCalls: 2 } });
    expectExceeded(outcome, "budget.maxCalls is 2 calls, spent so far: 2 calls");
    expect(seen).toMatchObject([{ code: "budget-exceeded", name: "NonRetryableError" }]);
    expect(outcome.executions).toEqual({ loop: 1 });
    client.assertDone();
  });

  it("is what the nodes that it ends are told to have ended by", async () => {
    const client = calls(1);
    const waits = nodeOf("waits", [], async ({ signal }) => {
      await aborted(signal);
      throw signal.reason;
    });
    const asks = nodeOf("asks", [], async () => success([await client.generate(ask), await client.generate(ask)].length));
    const { errors } = await runNodes([asks, waits], { budget: { maxCalls: 1 } });
    expect(errors.map(({ node = "the run", code }) => `${node}: ${code}`).sort()).toEqual([
      "asks: budget-exceeded",
      "the run: budget-exceeded",
      "waits: budget-exceeded",
    ]);
  });

  it("holds over attempts and nested graphs, and for each run anew", async () => {
    const budget = { maxCalls: 2 };
    const retried = nodeOf("retried", [], async () => {
      await client.generate(ask);
      throw new Error("again");
    });
    let client = calls(2);
    expectExceeded(await runNodes([new Node({ name: "outer", nodes: [retried] })], { budget }), "maxCalls");
    client = calls(4);
    const agent = new Agent({ budget, nodes: [nodeOf("one", [], () => client.generate(ask).then(() => success()))] });
    for (let run = 0; run < 4; run++) expect((await agent.runTask(newTask())).status).toBe("COMPLETE");
  });
});

describe("a budget of tokens", () => {
  it("counts what calls in flight may need, and what the ended ones really used", async () => {
    const seen: unknown[] = [];
    const outcome = await runNodes(
      [
        nodeOf("books", [], () => {
          const first = book(60);
          const second = book(40);
          first(used(10));
          first(used(999));
          second(used(10));
          book(80);
          seen.push(errorOf(() => book(1)));
          return success();
        }),
      ],
      { budget: { maxTokens: 100 } },
    );
    expect(seen).toMatchObject([{ code: "budget-exceeded" }]);
    expectExceeded(outcome, "budget.maxTokens is 100 tokens, spent so far: 20 tokens (and up to 80 tokens by calls in flight)");
  });

  it("takes a call that tells no usage as it was estimated", async () => {
    const outcome = await runNodes(
      [
        nodeOf("untold", [], () => {
          const untold = { inputTokens: 0, outputTokens: 0, cacheReadTokens: 0, cacheWriteTokens: 0 };
          book(60)(untold, true);
          // One that failed has used none.
          for (let call = 0; call < 10; call++) book(40)(untold);
          book(60);
          return success();
        }),
      ],
      { budget: { maxTokens: 100 } },
    );
    expectExceeded(outcome, "spent so far: 60 tokens");
  });

  it("stops parallel modules together", async () => {
    const work = async () => {
      for (let call = 0; call < 10; call++) {
        book(30)(used(30));
        await Promise.resolve();
      }
      return success();
    };
    const node = new Node({ name: "wide", modules: ["a", "b", "c"].map((name) => moduleOf(name, work)), nodeConfig: { parallel: true } });
    const outcome = await runNodes([node], { budget: { maxTokens: 200 } });
    expectExceeded(outcome, "spent so far: 180 tokens");
    expect(outcome.usage.inputTokens).toBe(180);
  });
});

describe("a budget of dollars", () => {
  it("refuses what would go beyond it, and not what is on it", async () => {
    const outcome = await runNodes(
      [
        nodeOf("pays", [], () => {
          for (let call = 0; call < 4; call++) book(1, 0.1)(used(1, 0.1));
          return success();
        }),
      ],
      { budget: { maxCost: 0.3 } },
    );
    expectExceeded(outcome, "budget.maxCost is $0.3, spent so far: $0.3");
    expect(outcome.usage.cost).toBeCloseTo(0.3);
  });

  it("refuses a model without a price, naming it and the option", async () => {
    const client = calls(1);
    const outcome = await runNodes([nodeOf("unpriced", [], () => client.generate(ask).then(() => success()))], { budget: { maxCost: 1 } });
    expect(outcome.status).toBe("FAILED");
    expect(outcome.errors).toMatchObject([
      { node: "unpriced", code: "price-unknown", error: expect.stringMatching(/"scripted".*`prices`/) },
    ]);
    expect(client.calls).toHaveLength(0);
  });
});

describe("a budget as an option", () => {
  const refused: [string, unknown][] = [
    ["maxCalls", 0],
    ["maxCalls", 1.5],
    ["maxTokens", 0],
    ["maxTokens", "many"],
    ["maxCost", 0],
    ["maxCost", Number.NaN],
    ["maxDollars", 1],
  ];
  it.each(refused)("refuses %s: %s", (name, value) => {
    const options = { budget: { [name]: value } } as AgentOptions;
    expect(() => new Agent(options)).toThrow(expect.objectContaining({ code: "invalid-options", message: expect.stringContaining(name) }));
  });
});
