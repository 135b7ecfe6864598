import fc from "fast-check";
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
  NOTHING,
  newAttempt,
  nodeResultOf,
  standingAfter,
  type Verdict,
  withNext,
  withOutcome,
} from "#contract/node/attempt";
import { backoffMs, defineNode, type NodeDefinition } from "#contract/node/definition";
import { defineModule } from "#contract/node/module";
import { Node } from "#contract/node/node";
import { type Permit, Permits } from "#contract/node/permits";

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
const attempt = (outcomes: ModuleOutcome[], active: number[] = []): Attempt => ({ ...NOTHING, active, ended: [outcomes] });

/** The attempt of which these have ended, and those run. */
function reached(node: NodeDefinition, outcomes: ModuleOutcome[], running: number[] = []): Attempt {
  const active = [...outcomes.map(({ module }) => module), ...running];
  const begun = newAttempt(node);
  const ready = begun.ready.filter((module) => !active.includes(module));
  const start: Attempt = { ...begun, active, ready };
  return outcomes.reduce((before, outcome) => withOutcome(node, before, outcome), start);
}

describe("attempt", () => {
  it("starts one module at a time in order, and none while one runs", () => {
    const node = define({ a: [], b: [] });
    expect(modulesToStart(node, reached(node, []))).toEqual([0]);
    expect(modulesToStart(node, reached(node, [], [0]))).toEqual([]);
    expect(modulesToStart(node, reached(node, [ended(0, "success")]))).toEqual([1]);
    expect(modulesToStart(node, reached(node, [ended(0, "success"), ended(1, "success")]))).toEqual([]);
  });

  it("starts in parallel all whose dependencies succeeded", () => {
    const node = define({ a: [], b: [], c: ["a"] }, { parallel: true });
    expect(modulesToStart(node, reached(node, []))).toEqual([0, 1]);
    expect(modulesToStart(node, reached(node, [ended(0, "success")], [1]))).toEqual([2]);
    expect(modulesToStart(node, reached(node, [ended(0, "error")], [1]))).toEqual([]);
  });

  it("is decided by the first failure, or by all successes", () => {
    const node = define({ a: [], b: [] }, { parallel: true });
    expect(judge(node, reached(node, [ended(0, "success")], [1]))).toBe("undecided");
    expect(judge(node, reached(node, [ended(0, "error")], [1]))).toBe("error");
    expect(judge(node, reached(node, [ended(0, "success"), ended(1, "success")]))).toBe("success");
  });

  it("is decided by the first success with stopOnSuccess, or when nothing is left to start", () => {
    const node = define({ a: [], b: [], c: ["a"] }, { stopOnSuccess: true });
    expect(judge(node, reached(node, [ended(0, "error")]))).toBe("undecided");
    expect(judge(node, reached(node, [ended(0, "error"), ended(1, "success")]))).toBe("success");
    expect(judge(node, reached(node, [ended(0, "error"), ended(1, "error")]))).toBe("error");
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
    const { ended: kept } = withOutcome(race, reached(race, [ended(1, "success", { json: '{"n":1}' })], [0]), late);
    expect(kept.flat()).toEqual([ended(1, "success", { json: '{"n":1}' }), { module: 0, status: "aborted", retryable: true, endedAt: 0 }]);
  });

  /** What an attempt says, found by walking all that has ended. */
  function walked(node: NodeDefinition, dependencies: number[][], { active, ended: list }: Attempt): { verdict: Verdict; next: number[] } {
    const all = list.flat();
    const isWinner = ({ module, status }: ModuleOutcome): boolean =>
      status === "success" && (node.stopOnSuccess || node.modules[module]?.stops === true);
    if (all.some(isWinner)) return { verdict: "success", next: [] };
    if (all.some(({ status, module }) => status === "error" && (!node.stopOnSuccess || module < 0))) return { verdict: "error", next: [] };
    const done = all.flatMap(({ module, status }) => (status === "success" ? [module] : []));
    const known = [...active, ...all.map(({ module }) => module)];
    const ready = dependencies.flatMap((needed, module) =>
      !known.includes(module) && needed.every((other) => done.includes(other)) ? [module] : [],
    );
    const next = node.mode === "parallel" ? ready : active.length > 0 ? [] : ready.slice(0, 1);
    if (active.length > 0 || next.length > 0) return { verdict: "undecided", next };
    return { verdict: node.stopOnSuccess && all.length > 0 ? "error" : "success", next };
  }

  it("knows without walking what walking all that has ended would find", () => {
    const shapes = fc.record({
      // Each module depends on some before it.
      dependencies: fc.array(fc.array(fc.nat(6), { maxLength: 3 }), { minLength: 1, maxLength: 7 }),
      parallel: fc.boolean(),
      stopOnSuccess: fc.boolean(),
      stops: fc.nat(12),
      ends: fc.array(fc.tuple(fc.nat(6), fc.constantFrom("success", "success", "success", "error", "outside")), {
        maxLength: 12,
      }),
    });
    fc.assert(
      fc.property(shapes, ({ dependencies: given, parallel, stopOnSuccess, stops, ends }) => {
        const made = new Node({
          name: "n",
          modules: given.map((needed, module) =>
            defineModule({
              name: `m${module}`,
              dependencies: [...new Set(needed)].filter((other) => other < module).map((other) => `m${other}`),
              config: { stopOnSuccess: module === stops },
              process: () => ({ status: "success" }),
            }),
          ),
          nodeConfig: { parallel },
          config: { stopOnSuccess },
        });
        const node = defineNode(made);
        const names = made.modules.map(({ name }) => name);
        const dependencies = made.modules.map((module) => module.dependencies.map((name) => names.indexOf(name)));
        let now = withNext(node, newAttempt(node));
        for (const [place, status] of ends) {
          const { active } = now;
          if (active.length === 0) return;
          const module = active[place % active.length] as number;
          const outcome = status === "outside" ? ended(-1, "error") : ended(module, status as ModuleOutcome["status"]);
          const next = withOutcome(node, now, outcome);
          const found = walked(node, dependencies, next);
          expect(judge(node, next)).toBe(found.verdict);
          expect(standingAfter(node, now, outcome)).toEqual({ verdict: found.verdict, active: next.active.length });
          expect(JSON.parse(JSON.stringify(next))).toEqual(next);
          if (found.verdict !== "undecided") return;
          expect([...modulesToStart(node, next)].sort()).toEqual(found.next);
          now = withNext(node, next);
        }
      }),
      { numRuns: 2_000 },
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

  it("come once for all who wait to go on with one of them, and are given back whole", async () => {
    const permits = new Permits(() => 1, new Turns());
    const entered: Permit[] = [];
    const enter = (): Permit => permits.acquire({}, (permit) => entered.push(permit));
    const first = enter();
    first.pause();
    const holder = enter();
    const waits = [first.resume(), first.resume()];
    holder.release();
    waits.push(first.resume());
    await Promise.all(waits);
    first.pause();
    expect(entered).toEqual([first, holder]);
    for (let more = 0; more < 3; more++) enter().release();
    expect(entered).toHaveLength(5);
    await first.resume();
    first.release();
    enter();
    expect(entered).toHaveLength(6);
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
