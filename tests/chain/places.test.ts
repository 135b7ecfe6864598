/** Chains of one module, and chains within tools, are kept apart, and each goes on from its own place. */
import { describe, expect, it, vi } from "vitest";
import { Agent } from "#agent";
import { Task } from "#contract/base/task";
import { ChatRole, SnapshotControl } from "#contract/base/vocabulary";
import { defineTool } from "#contract/chat/tool";
import { defineModule } from "#contract/node/module";
import { Node } from "#contract/node/node";
import type { SnapshotRef } from "#contract/store/run-commit";
import { MemoryStore } from "#store/memory/store";
import { ScriptedInferenceClient } from "#testing/scripted-inference-client";
import { AlteredStore, generationsOf, lastOf, loadedFrom } from "../support/snapshots.ts";

const ask = (content: string) => [{ role: ChatRole.USER, content }];
const schema = { type: "object" };

function agentOf(client: ScriptedInferenceClient, keys: string[], store: MemoryStore, hold?: () => Promise<void>) {
  const inner = defineTool({
    name: "inner",
    description: "Asks again",
    input: schema,
    run: async (_input, { idempotencyKey, signal }) => {
      keys.push(idempotencyKey);
      return (await client.toolChain(ask("inner"), [], { signal })).text;
    },
  });
  const work = defineModule({
    name: "work",
    process: async ({ signal }) => {
      const first = await client.toolChain(ask("first"), [inner], { signal });
      await hold?.();
      const second = await client.toolChain(ask("second"), [inner], { signal });
      return { status: "success", result: [first.text, second.text] };
    },
  });
  return new Agent({
    store: store,
    snapshot: "NEVER",
    nodes: [new Node({ name: "work", modules: [work], snapshot: SnapshotControl.ALWAYS })],
  });
}

const call = (id: string) => ({ toolCalls: [{ name: "inner", input: {}, id }] });

describe("chains of one module", () => {
  it("give each its own answer, and tools keys of their own, though their ids repeat", async () => {
    const keys: string[] = [];
    const client = new ScriptedInferenceClient([call("a"), "in 1", "one", call("a"), "in 2", "two"]);
    const { nodes: results, usage } = await agentOf(client, keys, new MemoryStore({ keep: 10_000 })).runTask(
      new Task({ type: "t", objective: "o" }),
    );
    expect(results.work?.results[0]?.result).toEqual(["one", "two"]);
    expect(new Set(keys).size).toBe(2);
    expect(usage).toEqual(client.usage);
    client.assertDone();
  });

  it("go on from where each was, in another agent", async () => {
    const store = new MemoryStore({ keep: 10_000 });
    const keys: string[] = [];
    const held = Promise.withResolvers<void>();
    const first = agentOf(new ScriptedInferenceClient([call("a"), "in 1", "one"]), keys, store, () => {
      held.resolve();
      return new Promise(() => {});
    });
    const task = new Task({ type: "t", objective: "o" });
    const run = first.start(task);
    await held.promise;
    const rest = new ScriptedInferenceClient([call("a"), "in 2", "two"]);
    const ref = await lastOf(store, task.id);
    await run.cancel();
    const { nodes: results } = await agentOf(rest, keys, store).runFromSnapshot(ref);
    expect(results.work?.results[0]?.result).toEqual(["one", "two"]);
    rest.assertDone();
  });

  const CHAINS = 60;

  /** Starts chains of two turns one after the other, and is told before each. */
  function startingChains(before: () => void) {
    const look = defineTool({ name: "look", description: "Looks", input: schema, run: () => "x".repeat(10_000) });
    const turns = [{ toolCalls: [{ name: "look", input: {} }] }, "seen"];
    const client = new ScriptedInferenceClient(Array.from({ length: CHAINS }, () => turns).flat());
    return defineModule({
      name: "work",
      async process({ signal }) {
        for (let chain = 0; chain < CHAINS; chain++) {
          before();
          await client.toolChain(ask("Look."), [look], { signal });
        }
        return { status: "success" };
      },
    });
  }

  it.each(["flat", "nested"])("change of a snapshot what their own chain has reached, however many went before: %s", async (where) => {
    const changed: number[] = [];
    const work = new Node({ name: "work", modules: [startingChains(() => changed.push(0))], snapshot: SnapshotControl.ALWAYS });
    const store = new MemoryStore({ keep: 1 });
    const write = store.commit.bind(store);
    vi.spyOn(store, "commit").mockImplementation(async (lease, commit) => {
      const size = [...commit.put].reduce((sum, [, text]) => sum + text.length, 0);
      if (changed.length > 0) changed[changed.length - 1] = Math.max(changed.at(-1) ?? 0, size);
      return await write(lease, commit);
    });
    const nodes = where === "flat" ? [work] : [new Node({ name: "outer", nodes: [work] })];
    const { status } = await new Agent({ store: store, snapshot: "NEVER", nodes }).runTask(new Task({ type: "t", objective: "o" }));
    expect(status).toBe("COMPLETE");
    const [second = 0, last = 0] = [changed[1], changed.at(-1)];
    expect(second).toBeGreaterThan(10_000);
    // The names of those before are told.
    expect(last - second).toBeLessThan(CHAINS * 100);
  });

  it("are refused as damaged where what one has reached cannot be read", async () => {
    const store = new AlteredStore({ keep: 10_000 });
    const held = Promise.withResolvers<void>();
    const task = new Task({ type: "t", objective: "o" });
    const run = agentOf(new ScriptedInferenceClient([call("a"), "in 1", "one"]), [], store, () => {
      held.resolve();
      return new Promise(() => {});
    }).start(task);
    await held.promise;
    const ref = (await generationsOf(store, task.id)).at(-1) as SnapshotRef;
    const snapshot = await loadedFrom(store, ref);
    await run.cancel();
    const saved = [...snapshot.parts.keys()].filter((name) => name.startsWith("kept/"));
    expect(saved).toHaveLength(2);
    for (const name of saved) {
      store.alter = (parts) => parts.set(name, "{");
      const restored = agentOf(new ScriptedInferenceClient([]), [], store).startFromSnapshot(ref);
      await expect(restored).rejects.toMatchObject({ code: "snapshot-damaged", message: expect.stringContaining(name) });
    }
  });
});
