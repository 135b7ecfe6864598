import { describe, expect, it } from "vitest";
import {
  type Attempt,
  decisionOf,
  failureOf,
  idempotencyKeyOf,
  judge,
  type ModuleOutcome,
  modulesToStart,
  nodeResultOf,
  scopeOf,
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
    expect(failureOf(attempt(failures))).toEqual({ error: "first", code: "x", retryable: false });
  });

  it("gives results in the node's order, without those of aborted modules", () => {
    const outcomes = [ended(2, "success", { json: '{"n":2}' }), ended(1, "aborted"), ended(0, "success", { json: '{"n":0}' })];
    expect(nodeResultOf(attempt(outcomes), { status: "success" })).toEqual({ status: "success", results: [{ n: 0 }, { n: 2 }] });
  });

  it("decides by the last module in the node's order that succeeded and decided", () => {
    const outcomes = [ended(1, "success", { decision: "b" }), ended(2, "error", { decision: "c" }), ended(0, "success", { decision: "a" })];
    expect(decisionOf(attempt(outcomes))?.decision).toBe("b");
    expect(decisionOf(attempt([ended(0, "success")]))).toBeUndefined();
  });

  it("forgets a module as active when it has ended", () => {
    expect(withOutcome(attempt([], [0, 1]), ended(0, "success")).active).toEqual([1]);
  });
});

describe("idempotency key", () => {
  const order = { scope: "run", node: "n", visit: 1, attempt: 2, module: 0 };

  it("is the same for the same order, and another for any other", () => {
    const keys = [order, { ...order, scope: "run-2" }, { ...order, node: "m" }, { ...order, visit: 2 }, { ...order, attempt: 1 }].map(
      (one) => idempotencyKeyOf(one, "module"),
    );
    keys.push(idempotencyKeyOf(order, "other"));
    expect(new Set(keys).size).toBe(6);
    expect(idempotencyKeyOf({ ...order }, "module")).toBe(keys[0]);
  });

  it("cannot be forged by names that look like parts of it", () => {
    const a = idempotencyKeyOf({ ...order, node: "n.1.2/m" }, "x");
    const b = idempotencyKeyOf({ ...order, scope: scopeOf({ ...order, node: "n" }), node: "m" }, "x");
    expect(a).not.toBe(b);
  });
});

describe("backoff", () => {
  it("grows by its factor up to its maximum", () => {
    const backoff = { initialMs: 100, factor: 2, maxMs: 500 };
    expect([1, 2, 3, 4, 5_000].map((number) => backoffMs(backoff, number))).toEqual([100, 200, 400, 500, 500]);
  });
});

describe("permits", () => {
  const entering = (permits: Permits, log: string[]) => (name: string) => permits.acquire(() => log.push(name));

  it("let in as many as the limit says, first come first served", () => {
    const log: string[] = [];
    const permits = new Permits(() => 2);
    for (const name of ["a", "b", "c", "d"]) entering(permits, log)(name);
    expect(log).toEqual(["a", "b"]);
    permits.release();
    expect(log).toEqual(["a", "b", "c"]);
  });

  it("pass over whoever left while it waited", () => {
    const log: string[] = [];
    const permits = new Permits(() => 1);
    const enter = entering(permits, log);
    enter("a");
    const leave = enter("b");
    enter("c");
    leave();
    permits.release();
    expect(log).toEqual(["a", "c"]);
  });

  it("admit at once when the limit was raised, and nobody when it was lowered", () => {
    const log: string[] = [];
    let limit = 1;
    const permits = new Permits(() => limit);
    for (const name of ["a", "b", "c"]) entering(permits, log)(name);
    limit = 2;
    permits.admit();
    expect(log).toEqual(["a", "b"]);
    limit = 1;
    permits.release();
    expect(log).toEqual(["a", "b"]);
  });
});
