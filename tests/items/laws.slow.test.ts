/** Whatever items do, a crash after any commit, on any driver: the same comes of them, under the same keys, and none that had ended begins again. */
import { Agent, type ModuleContext, Node, type RunStore } from "asimov-agents";
import fc from "fast-check";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { success } from "../run/support.ts";
import { storesOf, taskOf } from "../runs/stores.ts";
import { counted, LONG_MS } from "../support/long.ts";
import { RecordedStore } from "../support/recorded-store.ts";
import { itemsNodes } from "./support.ts";

const KEEP = { keep: 100_000, keepEvents: 100_000 };

interface Item {
  /** Attempts that fail before one succeeds. */
  fails: number;
  steps: number;
}

interface Plan {
  items: Item[];
  attempts: number;
  atOnce: number;
  policy: "fail" | "keep";
  isNested: boolean;
}

const anyPlan: fc.Arbitrary<Plan> = fc
  .record({
    items: fc.array(fc.record({ fails: fc.nat({ max: 3 }), steps: fc.nat({ max: 2 }) }), { maxLength: 5 }),
    attempts: fc.integer({ min: 1, max: 3 }),
    atOnce: fc.integer({ min: 1, max: 5 }),
    policy: fc.constantFrom<Plan["policy"]>("fail", "keep"),
    isNested: fc.boolean(),
  })
  // Of several that work, which one is out of attempts first is chance.
  .map((plan) => (plan.policy === "fail" ? { ...plan, atOnce: 1 } : plan));

type Note = (index: number, key: string) => void;

function agentOf({ items, attempts, atOnce, policy, isNested }: Plan, store: RunStore, note: Note): Agent {
  const work = async ({ item, index = -1, node, step, values, idempotencyKey }: ModuleContext) => {
    const { fails, steps } = item as Item;
    note(index, idempotencyKey);
    const done: unknown[] = [];
    for (let at = 0; at < steps; at++) done.push(await step(`step ${at}`, ({ idempotencyKey: key }) => key));
    await values.set(`of ${index}`, node.attempt);
    if (node.attempt <= fails) throw new Error(`attempt ${node.attempt} of ${index}`);
    return success(done);
  };
  const nodeConfig = { maxRetries: attempts, maxParallelItems: atOnce, onItemError: policy };
  const nodes = itemsNodes({ list: items, work, nodeConfig });
  return new Agent({
    name: "items",
    store,
    snapshot: "ALWAYS",
    nodes: isNested ? [new Node({ name: "around", nodes, nodeConfig: { maxRetries: 1 } })] : nodes,
  });
}

async function endOf(agent: Agent, resumed: boolean): Promise<unknown> {
  const run = resumed ? await agent.resume("t") : agent.start(taskOf());
  const { status, results, errors } = await run.outcome;
  const told = errors.map(({ path, error, code }) => [path, error, code]);
  return JSON.parse(JSON.stringify({ status, results, told, values: await run.values.getAll() }));
}

describe.each(storesOf())("random items (%s)", (what, make) => {
  // A turn of the event loop that took long is cut, and what is parallel then ends in another order: a busy machine has no say here.
  beforeEach(() => {
    const clock = vi.spyOn(performance, "now").mockReturnValue(0);
    return () => clock.mockRestore();
  });

  it("end as without a break, whichever commit was the last", { timeout: LONG_MS }, async () => {
    let restored = 0;
    const property = fc.asyncProperty(anyPlan, async (plan) => {
      const recorded = new RecordedStore(KEEP);
      const keys = new Map<number, string>();
      const expected = await endOf(
        agentOf(plan, recorded, (index, key) => keys.set(index, key)),
        false,
      );
      for (let generation = 1; generation <= recorded.unended; generation++) {
        const store = make(KEEP);
        await recorded.replay(store, generation);
        const ended = new Set(recorded.told(generation).flatMap(({ type, index }) => (type === "item.ended" ? [index] : [])));
        const again: number[] = [];
        const heir = agentOf(plan, store, (index, key) => {
          if (ended.has(index)) again.push(index);
          expect(key).toBe(keys.get(index));
        });
        expect(await endOf(heir, true)).toEqual(expected);
        expect(again).toEqual([]);
        await store.close();
        restored++;
      }
    });
    await fc.assert(property, { numRuns: what === "memory" ? counted(100, 2_000) : counted(15, 300), timeout: 60_000 });
    expect(restored).toBeGreaterThan(30);
  });
});
