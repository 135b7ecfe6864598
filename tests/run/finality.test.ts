/** What is final stops at once, through every graph around it, live and restored; what is not is tried again. */
import { Agent, MemoryCache, MemoryStore, Node, NonRetryableError, type TaskOutcome } from "asimov-agents";
import { describe, expect, it } from "vitest";
import { snapshotsOf } from "../support/snapshots.ts";
import { moduleOf, newTask, nodeOf, pathWithin, success, within } from "./support.ts";

interface Kind {
  code: string;
  /** @param count called for each attempt of the module that brings the end */
  node(count: () => void): Node;
  /** How often the module may run, all attempts counted. */
  runs: number;
}

const FINAL: Record<string, Kind> = {
  "a NonRetryableError": {
    code: "non-retryable",
    node: (count) =>
      nodeOf("ends", ["before"], () => {
        count();
        throw new NonRetryableError("no such key");
      }),
    runs: 1,
  },
  "an invalid result": {
    code: "invalid-result",
    node: (count) =>
      nodeOf("ends", ["before"], () => {
        count();
        return 5;
      }),
    runs: 1,
  },
  "a result that is no JSON": {
    code: "not-json",
    node: (count) =>
      nodeOf("ends", ["before"], () => {
        count();
        return success(1n);
      }),
    runs: 1,
  },
  "the limit of visits": {
    code: "max-visits",
    node: (count) =>
      nodeOf(
        "ends",
        ["before"],
        () => {
          count();
          return { ...success(), decision: "ends" };
        },
        { nodeConfig: { maxVisits: 2 } },
      ),
    runs: 2,
  },
  "a missing input": {
    code: "missing-input",
    node: (count) => nodeOf("ends", ["before"], count, { nodeConfig: { inputs: ["nope"] } }),
    runs: 0,
  },
  "a missing output": {
    code: "missing-output",
    node: (count) => {
      const work = () => {
        count();
        return success();
      };
      return nodeOf("ends", ["before"], work, { nodeConfig: { outputs: ["nope"] } });
    },
    runs: 1,
  },
  "a condition that fails": {
    code: "condition-runtime",
    node: (count) => nodeOf("ends", ["before"], count, { nodeConfig: { condition: "nope.deep == 1" } }),
    runs: 0,
  },
  "a condition without end": {
    code: "condition-budget",
    node: (count) => nodeOf("ends", ["before"], count, { nodeConfig: { condition: "(function() while true do end end)()" } }),
    runs: 0,
  },
};

/** A graph in which one node ends for good, after one that cost something, and beside one that has nothing to do with it. */
function graphOf(kind: Kind, depth: number, log: string[], dependencies: string[] = []): Node[] {
  const paid = nodeOf("before", dependencies, () => {
    log.push("paid");
    return success();
  });
  const ends = kind.node(() => log.push("ends"));
  if (depth === 0) return [paid, ends, nodeOf("beside")];
  return [within(depth - 1, new Node({ name: `around ${depth}`, nodes: [paid, ends] })), nodeOf("beside")];
}

const failuresOf = ({ errors }: TaskOutcome): [string[] | undefined, string][] => errors.map(({ path, code }) => [path, code]);

/** The reports from the inside out: each graph around fails by what is in it. */
const told = (depth: number, code: string): [string[], string][] =>
  Array.from({ length: depth + 1 }, (_, level) => [pathWithin(depth, "ends").slice(0, depth + 1 - level), code]);

describe.each(Object.entries(FINAL))("%s", (_, kind) => {
  it.each([0, 1, 3])("is tried again by no node around it, and stops nothing beside it (within %i graphs)", async (depth) => {
    const log: string[] = [];
    const outcome = await new Agent({ nodes: graphOf(kind, depth, log) }).runTask(newTask());
    expect(log).toEqual(["paid", ...Array(kind.runs).fill("ends")]);
    expect(outcome.status).toBe("PARTIAL");
    expect(outcome.nodes.beside).toMatchObject({ status: "success" });
    expect(failuresOf(outcome)).toEqual(told(depth, kind.code));
  });

  it.each([0, 1, 3])("is so after a restore (within %i graphs)", async (depth) => {
    const store = new MemoryStore({ keep: 10_000 });
    const logs: string[][] = [];
    const agentOf = (): Agent => {
      const log: string[] = [];
      logs.push(log);
      const first = nodeOf("first", [], () => success(), { snapshot: "ALWAYS" });
      const nodes = graphOf(kind, depth, log).map((node) => (node.name === "beside" ? node : after(node)));
      return new Agent({ store, snapshot: "NEVER", nodes: [first, ...nodes] });
    };
    const task = newTask();
    const whole = await agentOf().runTask(task);
    const [ref] = await snapshotsOf(store, task.id);
    const restored = await agentOf().runFromSnapshot(ref as never);
    expect(failuresOf(restored)).toEqual(failuresOf(whole));
    expect(failuresOf(restored)).toEqual(told(depth, kind.code));
    expect(logs[1]).toEqual(logs[0]);
  });
});

/** The node, after the first one. */
function after(node: Node): Node {
  if (node.name === "ends") return node;
  const { name, modules, nodes, nodeConfig } = node;
  return new Node({ name, dependencies: ["first"], nodeConfig, ...(nodes.length > 0 ? { nodes: [...nodes] } : { modules: [...modules] }) });
}

describe("the limit of iterations of a nested graph", () => {
  it("is final for every node around it", async () => {
    const log: string[] = [];
    const loop = nodeOf("loop", [], () => {
      log.push("loop");
      return { ...success(), decision: "loop" };
    });
    const inner = new Node({ name: "inner", nodes: [loop], nodeConfig: { maxTotalIterations: 3 } });
    const { errors, status } = await new Agent({ nodes: [within(2, inner), nodeOf("beside")] }).runTask(newTask());
    expect(log).toEqual(["loop", "loop", "loop"]);
    expect(status).toBe("PARTIAL");
    expect(errors.map(({ code }) => code)).toEqual(Array(4).fill("max-iterations"));
    expect(errors[0]).toMatchObject({
      node: "inner",
      path: errors[1]?.path,
      error: 'The graph of node "inner" is over its limit of 3 iterations (maxTotalIterations).',
    });
  });
});

describe("what may succeed later", () => {
  it("is tried again by the nodes around it: a cache that does not answer in time too", async () => {
    let asked = 0;
    class Slow extends MemoryCache {
      override async getMany(keys: readonly string[]): Promise<Record<string, unknown>> {
        if (++asked < 3) return new Promise(() => {});
        return super.getMany(keys);
      }
    }
    const cache = new Slow();
    await cache.set("there", 1);
    const asks = nodeOf("asks", [], () => success(), { nodeConfig: { inputs: ["there"] } });
    const { status } = await new Agent({ cache, valuesIn: "cache", effectTimeoutMs: 5, nodes: [within(1, asks)] }).runTask(newTask());
    expect([asked, status]).toEqual([3, "COMPLETE"]);
  });

  it("is tried again by every node around it: a time limit too", async () => {
    let runs = 0;
    const slow = moduleOf(
      "slow",
      async ({ signal }) => {
        runs++;
        if (runs === 4) return success();
        return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason), { once: true }));
      },
      { config: { timeoutMs: 5 } },
    );
    const two = { nodeConfig: { maxRetries: 2 } };
    const { status, errors } = await new Agent({ nodes: [within(1, new Node({ name: "slow", modules: [slow], ...two }), two)] }).runTask(
      newTask(),
    );
    expect([runs, status]).toEqual([4, "COMPLETE"]);
    expect(errors.map(({ path, code }) => [path, code])).toEqual([[["around 1", "slow"], "timeout"]]);
  });
});
