/** What a module saved is there after a restore: the same attempt goes on from it, and what had ended is kept. */
import {
  Agent,
  type AgentEvent,
  ChatRole,
  defineModule,
  defineTool,
  FlowControlModule,
  MemoryStore,
  type ModuleContext,
  Node,
} from "asimov-agents";
import { ScriptedInferenceClient } from "asimov-agents/testing";
import { describe, expect, it, vi } from "vitest";
import { lastOf, newestOf, snapshotsOf } from "../support/snapshots.ts";
import { collect, gate, newTask, TASK_ID } from "./fixture.ts";

const moduleOf = (name: string, work: (context: ModuleContext) => unknown) =>
  defineModule({ name, process: async (context) => ({ status: "success", result: (await work(context)) ?? null }) });

/** Saves three steps; the first process stops after the second. */
function stepping(log: unknown[], stop: { reached(): void; held: Promise<void> } | undefined) {
  return moduleOf("steps", async ({ checkpoint, idempotencyKey }) => {
    let { done } = ((await checkpoint.load()) ?? { done: 0 }) as { done: number };
    log.push([done, idempotencyKey]);
    while (done < 3) {
      done += 1;
      await checkpoint.save({ done });
      if (done === 2 && stop !== undefined) {
        stop.reached();
        await stop.held;
        throw new Error("the process is gone");
      }
    }
    return done;
  });
}

describe("a checkpoint", () => {
  for (const where of ["the run's graph", "a nested graph"]) {
    it(`lets the same attempt go on in ${where}, and keeps siblings that have ended`, async () => {
      const store = new MemoryStore({ keep: 10_000 });
      const log: unknown[] = [];
      const ended: string[] = [];
      const reached = gate();
      const held = gate();
      const siblingEnded = gate();
      const graph = (stop?: { reached(): void; held: Promise<void> }) => {
        const sibling = moduleOf("sibling", () => {
          ended.push("sibling");
          siblingEnded.open();
        });
        const node = new Node({
          name: "work",
          snapshot: "ALWAYS",
          modules: [sibling, stepping(log, stop)],
          nodeConfig: { parallel: true, retryOnFailure: false },
        });
        return where === "a nested graph" ? new Node({ name: "outer", nodes: [node], nodeConfig: { retryOnFailure: false } }) : node;
      };
      const first = new Agent({ nodes: [graph({ reached: reached.open, held: held.opened })], store, snapshot: "NEVER" });
      const run = first.start(newTask());
      await reached.opened;
      await siblingEnded.opened;
      const ref = await lastOf(store, TASK_ID);
      held.open();
      await run.outcome;
      const outcome = await new Agent({ nodes: [graph()], store, snapshot: "NEVER" }).runFromSnapshot(ref);
      expect(outcome.status).toBe("COMPLETE");
      expect(ended).toEqual(["sibling"]);
      expect(log).toEqual([
        [0, expect.stringMatching(/work\.1\/steps$/)],
        [2, (log[0] as unknown[])[1]],
      ]);
    });
  }

  it("is part of a snapshot that the caller asks for, also where the node wants none", async () => {
    const store = new MemoryStore({ keep: 10_000 });
    const log: unknown[] = [];
    const reached = gate();
    const held = gate();
    const nodes = (stop?: Parameters<typeof stepping>[1]) => [
      new Node({ name: "work", modules: [stepping(log, stop)], nodeConfig: { retryOnFailure: false } }),
    ];
    const run = new Agent({ nodes: nodes({ reached: reached.open, held: held.opened }), store, snapshot: "NEVER" }).start(newTask());
    await reached.opened;
    expect(await snapshotsOf(store, TASK_ID)).toEqual([]);
    const ref = await run.snapshot();
    held.open();
    await run.outcome;
    expect((await new Agent({ nodes: nodes(), store, snapshot: "NEVER" }).runFromSnapshot(ref)).status).toBe("COMPLETE");
    expect(log.map((entry) => (entry as unknown[])[0])).toEqual([0, 2]);
  });

  it("starts empty at the next attempt", async () => {
    const seen: unknown[] = [];
    const module = moduleOf("tries", async ({ checkpoint, node }) => {
      seen.push(await checkpoint.load());
      await checkpoint.save(node.attempt);
      seen.push(await checkpoint.load());
      if (node.attempt === 1) throw new Error("again");
    });
    await new Agent({ nodes: [new Node({ name: "tries", modules: [module] })] }).runTask(newTask());
    expect(seen).toEqual([undefined, 1, undefined, 2]);
  });

  it("refuses what is no JSON, and keeps what was saved before", async () => {
    const seen: unknown[] = [];
    const module = moduleOf("saves", async ({ checkpoint }) => {
      await checkpoint.save({ kept: true });
      await checkpoint.save({ lost: () => 1 }).catch((error: unknown) => seen.push(error));
      seen.push(await checkpoint.load());
    });
    await new Agent({ nodes: [new Node({ name: "saves", modules: [module] })] }).runTask(newTask());
    expect(seen).toMatchObject([
      { code: "not-json", message: expect.stringContaining('checkpoint of module "saves".lost') },
      { kept: true },
    ]);
  });

  it("is stored once for saves that come together", async () => {
    const store = new MemoryStore({ keep: 10_000 });
    const commit = vi.spyOn(store, "commit");
    const modules = Array.from({ length: 5 }, (_, index) => moduleOf(`m${index}`, ({ checkpoint }) => checkpoint.save(index)));
    const node = new Node({ name: "wide", snapshot: "ALWAYS", modules, nodeConfig: { parallel: true } });
    await new Agent({ store, snapshot: "NEVER", nodes: [node] }).runTask(newTask());
    const saved = commit.mock.calls.map(([, { put }]) => [...put.keys()].filter((name) => name.startsWith("saved/")).length);
    expect(saved.filter((count) => count > 0)).toEqual([5]);
  });

  it("is told once that it could not be stored, and the module goes on when it is", async () => {
    const store = new MemoryStore({ keep: 10_000 });
    const commit = store.commit.bind(store);
    let refusals = 0;
    vi.spyOn(store, "commit").mockImplementation(async (lease, next) => {
      const isSaved = [...next.put.keys()].some((name) => name.startsWith("saved/"));
      if (isSaved && refusals < 2) {
        refusals++;
        throw new Error("disk full");
      }
      return await commit(lease, next);
    });
    const module = moduleOf("saves", async ({ checkpoint }) => {
      await checkpoint.save(1);
      return refusals;
    });
    const node = new Node({ name: "work", snapshot: "ALWAYS", modules: [module] });
    const run = new Agent({ store, snapshot: "NEVER", nodes: [node] }).start(newTask());
    const events: AgentEvent[] = await collect(run.events());
    const { status, errors, results } = await run.outcome;
    expect([status, results.work]).toEqual(["COMPLETE", 2]);
    expect(errors).toMatchObject([{ status: "error", error: expect.stringContaining("disk full"), code: "snapshot-write-failed" }]);
    expect(events.filter(({ type }) => type === "error.reported")).toHaveLength(1);
  });
});

describe("a module's checkpoint beside its chains", () => {
  const ask = (content: string) => [{ role: ChatRole.USER, content }];
  const look = defineTool({ name: "look", description: "Looks", input: { type: "object" }, run: () => "seen" });

  /** Saves before, between and after two chains; told to, it stays there for ever. */
  function graphOf(client: ScriptedInferenceClient, seen: unknown[], stop?: { at: number; reached(): void }) {
    const module = moduleOf("mixed", async ({ checkpoint, signal }) => {
      const pauseAt = async (place: number) => {
        if (stop?.at !== place) return;
        stop.reached();
        await new Promise(() => {});
      };
      seen.push(await checkpoint.load());
      await checkpoint.save({ chains: { own: 1 }, step: "before" });
      const first = await client.toolChain(ask("one"), [look], { signal });
      await pauseAt(1);
      seen.push(await checkpoint.load());
      await checkpoint.save({ chains: {}, step: "between" });
      await pauseAt(2);
      const second = await client.toolChain(ask("two"), [look], { signal });
      await pauseAt(3);
      seen.push(await checkpoint.load());
      return [first.text, second.text];
    });
    return [new Node({ name: "work", modules: [module], snapshot: "ALWAYS" })];
  }
  const before = { chains: { own: 1 }, step: "before" };
  const between = { chains: {}, step: "between" };
  const script = [{ toolCalls: [{ name: "look" }] }, "first", { toolCalls: [{ name: "look" }] }, "second"];

  it("keeps the module's value and the chains' states apart, whoever saved last", async () => {
    const seen: unknown[] = [];
    const { nodes: results } = await new Agent({
      nodes: graphOf(new ScriptedInferenceClient(script), seen),
      store: new MemoryStore(),
    }).runTask(newTask());
    expect(results.work?.results[0]?.result).toEqual(["first", "second"]);
    expect(seen).toEqual([undefined, before, between]);
  });

  it.each([
    { at: 1, loaded: before, asks: 2 },
    { at: 2, loaded: between, asks: 2 },
    { at: 3, loaded: between, asks: 0 },
  ])("hands both on to a restored run, stopped at place $at", async ({ at, loaded, asks }) => {
    const store = new MemoryStore({ keep: 10_000 });
    const reached = gate();
    const first = new ScriptedInferenceClient(script.slice(0, 4 - asks));
    const run = new Agent({ nodes: graphOf(first, [], { at, reached: reached.open }), store, snapshot: "NEVER", abortGraceMs: 0 }).start(
      newTask(),
    );
    await reached.opened;
    const ref = await lastOf(store, TASK_ID);
    await run.cancel();
    const seen: unknown[] = [];
    const rest = new ScriptedInferenceClient(script.slice(4 - asks));
    const { status, nodes: results } = await new Agent({ nodes: graphOf(rest, seen), store, snapshot: "NEVER" }).runFromSnapshot(ref);
    expect(status).toBe("COMPLETE");
    expect(results.work?.results[0]?.result).toEqual(["first", "second"]);
    expect(seen[0]).toEqual(loaded);
    rest.assertDone();
  });

  it("starts anew with a generator, whose later visits leave nothing for its first", async () => {
    const store = new MemoryStore({ keep: 10_000 });
    const asked: string[] = [];
    const client = () =>
      new ScriptedInferenceClient(
        Array.from({ length: 3 }, () => ({ lastMessage }: { lastMessage: { text: string } }) => {
          asked.push(lastMessage.text);
          return `answer to ${lastMessage.text}`;
        }),
      );
    const graph = (stop?: () => Promise<void>) => {
      const model = client();
      const turns = defineModule({
        name: "turns",
        async *process({ signal }) {
          for (const turn of ["one", "two"]) {
            const { text } = await model.toolChain(ask(turn), [], { signal });
            if (turn === "two") await stop?.();
            yield { status: "success", result: text };
          }
        },
      });
      const again = new FlowControlModule({
        name: "again",
        flowConfig: { decisions: [{ nextNode: "turns", condition: "visited ~= true", conditionVariables: [] }] },
      });
      const mark = moduleOf("mark", async ({ values, node }) => {
        if (node.visit > 1) await values.set("visited", true);
      });
      return [
        new Node({ name: "turns", modules: [turns], snapshot: "ALWAYS" }),
        new Node({ name: "mark", modules: [mark], dependencies: ["turns"] }),
        new Node({ name: "again", modules: [again], dependencies: ["mark"] }),
      ];
    };
    const reached = gate();
    const stop = async () => {
      reached.open();
      await new Promise(() => {});
    };
    const run = new Agent({ nodes: graph(stop), store, snapshot: "NEVER", abortGraceMs: 0 }).start(newTask());
    await reached.opened;
    const ref = await run.snapshot();
    await run.cancel();
    const { nodes: results } = await new Agent({ nodes: graph(), store, snapshot: "NEVER" }).runFromSnapshot(ref);
    expect(results.turns?.results[0]?.result).toBe("answer to one");
    expect(asked).toEqual(["one", "two", "one"]);
  });
});

describe("usage of a restored run", () => {
  it("goes on from what was spent, and so does its budget", async () => {
    const store = new MemoryStore({ keep: 10_000 });
    const usage = { inputTokens: 10, outputTokens: 0, cacheReadTokens: 0, cacheWriteTokens: 0, cost: 0 };
    const client = new ScriptedInferenceClient(Array.from({ length: 5 }, () => ({ text: "ok", usage })));
    const ask = () => client.generate([{ role: "USER", content: "Hi" }]).then(() => null);
    const nodes = () => [
      new Node({ name: "first", modules: [moduleOf("first", ask)] }),
      new Node({ name: "second", dependencies: ["first"], snapshot: "ALWAYS", modules: [moduleOf("second", ask)] }),
    ];
    await new Agent({ nodes: nodes(), store, snapshot: "NEVER" }).runTask(newTask());
    const ref = await newestOf(store, TASK_ID);
    const again = await new Agent({ nodes: nodes(), store, snapshot: "NEVER" }).runFromSnapshot(ref);
    expect(again.usage).toEqual({ ...usage, inputTokens: 20 });
    expect(again.nodes.first?.usage).toEqual(usage);
    const bounded = await new Agent({ nodes: nodes(), store, snapshot: "NEVER", budget: { maxCalls: 1 } }).runFromSnapshot(ref);
    expect(bounded.task.error).toContain("spent so far: 1 call");
    expect(bounded.status).toBe("FAILED");
  });
});
