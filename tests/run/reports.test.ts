/** Errors are data: what a module threw is told whole, wherever it is told; secrets are masked, sizes are cut. */
import { Agent, type AgentEvent, type ErrorReport, MemoryStore, Node, type NodeResult } from "asimov-agents";
import { describe, expect, it } from "vitest";
import { createActor, createMachine } from "xstate";
import { snapshotsOf } from "../support/snapshots.ts";
import { aborted, deferred, failure, inCache, moduleOf, newTask, nodeOf, pathWithin, success, within } from "./support.ts";

class SeatError extends Error {
  override readonly name = "SeatError";
  readonly statusCode = 418;
  readonly seat = { row: 7, apiKey: "sk-abcdefghijklmnop" };
}

const thrown = (): SeatError =>
  Object.assign(new SeatError("no seat left", { cause: new TypeError("cannot sit", { cause: new RangeError("row 7") }) }));

const circle: unknown[] = [];
circle.push(circle);

/** What JSON does not hold, or not as it is. */
const NO_JSON: Record<string, unknown> = {
  NaN: Number.NaN,
  Infinity: Number.POSITIVE_INFINITY,
  "-Infinity": Number.NEGATIVE_INFINITY,
  "-0": -0,
  "a bigint": 10n,
  "a symbol": Symbol("s"),
  "a function": () => {},
  "a class": SeatError,
  undefined,
  "a date": new Date(0),
  "no date": new Date(Number.NaN),
  "a map": new Map<unknown, unknown>([[{}, Number.NaN]]),
  "a set": new Set([undefined, 1n]),
  bytes: new Uint8Array(3),
  "a circle": circle,
  "an error": new RangeError("far"),
  "what toJSON makes otherwise": { toJSON: () => 1n },
  "half a character": "\ud800",
  "a mark of an actor": { xstate$$type: 1, id: "x" },
  "an actor": createActor(createMachine({})),
  "a hole": new Array(2),
  "a promise": Promise.resolve(),
  "a key __proto__": JSON.parse('{"__proto__":1}'),
};

const once = { nodeConfig: { maxRetries: 1 } };
const throwing = (error: unknown): Node =>
  nodeOf(
    "throws",
    [],
    () => {
      throw error;
    },
    once,
  );

/** Everything that is told of what went wrong. */
async function toldOf(node: Node, depth: number): Promise<Record<string, unknown> & { path?: string[] }> {
  const agent = new Agent({ ...inCache, nodes: [within(depth, node, once)] });
  const run = agent.start(newTask());
  const events: AgentEvent[] = [];
  for await (const event of run.events()) events.push(event);
  const { errors, nodes: results } = await run.outcome;
  const [report] = errors;
  const inTheMailbox = await agent.cache.peekMailbox<ErrorReport>("agent_error");
  const event = events.find(({ type }) => type === "node.failed") as AgentEvent;
  let result = Object.values(results)[0] as NodeResult;
  for (let level = 0; level < depth; level++)
    result = Object.values(result.results[0]?.nodes as Record<string, NodeResult>)[0] as NodeResult;
  expect(inTheMailbox).toEqual(errors);
  expect(events.flatMap((each) => (each.type === "error.reported" ? [each.report] : []))).toEqual(errors);
  const facts = ({ name, stack, cause, properties, error, code, module }: Record<string, unknown>) => ({
    name,
    stack,
    cause,
    properties,
    error,
    code,
    module,
  });
  expect(facts(event as never)).toEqual(facts(report as never));
  expect(facts(result as never)).toEqual(facts(report as never));
  expect(JSON.parse(JSON.stringify(report))).toEqual(report);
  return report as never;
}

describe.each([0, 1, 3])("what a module threw, within %i graphs", (depth) => {
  it("is told by its text, class, stack, causes and properties, with where it was", async () => {
    const report = await toldOf(throwing(thrown()), depth);
    expect(report).toMatchObject({
      status: "error",
      error: "no seat left",
      code: "module-failed",
      node: "throws",
      module: "throws",
      path: pathWithin(depth, "throws"),
      name: "SeatError",
      stack: expect.stringMatching(/no seat left[\s\S]*reports\.test\.ts:\d+/),
      cause: {
        name: "TypeError",
        message: "cannot sit",
        stack: expect.stringContaining("reports.test.ts"),
        cause: { name: "RangeError", message: "row 7" },
      },
      properties: { statusCode: 418, seat: { row: 7, apiKey: "[redacted]" } },
    });
  });

  it("is shown where it is no error", async () => {
    expect(await toldOf(throwing({ code: 7, detail: "no seat" }), depth)).toMatchObject({
      error: '{"code":7,"detail":"no seat"}',
      properties: { code: 7, detail: "no seat" },
    });
    expect(await toldOf(throwing("just text"), depth)).toMatchObject({ error: "just text" });
    expect(await toldOf(throwing(undefined), depth)).toMatchObject({ error: "undefined" });
    expect(await toldOf(throwing(new AggregateError([new Error("one"), new Error("two")], "both")), depth)).toMatchObject({
      error: "both",
      properties: { errors: [{ message: "one" }, { message: "two" }] },
    });
  });

  it("shows no secret of it, and no more than fits a log", async () => {
    const secret = "sk-abcdefghijklmnop";
    const error = Object.assign(new Error(`refused with ${secret}`, { cause: new Error(`Bearer ${secret}`) }), {
      headers: { authorization: secret },
      body: "x".repeat(1_000_000),
      deep: Array.from({ length: 1_000 }, (_, index) => index),
    });
    const report = await toldOf(throwing(error), depth);
    const text = JSON.stringify(report);
    expect(text).not.toContain(secret);
    expect(text.length).toBeLessThan(60_000);
    expect(report.error).toBe("refused with [redacted]");
  });

  it.each(Object.keys(NO_JSON))("is JSON, and in the mailbox: %s", async (name) => {
    const value = NO_JSON[name];
    // As it is, within an object, and as a property of an error, of its cause and of an error within it.
    const withIt = (more = {}) => Object.assign(new Error("with it"), { value, list: [value], deep: { value } }, more);
    for (const thrown of [value, { value, [name]: [value] }, withIt({ cause: withIt(), errors: [withIt()], [name]: value })]) {
      const report = await toldOf(throwing(thrown), depth);
      expect(JSON.parse(JSON.stringify(report))).toStrictEqual(report);
    }
  });

  it("is told alike where it is given as a result", async () => {
    for (const text of ["no seat", "", `401 for Bearer abcdefghijklmnop ${"z".repeat(300_000)}`]) {
      const given = nodeOf("gives", [], () => failure(text), once);
      const { error } = await toldOf(throwing(text), depth);
      const report = await toldOf(given, depth);
      expect(report).toMatchObject({ error, code: "module-failed", module: "gives" });
      const agent = new Agent({ nodes: [within(depth, given, once)] });
      const run = agent.start(newTask());
      const told: unknown[] = [];
      for await (const event of run.events()) told.push(event);
      const { task, errors } = await run.outcome;
      expect(task.error).toBe(error);
      expect(JSON.stringify([told, errors, task])).not.toContain("abcdefgh");
    }
    // What a module gives is its own.
    const result = { ...failure("Bearer abcdefghijklmnop"), more: 1 };
    const { nodes: results } = await new Agent({ nodes: [nodeOf("gives", [], () => result, once)] }).runTask(newTask());
    expect(results.gives?.results).toEqual([result]);
  });

  it("does no harm where it is hostile", async () => {
    const hostile = {
      get message(): string {
        throw new Error("not for you");
      },
      get stack(): string {
        throw new Error("not for you");
      },
      get cause(): unknown {
        return this;
      },
      toString: () => {
        throw new Error("not for you");
      },
    };
    expect(typeof (await toldOf(throwing(hostile), depth)).error).toBe("string");
    expect(
      typeof (
        await toldOf(
          throwing(
            new Proxy(
              {},
              {
                get: () => {
                  throw new Error("no");
                },
                ownKeys: () => {
                  throw new Error("no");
                },
                getPrototypeOf: () => {
                  throw new Error("no");
                },
              },
            ),
          ),
          depth,
        )
      ).error,
    ).toBe("string");
  });
});

describe("a sibling that is aborted", () => {
  it("sees what its sibling threw as the cause", async () => {
    const error = thrown();
    const seen = deferred<unknown>();
    const entered = deferred();
    const modules = [
      moduleOf("throws", async () => {
        await entered.promise;
        throw error;
      }),
      moduleOf("waits", async ({ signal }) => {
        const reason = aborted(signal);
        entered.resolve();
        seen.resolve(((await reason) as Error).cause);
        return success();
      }),
    ];
    await new Agent({ nodes: [new Node({ name: "n", modules, nodeConfig: { parallel: true, maxRetries: 1 } })] }).runTask(newTask());
    expect(await seen.promise).toBe(error);
  });
});

describe("why a sibling is aborted", () => {
  it("is the error of the one that failed, also where another had succeeded before", async () => {
    const seen = deferred<unknown>();
    const entered = deferred();
    const succeeded = deferred();
    const modules = [
      moduleOf("succeeds", async () => {
        await entered.promise;
        setImmediate(succeeded.resolve);
        return success();
      }),
      moduleOf("fails", async () => {
        await succeeded.promise;
        throw new Error("broken");
      }),
      moduleOf("waits", async ({ signal }) => {
        const reason = aborted(signal);
        entered.resolve();
        seen.resolve(await reason);
        return success();
      }),
    ];
    await new Agent({ nodes: [new Node({ name: "n", modules, nodeConfig: { parallel: true, maxRetries: 1 } })] }).runTask(newTask());
    expect(await seen.promise).toMatchObject({ message: "broken", code: "module-failed" });
  });
});

describe("reports of a nested graph", () => {
  it("are in the outcome of the run also where nothing failed by them", async () => {
    const lost = nodeOf("lost", [], () => ({ ...success(), decision: "nowhere" }));
    for (const depth of [0, 1, 3]) {
      const { status, errors } = await new Agent({ nodes: [within(depth, lost)] }).runTask(newTask());
      expect(status).toBe("COMPLETE");
      expect(errors).toMatchObject([{ code: "unknown-target", node: "lost", path: pathWithin(depth, "lost") }]);
    }
  });

  it("tell two nodes of one name apart", async () => {
    const broken = () => nodeOf("in", [], () => success(), { nodeConfig: { inputs: ["nope"], maxRetries: 1 } });
    const graphs = ["g1", "g2"].map((name) => new Node({ name, nodes: [broken()], nodeConfig: { maxRetries: 1 } }));
    const { errors } = await new Agent({ nodes: graphs }).runTask(newTask());
    expect(errors.map(({ path, code }) => [path?.join("/"), code]).sort()).toEqual([
      ["g1", "missing-input"],
      ["g1/in", "missing-input"],
      ["g2", "missing-input"],
      ["g2/in", "missing-input"],
    ]);
  });

  it("of attempts that a later one made good are kept", async () => {
    let attempts = 0;
    const flaky = nodeOf("flaky", [], () => (++attempts === 1 ? { status: "error", error: "first" } : success()), once);
    const { status, errors } = await new Agent({ nodes: [within(2, flaky)] }).runTask(newTask());
    expect(status).toBe("COMPLETE");
    expect(errors.map(({ path }) => path)).toEqual([pathWithin(2, "flaky")]);
  });

  it("are those of an unbroken run after a restore", async () => {
    const store = new MemoryStore({ keep: 10_000 });
    const agentOf = () =>
      new Agent({
        store,
        snapshot: "NEVER",
        nodes: [
          within(
            2,
            new Node({
              name: "inner",
              ...once,
              nodes: [
                throwing(new Error("early")),
                nodeOf("late", [], () => success(), { snapshot: "ALWAYS", dependencies: ["gate"] }),
                nodeOf("gate"),
              ],
            }),
            once,
          ),
        ],
      });
    const task = newTask();
    const whole = await agentOf().runTask(task);
    const facts = (errors: readonly ErrorReport[]) => errors.map(({ stack: _stack, ...report }) => report);
    for (const ref of await snapshotsOf(store, task.id)) {
      expect(facts((await agentOf().runFromSnapshot(ref)).errors)).toEqual(facts(whole.errors));
    }
  });
});
