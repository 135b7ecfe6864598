import { describe, expect, it } from "vitest";
import { Turns } from "#contract/base/turns";
import {
  type Attempt,
  attemptKeyOf,
  decisionOf,
  failureOf,
  idempotencyKeyOf,
  judge,
  keysWithin,
  type ModuleOutcome,
  modulesToStart,
  nodeResultOf,
  withOutcome,
} from "#contract/node/attempt";
import { backoffMs, defineNode } from "#contract/node/definition";
import { defineModule } from "#contract/node/module";
import { Node } from "#contract/node/node";
import { Permits } from "#contract/node/permits";

const define = (names: Record<string, string[]>, options: { parallel?: boolean; stopOnSuccess?: boolean } = {}) =>
  defineNode(
    new Node({
      name: "n",
      modules: Object.entries(names).map(([name, dependencies]) =>
        defineModule({ name, dependencies, process: () => ({ status: "success" }) }),
      ),
      nodeConfig: { parallel: options.parallel ?? false },
      config: { stopOnSuccess: options.stopOnSuccess ?? false },
    }),
  );

const ended = (module: number, status: ModuleOutcome["status"], more: Partial<ModuleOutcome> = {}): ModuleOutcome => ({
  module,
  status,
  retryable: true,
  endedAt: 0,
  ...(status === "error" ? { error: `module ${module}` } : {}),
  ...more,
});
const attempt = (outcomes: ModuleOutcome[], active: number[] = []): Attempt => ({ active, ended: outcomes });

describe("attempt", () => {
  it("starts one module at a time in order, and none while one runs", () => {
    const node = define({ a: [], b: [] });
    expect(modulesToStart(node, attempt([]))).toEqual([0]);
    expect(modulesToStart(node, attempt([], [0]))).toEqual([]);
    expect(modulesToStart(node, attempt([ended(0, "success")]))).toEqual([1]);
    expect(modulesToStart(node, attempt([ended(0, "success"), ended(1, "success")]))).toEqual([]);
  });

  it("starts in parallel all whose dependencies succeeded", () => {
    const node = define({ a: [], b: [], c: ["a"] }, { parallel: true });
    expect(modulesToStart(node, attempt([]))).toEqual([0, 1]);
    expect(modulesToStart(node, attempt([ended(0, "success")], [1]))).toEqual([2]);
    expect(modulesToStart(node, attempt([ended(0, "error")], [1]))).toEqual([]);
  });

  it("is decided by the first failure, or by all successes", () => {
    const node = define({ a: [], b: [] }, { parallel: true });
    expect(judge(node, attempt([ended(0, "success")], [1]))).toBe("undecided");
    expect(judge(node, attempt([ended(0, "error")], [1]))).toBe("error");
    expect(judge(node, attempt([ended(0, "success"), ended(1, "success")]))).toBe("success");
  });

  it("is decided by the first success with stopOnSuccess, or when nothing is left to start", () => {
    const node = define({ a: [], b: [], c: ["a"] }, { stopOnSuccess: true });
    expect(judge(node, attempt([ended(0, "error")]))).toBe("undecided");
    expect(judge(node, attempt([ended(0, "error"), ended(1, "success")]))).toBe("success");
    expect(judge(node, attempt([ended(0, "error"), ended(1, "error")]))).toBe("error");
  });

  it("fails by its first failure's text, and is not tried again when any of them says so", () => {
    const failures = [ended(1, "aborted"), ended(0, "error", { error: "first", code: "x" }), ended(2, "error", { retryable: false })];
    expect(failureOf(attempt(failures), define({ a: [], b: [], c: [] }))).toEqual({ error: "first", code: "x", module: "a", final: true });
  });

  it("gives results in the node's order, without those of aborted modules", () => {
    const outcomes = [ended(2, "success", { json: '{"n":2}' }), ended(1, "aborted"), ended(0, "success", { json: '{"n":0}' })];
    expect(nodeResultOf(attempt(outcomes), undefined)).toEqual({ status: "success", results: [{ n: 0 }, { n: 2 }] });
  });

  it("decides by the last module in the node's order that succeeded and decided", () => {
    const outcomes = [ended(1, "success", { decision: "b" }), ended(2, "error", { decision: "c" }), ended(0, "success", { decision: "a" })];
    expect(decisionOf(attempt(outcomes))?.decision).toBe("b");
    expect(decisionOf(attempt([ended(0, "success")]))).toBeUndefined();
  });

  it("forgets a module as active when it has ended", () => {
    expect(withOutcome(define({ a: [], b: [] }), attempt([], [0, 1]), ended(0, "success")).active).toEqual([1]);
  });

  it.each(["success", "error"] as const)("keeps nothing of what ends after the first success was enough (%s)", (status) => {
    const race = define({ a: [], b: [] }, { parallel: true, stopOnSuccess: true });
    const late = ended(0, status, { json: '{"n":0}', decision: "elsewhere", added: [] });
    const after = withOutcome(race, attempt([ended(1, "success", { json: '{"n":1}' })], [0]), late);
    expect(after).toEqual(
      attempt([ended(1, "success", { json: '{"n":1}' }), { module: 0, status: "aborted", retryable: true, endedAt: 0 }]),
    );
  });
});

describe("keys of a module's run", () => {
  const keys = { visit: "run", attempt: "run" };
  const order = { keys, node: "n", visit: 1, attempt: 2, module: 0 };
  const others = [
    { ...order, keys: { visit: "run-2", attempt: "run-2" } },
    { ...order, node: "m" },
    { ...order, visit: 2 },
  ];

  it("name the visit and the module: the same for all attempts, and after a restore", () => {
    const made = [order, ...others].map((one) => idempotencyKeyOf(one, "module"));
    made.push(idempotencyKeyOf(order, "other"));
    expect(new Set(made).size).toBe(5);
    for (const attempt of [1, 2, 3]) expect(idempotencyKeyOf({ ...order, attempt }, "module")).toBe(made[0]);
  });

  it("name the attempt, as the key of an attempt", () => {
    const made = [order, ...others, { ...order, attempt: 1 }].map((one) => attemptKeyOf(one, "module"));
    made.push(attemptKeyOf(order, "other"));
    expect(new Set(made).size).toBe(6);
    expect(attemptKeyOf({ ...order }, "module")).toBe(made[0]);
  });

  it("are those of the node's visit in a nested graph, whichever attempt runs it", () => {
    const inner = (attempt: number) => ({ ...order, keys: keysWithin({ ...order, attempt }), node: "inner", attempt: 1 });
    expect(idempotencyKeyOf(inner(1), "module")).toBe(idempotencyKeyOf(inner(2), "module"));
    expect(attemptKeyOf(inner(1), "module")).not.toBe(attemptKeyOf(inner(2), "module"));
  });

  it("cannot be forged by names that look like parts of them", () => {
    for (const keyOf of [idempotencyKeyOf, attemptKeyOf]) {
      for (const node of ["n.1/m", "n.1.2/m"]) {
        const forged = keyOf({ ...order, node }, "x");
        expect(forged).not.toBe(keyOf({ ...order, keys: keysWithin({ ...order, node: "n" }), node: "m" }, "x"));
      }
    }
  });
});

describe("backoff", () => {
  it("grows by its factor up to its maximum", () => {
    const backoff = { initialMs: 100, factor: 2, maxMs: 500 };
    expect([1, 2, 3, 4, 5_000].map((number) => backoffMs(backoff, number))).toEqual([100, 200, 400, 500, 500]);
  });

  it.each([1, 30_000, 60_000])("of %d ms waits that long at first, whatever its maximum is by default", (initialMs) => {
    const { backoff } = defineNode(new Node({ name: "n", nodeConfig: { backoff: { initialMs } } }));
    expect(backoffMs(backoff, 1)).toBe(initialMs);
    expect(backoffMs(backoff, 5_000)).toBe(Math.max(30_000, initialMs));
  });
});

describe("permits", () => {
  const line = {};
  const entering =
    (permits: Permits, log: string[]) =>
    (name: string, within: object = line) =>
      permits.acquire(within, () => log.push(name));

  it("let in as many as the limit says, first come first served", () => {
    const log: string[] = [];
    const permits = new Permits(() => 2, new Turns());
    const [first] = ["a", "b", "c", "d"].map((name) => entering(permits, log)(name));
    expect(log).toEqual(["a", "b"]);
    first?.release();
    first?.release();
    expect(log).toEqual(["a", "b", "c"]);
  });

  it("pass over whoever left while it waited", () => {
    const log: string[] = [];
    const enter = entering(new Permits(() => 1, new Turns()), log);
    const first = enter("a");
    const second = enter("b");
    enter("c");
    second.release();
    first.release();
    expect(log).toEqual(["a", "c"]);
  });

  it("serve lines in turns, however many stand in one", () => {
    const log: string[] = [];
    const enter = entering(new Permits(() => 1, new Turns()), log);
    const first = enter("a1");
    const later = [enter("a2"), enter("a3"), enter("b1", { name: "b" }), enter("a4")];
    first.release();
    for (const permit of [later[0], later[2], later[1]]) permit?.release();
    expect(log).toEqual(["a1", "a2", "b1", "a3", "a4"]);
  });

  it("are given back by whoever waits, and come again in turn", async () => {
    const log: string[] = [];
    const enter = entering(new Permits(() => 1, new Turns()), log);
    const first = enter("a");
    const second = enter("b");
    first.pause();
    first.pause();
    expect(log).toEqual(["a", "b"]);
    const resumed = first.resume().then(() => log.push("a again"));
    expect(log).toEqual(["a", "b"]);
    second.release();
    await resumed;
    enter("c");
    expect(log).toEqual(["a", "b", "a again"]);
    first.release();
    expect(log).toEqual(["a", "b", "a again", "c"]);
  });

  it("come at once for whoever is released while it waits to go on", async () => {
    const log: string[] = [];
    const enter = entering(new Permits(() => 1, new Turns()), log);
    const first = enter("a");
    const second = enter("b");
    first.pause();
    const resumed = first.resume();
    first.release();
    await resumed;
    await first.resume();
    second.release();
    enter("c");
    expect(log).toEqual(["a", "b", "c"]);
  });

  it("admit at once when the limit was raised, and nobody when it was lowered", () => {
    const log: string[] = [];
    let limit = 1;
    const permits = new Permits(() => limit, new Turns());
    const [first] = ["a", "b", "c"].map((name) => entering(permits, log)(name));
    limit = 2;
    permits.admit();
    expect(log).toEqual(["a", "b"]);
    limit = 1;
    first?.release();
    expect(log).toEqual(["a", "b"]);
  });
});
