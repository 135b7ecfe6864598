import { Agent, type AgentOptions, defineModule, MemorySnapshotStore, Node, type SnapshotControl } from "asimov-agents";
import { describe, expect, it } from "vitest";
import { endOf, newTask, TASK_ID } from "./fixture.ts";

const UNLIMITED = { maxVisits: 0 };

const silent = (name: string, dependencies: string[] = []): Node =>
  new Node({
    name,
    dependencies,
    nodeConfig: UNLIMITED,
    modules: [defineModule({ name: "m", process: async () => ({ status: "success" }) })],
  });

/** `start`, then so many nodes beside one that jumps back to `start` until its last round; it saves before each round. */
function loopOver(width: number, rounds: number, snapshot: SnapshotControl = "ALWAYS"): Node[] {
  const again = defineModule({
    name: "again",
    process: async ({ node }) => ({ status: "success", decision: node.visit < rounds ? "start" : null }),
  });
  const wide = Array.from({ length: width }, (_, index) => silent(`wide-node-number-${index}`, ["start"]));
  return [
    silent("start"),
    ...wide,
    new Node({ name: "again", dependencies: ["start"], snapshot, nodeConfig: UNLIMITED, modules: [again] }),
  ];
}

async function run(nodes: Node[], options: AgentOptions = {}) {
  const snapshotStore = new MemorySnapshotStore({ keep: 200 });
  const agent = new Agent({ nodes, snapshotStore, maxTotalIterations: Number.POSITIVE_INFINITY, ...options });
  const outcome = await agent.runTask(newTask());
  const refs = await snapshotStore.list(TASK_ID);
  const snapshots = await Promise.all(refs.map((ref) => snapshotStore.load(ref)));
  return { agent, outcome, snapshotStore, refs, parts: snapshots.map(({ parts }) => parts) };
}

type Parts = ReadonlyMap<string, string>;

const sizeOf = (parts: readonly Parts[], place: number, name: string): number => parts[place]?.get(name)?.length ?? Number.NaN;
const plansOf = (parts: Parts): [string, string][] => [...parts].filter(([name]) => name.startsWith("plan/"));

describe("past plans in a snapshot", () => {
  it("are one part for a loop, written once, and a number a round in the part `agent`", async () => {
    const { parts } = await run(loopOver(100, 40));
    expect(parts).toHaveLength(40);
    const [last] = parts.slice(-1);
    const plans = plansOf(last as Parts);
    expect(plans).toHaveLength(1);
    for (const earlier of parts.slice(1)) expect(plansOf(earlier)).toEqual(plans);
    expect(sizeOf(parts, 39, "agent") - sizeOf(parts, 9, "agent")).toBeLessThanOrEqual(30 * 4);
  });

  it("add no more to the part `agent` for being wide", async () => {
    const growthOf = async (width: number): Promise<number> => {
      const { parts } = await run(loopOver(width, 20));
      return sizeOf(parts, 19, "agent") - sizeOf(parts, 9, "agent");
    };
    expect(await growthOf(200)).toBe(await growthOf(2));
  });

  it("that differ are a part each, which stays as it was first written", async () => {
    const adding = (left: number): Node =>
      new Node({
        name: `n${left}`,
        snapshot: "ALWAYS",
        modules: [
          defineModule({
            name: "m",
            process: async () => ({ status: "success", ...(left === 0 ? {} : { newNodes: [adding(left - 1)] }) }),
          }),
        ],
      });
    const { parts } = await run([adding(12)]);
    const texts = new Map<string, string>();
    for (const generation of parts) {
      for (const [name, text] of plansOf(generation)) {
        expect(texts.get(name) ?? text).toBe(text);
        texts.set(name, text);
      }
    }
    expect(texts.size).toBe(12);
  });

  it("are the same in `executionState` after a restore", async () => {
    const whole = await run(loopOver(3, 120));
    for (const place of [1, 60, 110]) {
      const { snapshotStore, refs } = whole;
      const restored = new Agent({ nodes: loopOver(3, 120, "NEVER"), snapshotStore, maxTotalIterations: Number.POSITIVE_INFINITY });
      const outcome = await restored.runFromSnapshot(refs[place] ?? "");
      expect(endOf(restored, outcome)).toEqual(endOf(whole.agent, whole.outcome));
    }
    expect(whole.agent.executionState.executionHistory).toHaveLength(100);
  });

  it("of a nested graph do not make its node's part grow with their width", async () => {
    const growthOf = async (width: number): Promise<number> => {
      const { parts } = await run([new Node({ name: "graph", nodes: loopOver(width, 30) })]);
      return sizeOf(parts, 29, "node/graph") - sizeOf(parts, 19, "node/graph");
    };
    expect(Math.abs((await growthOf(60)) - (await growthOf(10)))).toBeLessThan(500);
  });

  it("that are missing are damage, told by name", async () => {
    const { parts, snapshotStore } = await run(loopOver(2, 5));
    const broken = new Map(parts.at(-1));
    const [name] = plansOf(broken)[0] as [string, string];
    broken.delete(name);
    const ref = await snapshotStore.save({ taskId: "broken", nodes: ["again"], createdAt: 0, parts: broken });
    await expect(new Agent({ nodes: loopOver(2, 5), snapshotStore }).runFromSnapshot(ref)).rejects.toMatchObject({
      code: "snapshot-damaged",
      message: expect.stringContaining(name),
    });
  });
});

describe("limit of iterations over a restore", () => {
  it("is that of the agent that restores, in nested graphs too; Infinity stays none", async () => {
    const nodes = () => [new Node({ name: "graph", nodes: loopOver(1, 130), nodeConfig: { maxRetries: 1 } })];
    const { snapshotStore, refs } = await run(nodes());
    const limit = async (maxTotalIterations: number) =>
      (await new Agent({ nodes: nodes(), snapshotStore, maxTotalIterations }).runFromSnapshot(refs[100] ?? "")).task;
    expect((await limit(Number.POSITIVE_INFINITY)).status).toBe("COMPLETE");
    expect((await limit(210)).error).toMatch(/210 iterations/);
  });
});
