import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Graph, GraphNode } from "../../../src/contract/graph/graph.ts";
import type { NodeReport } from "../../../src/contract/node/result.ts";
import { Order, type StoredOrder } from "../../../src/contract/run/order.ts";
import { Phase } from "../../../src/contract/run/order-cells.ts";
import { endOf, toExecutionState } from "../../../src/contract/run/order-view.ts";
import { NaiveOrder } from "./naive-order.ts";

const nodeOf = (name: string, dependencies: string[]): GraphNode => ({ name, dependencies, parts: [], targets: [] });
const graphOf = (nodes: Record<string, string[]>): Graph => ({
  nodes: Object.entries(nodes).map(([name, before]) => nodeOf(name, before)),
});

type Fate = Omit<NodeReport, "node">;

interface Scenario {
  graph: Graph;
  /** What each visit of a node gives, over and over. */
  fates: Record<string, Fate[]>;
  maxVisits: number;
}

const ADDED = 4;

const scenarios: fc.Arbitrary<Scenario> = fc.integer({ min: 1, max: 9 }).chain((size) =>
  fc
    .record({
      before: fc.tuple(
        ...Array.from({ length: size }, (_, at) => fc.uniqueArray(fc.nat(Math.max(0, at - 1)), { maxLength: at === 0 ? 0 : 3 })),
      ),
      fates: fc.tuple(
        ...Array.from({ length: size + ADDED }, () =>
          fc.array(
            fc.record({
              status: fc.oneof(
                { weight: 7, arbitrary: fc.constant("COMPLETE" as const) },
                { weight: 1, arbitrary: fc.constantFrom("FAILED" as const, "PARTIAL" as const) },
                { weight: 1, arbitrary: fc.constant("SKIPPED" as const) },
              ),
              to: fc.option(fc.nat(size), { nil: undefined, freq: 2 }),
              cleanup: fc.boolean(),
              add: fc.option(fc.record({ name: fc.nat(ADDED - 1), before: fc.uniqueArray(fc.nat(size - 1), { maxLength: 2 }) }), {
                nil: undefined,
                freq: 6,
              }),
            }),
            { minLength: 1, maxLength: 4 },
          ),
        ),
      ),
      maxVisits: fc.constantFrom(3, 5),
    })
    .map(({ before, fates, maxVisits }) => ({
      graph: {
        nodes: before.map((each, at) =>
          nodeOf(
            `n${at}`,
            each.map((index) => `n${index}`),
          ),
        ),
      },
      fates: Object.fromEntries(
        fates.map((list, at) => [
          at < size ? `n${at}` : `x${at - size}`,
          list.map(({ status, to, cleanup, add }): Fate => {
            if (status !== "COMPLETE") return { status };
            const added =
              add === undefined
                ? {}
                : {
                    added: [
                      nodeOf(
                        `x${add.name}`,
                        add.before.map((index) => `n${index}`),
                      ),
                    ],
                  };
            return { status, ...(to === undefined ? {} : { decision: to === size ? "nowhere" : `n${to}`, cleanup }), ...added };
          }),
        ]),
      ),
      maxVisits,
    })),
);

const choices = fc.array(fc.nat(97), { minLength: 8, maxLength: 60 });

interface Played {
  order: Order;
  trace: string[];
  jumps: number;
}

/** Plays a scenario to its end; which node settles next, and how many start, is by choice. */
function play({ graph, fates, maxVisits }: Scenario, choose: number[], { asJson = false, isLazy = false } = {}): Played {
  let order = new Order(graph);
  const naive = new NaiveOrder(graph);
  const ready: string[] = [];
  const executing: string[] = [];
  const visits = new Map<string, number>();
  const trace: string[] = [];
  let jumps = 0;
  let chosen = 0;
  const pick = (count: number): number => (count <= 1 ? 0 : (choose[chosen++ % choose.length] as number) % count);
  for (let step = 0; ; step++) {
    expect(step, "a run without end").toBeLessThan(5_000);
    if (asJson) {
      order = new Order(order.graph, JSON.parse(JSON.stringify(order)) as StoredOrder);
      ready.length = 0;
    }
    for (let name = order.takeReady(); name !== undefined; name = order.takeReady()) if (!ready.includes(name)) ready.push(name);
    const able = ready.filter((name) => order.isReady(name)).sort();
    expect(able).toEqual([...naive.ready].sort());
    expect([...executing].sort()).toEqual([...naive.executing.keys()].sort());
    expect(order.running).toBe(executing.length);
    const chain = naive.chain();
    for (const [position, { name }] of order.graph.nodes.entries()) {
      expect(order.failed.has(position), `${name} in a failed chain`).toBe(chain.has(name));
      expect(order.cells.phase(position) === Phase.PENDING, `${name} pending`).toBe(naive.pending.has(name));
    }
    expect(order.failed.size).toBe(chain.size);
    if (able.length === 0 && executing.length === 0) {
      expect(naive.pending.size + naive.dropped.size, "nobody waits for ever").toBe(0);
      for (const { name } of order.graph.nodes) expect(visits.get(name) ?? 0, `visits of ${name}`).toBe(naive.owed.get(name));
      return { order, trace, jumps };
    }
    const some = executing.length === 0 || pick(2) === 0 ? able.slice(0, 1 + pick(able.length)) : [];
    for (const name of isLazy ? some : able) {
      const iteration = naive.start(name);
      expect(order.iterationOf(name)).toBe(iteration);
      expect(order.start(name)).toBe(iteration);
      ready.splice(ready.indexOf(name), 1);
      executing.push(name);
      trace.push(`+${name}`);
    }
    if (executing.length === 0) continue;
    const [node] = executing.splice(pick(executing.length), 1) as [string];
    const nth = visits.get(node) ?? 0;
    const list = fates[node] as Fate[];
    const fate: Fate = nth >= maxVisits ? { status: "FAILED" } : (list[nth % list.length] as Fate);
    // One that is skipped at every visit would be sent back without end.
    const given: Fate = fate.status === "SKIPPED" && trace.length > 200 ? { status: "FAILED" } : fate;
    if (given.status !== "SKIPPED") visits.set(node, nth + 1);
    const { faults, refused, jump } = order.settle({ node, ...given });
    if (jump !== undefined) jumps++;
    const codes = faults.map(({ code }) => (refused !== undefined && code.startsWith("graph-") ? "refused" : code));
    expect(codes.sort()).toEqual(naive.settle({ node, ...given }).sort());
    trace.push(`-${node}`);
  }
}

describe("order by readiness", () => {
  it("is what the contract says, at every event of random runs", { timeout: 120_000 }, () => {
    let jumps = 0;
    const property = fc.property(scenarios, choices, fc.boolean(), (scenario, choose, isLazy) => {
      jumps += play(scenario, choose, { isLazy }).jumps;
    });
    fc.assert(property, { numRuns: 3_000 });
    expect(jumps).toBeGreaterThan(500);
  });

  it("goes on the same from JSON, at every event", { timeout: 120_000 }, () => {
    const property = fc.property(scenarios, choices, (scenario, choose) => {
      const whole = play(scenario, choose);
      const again = play(scenario, choose, { asJson: true });
      expect(again.trace).toEqual(whole.trace);
      expect(JSON.parse(JSON.stringify(again.order))).toEqual(JSON.parse(JSON.stringify(whole.order)));
    });
    fc.assert(property, { numRuns: 1_000 });
  });
});

/** Starts all that is ready, and says what it was. */
function startAll(order: Order): string[] {
  const started: string[] = [];
  for (let name = order.takeReady(); name !== undefined; name = order.takeReady()) {
    order.start(name);
    started.push(name);
  }
  return started;
}

const complete = (order: Order, node: string, more: Partial<NodeReport> = {}) => order.settle({ node, status: "COMPLETE", ...more });

describe("order of a diamond with a slow side", () => {
  it("starts what depends on the fast side while the slow one executes", () => {
    const order = new Order(graphOf({ start: [], slow: ["start"], fast: ["start"], after: ["fast"], end: ["slow", "after"] }));
    expect(startAll(order)).toEqual(["start"]);
    complete(order, "start");
    expect(startAll(order)).toEqual(["slow", "fast"]);
    complete(order, "fast");
    expect(startAll(order)).toEqual(["after"]);
    complete(order, "after");
    expect(startAll(order)).toEqual([]);
    expect(toExecutionState(order)).toMatchObject({ executionIndex: 1, totalIterations: 3 });
    complete(order, "slow");
    expect(startAll(order)).toEqual(["end"]);
    expect(order.totalIterations).toBe(4);
  });
});

describe("plans that jumps replaced", () => {
  it("are shown as they stood when the jump was taken, and the present one holds what the jump sent and what was pending", () => {
    const order = new Order(graphOf({ a: [], b: ["a"], c: ["b"], aside: ["a"], later: ["aside"] }));
    startAll(order);
    complete(order, "a");
    startAll(order);
    complete(order, "b");
    startAll(order);
    complete(order, "c", { decision: "b" });
    const { currentPlan, executionHistory, executionIndex } = toExecutionState(order);
    expect(executionHistory).toEqual([
      [
        { nodes: ["a"], executed: [true], skipped: [false] },
        { nodes: ["b", "aside"], executed: [true, false], skipped: [false, false] },
        { nodes: ["c", "later"], executed: [true, false], skipped: [false, false] },
      ],
    ]);
    expect(currentPlan).toEqual([
      { nodes: ["b", "aside"], executed: [false, false], skipped: [false, false] },
      { nodes: ["c", "later"], executed: [false, false], skipped: [false, false] },
    ]);
    expect(executionIndex).toBe(0);
    startAll(order);
    complete(order, "aside");
    expect(toExecutionState(order).executionHistory).toEqual(executionHistory);
  });

  it("are the newest 100", () => {
    const order = new Order(graphOf({ a: [], b: ["a"] }));
    for (let round = 0; round < 150; round++) {
      startAll(order);
      complete(order, "a");
      startAll(order);
      complete(order, "b", { decision: "a" });
    }
    const { executionHistory } = toExecutionState(order);
    expect(executionHistory).toHaveLength(100);
    const whole = [
      { nodes: ["a"], executed: [true], skipped: [false] },
      { nodes: ["b"], executed: [true], skipped: [false] },
    ];
    for (const plan of executionHistory) expect(plan).toEqual(whole);
  });
});

describe("end of an order", () => {
  it("is PARTIAL with the failed chains in declaration order", () => {
    const order = new Order(graphOf({ a: [], b: [], "b's": ["b"], "both's": ["a", "b"] }));
    startAll(order);
    order.settle({ node: "b", status: "FAILED" });
    const { passed } = complete(order, "a");
    expect(passed).toEqual([{ node: "both's", phase: Phase.BLOCKED }]);
    expect(endOf(order)).toEqual({
      status: "PARTIAL",
      failed: ["b"],
      failedChains: [["b", "b's", "both's"]],
      last: ["b's", "both's"],
      totalIterations: 1,
    });
  });

  it("takes each node for once: all in one of two chains is FAILED", () => {
    const order = new Order(graphOf({ a: [], b: [], c: ["a", "b"] }));
    startAll(order);
    order.settle({ node: "b", status: "FAILED" });
    order.settle({ node: "a", status: "PARTIAL" });
    expect(endOf(order)).toMatchObject({
      status: "FAILED",
      failedChains: [
        ["a", "c"],
        ["b", "c"],
      ],
    });
  });

  it("forgets a chain whose root succeeds on a later visit", () => {
    const order = new Order(graphOf({ root: [], a: ["root"], b: ["root"], c: ["a"] }));
    startAll(order);
    complete(order, "root");
    startAll(order);
    order.settle({ node: "a", status: "FAILED" });
    expect(endOf(order)).toMatchObject({ status: "PARTIAL", failed: ["a"] });
    complete(order, "b", { decision: "root" });
    for (const name of ["root", "a", "b", "c"]) {
      startAll(order);
      complete(order, name);
    }
    expect(endOf(order)).toMatchObject({ status: "COMPLETE", failedChains: [] });
  });
});
