import { type Cache, Middleware, type ModuleResult, Node, type Task } from "asimov-agents";
import { describe, expect, it } from "vitest";
import { failure, moduleOf, newTask, nodeOf, runNodes, success } from "./support.ts";

class Append extends Middleware {
  readonly #name: string;
  constructor(name: string) {
    super();
    this.#name = name;
  }
  override async process(data: ModuleResult): Promise<ModuleResult> {
    return { ...data, result: `${data.result} ${this.#name}` };
  }
}

const through = (...middlewares: unknown[]) => ({ config: { middlewares: middlewares as Middleware[] } });

describe("middlewares", () => {
  it("change each result in order: the module's, then the node's", async () => {
    const { nodes: results } = await runNodes([
      new Node({
        name: "n",
        modules: [moduleOf("m", undefined, through(new Append("m1"), new Append("m2"))), moduleOf("other")],
        ...through(new Append("n1"), new Append("n2")),
      }),
    ]);
    expect(results.n?.results.map(({ result }) => result)).toEqual(["m m1 m2 n1 n2", "other n1 n2"]);
  });

  it("get the cache of the run, its task, the signal and the node", async () => {
    const seen: unknown[] = [];
    const middleware = {
      async process(data: ModuleResult, cache: Cache, context: { task: Task; signal: AbortSignal; node: { name: string } }) {
        await cache.set("seen", data.result);
        seen.push(context.task.id, context.signal.aborted, context.node.name);
        return data;
      },
    };
    const task = newTask();
    const { nodes: results } = await runNodes(
      [
        new Node({ name: "n", modules: [moduleOf("m", undefined, through(middleware))] }),
        nodeOf("reads", ["n"], async ({ values }) => success(await values.get("seen"))),
      ],
      {},
      task,
    );
    expect(seen).toEqual([task.id, false, "n"]);
    expect(results.reads?.results[0]?.result).toBe("m");
  });

  it("see an error status too, and may turn it into a success and back", async () => {
    const heal = { process: async (data: ModuleResult) => (data.status === "error" ? success("healed") : data) };
    const spoil = { process: async () => failure("spoilt") };
    const healed = await runNodes([new Node({ name: "n", modules: [moduleOf("m", () => failure("no"))], ...through(heal) })]);
    expect(healed.nodes.n?.results).toEqual([success("healed")]);
    const spoilt = await runNodes([new Node({ name: "n", modules: [moduleOf("m")], ...through(spoil) })]);
    expect(spoilt.task.error).toBe("spoilt");
  });

  it.each([
    ["throws", () => Promise.reject(new Error("broken")), "broken"],
    [
      "throws at once",
      () => {
        throw new Error("broken");
      },
      "broken",
    ],
  ])("fail the module when one %s, at each attempt", async (_, process, error) => {
    let runs = 0;
    const { task } = await runNodes([new Node({ name: "n", modules: [moduleOf("m", () => success(++runs))], ...through({ process }) })]);
    expect([task.error, runs]).toEqual([error, 3]);
  });

  it("that give no result fail the module, and name it", async () => {
    const { nodes: results } = await runNodes([
      new Node({ name: "n", modules: [moduleOf("m")], ...through({ process: async () => undefined }) }),
    ]);
    expect(results.n).toMatchObject({ code: "invalid-result", error: expect.stringContaining('"m"') });
  });

  it("must have a process method", () => {
    expect(() => moduleOf("m", undefined, through({}))).toThrow(/middlewares/);
    expect(() => new Node({ name: "n", ...through(null) })).toThrow(/middlewares/);
  });
});

describe("context of a module", () => {
  it("holds its config, and the node's context overlaid by its own", async () => {
    const { nodes: results } = await runNodes([
      new Node({
        name: "n",
        config: { context: { a: "node", b: "node" } },
        modules: [moduleOf("m", ({ config }) => success(config), { config: { timeoutMs: 500, context: { b: "module" } } })],
      }),
    ]);
    expect(results.n?.results[0]?.result).toEqual({ timeoutMs: 500, context: { a: "node", b: "module" } });
  });

  it("may be taken apart", async () => {
    const { nodes: results } = await runNodes([
      nodeOf("n", [], async ({ values, task, signal, node, idempotencyKey, emit, evaluate }) => {
        emit({ type: "x" });
        await values.set("n", 2);
        return success([task.type, signal.aborted, node, idempotencyKey.length > 0, await evaluate("n == 2")]);
      }),
    ]);
    expect(results.n?.results[0]?.result).toEqual(["test", false, { name: "n", visit: 1, attempt: 1 }, true, true]);
  });
});
