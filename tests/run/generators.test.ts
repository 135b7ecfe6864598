import { FlowControlModule, Node } from "asimov-agents";
import { describe, expect, it } from "vitest";
import { aborted, deciding, failure, moduleOf, nodeOf, runNodes, runWithEvents, success } from "./support.ts";

/** A node of one generator, and one that jumps back to it `rounds` times. */
const loop = (generate: Parameters<typeof moduleOf>[1], rounds: number, cleanup?: boolean, init = {}) => {
  const seen: unknown[] = [];
  let visits = 0;
  return {
    seen,
    nodes: [
      nodeOf("gen", [], generate, { nodeConfig: { maxVisits: 0, ...init } }),
      nodeOf(
        "again?",
        ["gen"],
        () => ({ ...success(), decision: ++visits < rounds ? "gen" : null, ...(cleanup === undefined ? {} : { cleanup }) }),
        { nodeConfig: { maxVisits: 0 } },
      ),
    ],
  };
};

describe("generator", () => {
  it("gives one yield a visit, and `Generator Exhausted` at each visit after its end", async () => {
    const given: unknown[] = [];
    const middleware = {
      process: async (data: { status: "success" | "error"; result?: unknown }) => {
        given.push(data.result);
        return data;
      },
    };
    const counting = async function* () {
      for (let count = 1; count <= 3; count++) yield success(count);
    };
    const { nodes } = loop(undefined, 5);
    const gen = new Node({ name: "gen", modules: [moduleOf("gen", counting, { config: { middlewares: [middleware] } })] });
    const { nodes: results, status } = await runNodes([gen, nodes[1] as Node]);
    expect(status).toBe("COMPLETE");
    expect(given).toEqual([1, 2, 3, "Generator Exhausted", "Generator Exhausted"]);
    expect(results.gen?.results).toEqual([{ status: "success", result: "Generator Exhausted" }]);
  });

  it("sees the visit and signal of each visit in the context it was started with", async () => {
    const visits: number[] = [];
    const signals = new Set<AbortSignal>();
    const { nodes } = loop(async function* (context) {
      while (true) {
        visits.push(context.node.visit);
        signals.add(context.signal);
        yield success();
      }
    }, 3);
    await runNodes(nodes);
    expect(visits).toEqual([1, 2, 3]);
    expect(signals.size).toBe(3);
  });

  it("that throws has failed, and a retry starts a new one", async () => {
    const log: string[] = [];
    let starts = 0;
    const { nodes: results, status } = await runNodes([
      nodeOf("gen", [], async function* () {
        const start = ++starts;
        log.push(`start ${start}`);
        if (start < 3) throw new Error(`start ${start} failed`);
        yield success(start);
      }),
    ]);
    expect(status).toBe("COMPLETE");
    expect(log).toEqual(["start 1", "start 2", "start 3"]);
    expect(results.gen?.results).toEqual([success(3)]);
  });

  it("that throws at its last attempt is a failure, not an exhausted success", async () => {
    const { status, task } = await runNodes([
      // biome-ignore lint/correctness/useYield: it throws before it could
      nodeOf("gen", [], async function* () {
        throw new Error("broken");
      }),
    ]);
    expect([status, task.error]).toEqual(["FAILED", "broken"]);
  });

  it("that times out has failed, is closed, and a retry starts a new one", async () => {
    const log: string[] = [];
    let starts = 0;
    const generate = async function* ({ signal }: { signal: AbortSignal }) {
      const start = ++starts;
      try {
        if (start === 1) await aborted(signal);
        yield success(start);
        yield success("never asked for");
      } finally {
        log.push(`closed ${start}`);
      }
    };
    const { nodes: results } = await runNodes([
      new Node({ name: "gen", modules: [moduleOf("gen", generate, { config: { timeoutMs: 20 } })], nodeConfig: { maxRetries: 2 } }),
    ]);
    expect(results.gen).toEqual({ status: "success", results: [success(2)] });
    expect(log).toEqual(["closed 1", "closed 2"]);
  });

  it("that gives the status error goes on with its next yield at the retry", async () => {
    const { nodes: results } = await runNodes([
      nodeOf("gen", [], async function* () {
        yield failure("first");
        yield success("second");
      }),
    ]);
    expect(results.gen?.results).toEqual([success("second")]);
  });

  it("is closed when the run ends, before the outcome", async () => {
    const log: string[] = [];
    await runNodes([
      nodeOf("gen", [], async function* () {
        try {
          yield success();
        } finally {
          await Promise.resolve();
          log.push("closed");
        }
      }),
    ]);
    expect(log).toEqual(["closed"]);
  });

  it.each([
    ["undefined", undefined, ["1", "2", "3", "closed"]],
    ["false", false, ["1", "2", "3", "closed"]],
    ["true", true, ["1", "closed", "1", "closed", "1", "closed"]],
  ])("is closed by a jump with cleanup %s as it says", async (_, cleanup, expected) => {
    const log: string[] = [];
    const { nodes } = loop(
      async function* () {
        try {
          for (let count = 1; ; count++) {
            log.push(String(count));
            yield success();
          }
        } finally {
          log.push("closed");
        }
      },
      3,
      cleanup,
    );
    await runNodes(nodes);
    expect(log).toEqual(expected);
  });

  it.each([
    ["a decision without cleanupOnJump keeps it", { decisions: [{ nextNode: "gen", condition: "rounds < 2" }] }, ["1", "2"]],
    [
      "a decision with cleanupOnJump closes it",
      { decisions: [{ nextNode: "gen", condition: "rounds < 2", cleanupOnJump: true }] },
      ["1", "1"],
    ],
    ["a default closes it", { decisions: [{ nextNode: "end", condition: "rounds >= 2" }], default: "gen" }, ["1", "1"]],
    [
      "a default with cleanupOnDefault false keeps it",
      { decisions: [{ nextNode: "end", condition: "rounds >= 2" }], default: "gen", cleanupOnDefault: false },
      ["1", "2"],
    ],
  ])("flow control: %s", async (_, flowConfig, expected) => {
    const log: string[] = [];
    await runNodes([
      nodeOf("gen", [], async function* ({ values }) {
        for (let count = 1; ; count++) {
          await values.increment("rounds");
          log.push(String(count));
          yield success();
        }
      }),
      new Node({ name: "flow", dependencies: ["gen"], modules: [new FlowControlModule({ name: "flow", flowConfig })] }),
      nodeOf("end", ["flow"]),
    ]);
    expect(log).toEqual(expected);
  });

  it("that the new plan does not visit again stays open over a jump that cleans up", async () => {
    const log: string[] = [];
    let rounds = 0;
    const open = (name: string, dependencies: string[]) =>
      nodeOf(name, dependencies, async function* () {
        try {
          while (true) yield success();
        } finally {
          log.push(`${name} closed`);
        }
      });
    await runNodes([
      open("outside", []),
      open("inside", ["outside"]),
      nodeOf("again?", ["inside"], () => {
        log.push("decide");
        return { ...success(), decision: ++rounds < 2 ? "inside" : null, cleanup: true };
      }),
    ]);
    expect(log).toEqual(["decide", "inside closed", "decide", "outside closed", "inside closed"]);
  });

  it.each([
    [
      "never ends its cleanup",
      () =>
        (async function* () {
          try {
            yield success();
          } finally {
            await new Promise(() => {});
          }
        })(),
    ],
    [
      "throws in its cleanup",
      () =>
        (async function* () {
          try {
            yield success();
          } finally {
            // biome-ignore lint/correctness/noUnsafeFinally: what is tested
            throw new Error("in cleanup");
          }
        })(),
    ],
    [
      "has no return",
      () => ({
        [Symbol.asyncIterator]() {
          return this;
        },
        next: async () => ({ done: false, value: success() }),
      }),
    ],
    [
      "has a return that throws",
      () => ({
        [Symbol.asyncIterator]() {
          return this;
        },
        next: async () => ({ done: false, value: success() }),
        return() {
          throw new Error("no return");
        },
      }),
    ],
  ])("does not hold the run when it %s", async (_, generate) => {
    let rounds = 0;
    const { status } = await runNodes(
      [
        nodeOf("gen", [], generate),
        nodeOf("again?", ["gen"], () => ({ ...success(), decision: ++rounds < 2 ? "gen" : null, cleanup: true })),
      ],
      { abortGraceMs: 5 },
    );
    expect(status).toBe("COMPLETE");
  });

  it("belongs to its run: two runs of one agent have one each", async () => {
    const { outcome, agent } = await runWithEvents([
      nodeOf("gen", [], async function* () {
        yield success("first");
        yield success("second");
      }),
      deciding("end", ["gen"], () => null),
    ]);
    const again = await agent.runTask(new (await import("asimov-agents")).Task({ type: "t", objective: "o" }));
    expect([outcome, again].map(({ results }) => results.gen)).toEqual(["first", "first"]);
  });
});
