/** What a module did in steps, and its chains, is there after a restore and in every attempt: nothing of it is done again. */
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

/** Does three steps; the first process stops after the second. */
function stepping(log: unknown[], stop: { reached(): void; held: Promise<void> } | undefined) {
  return moduleOf("steps", async ({ step, idempotencyKey }) => {
    log.push(["module", idempotencyKey]);
    for (const number of [1, 2, 3]) {
      await step("count", ({ idempotencyKey: key }) => void log.push([number, key]));
      if (number === 2 && stop !== undefined) {
        stop.reached();
        await stop.held;
        throw new Error("the process is gone");
      }
    }
    return "done";
  });
}

describe("a step", () => {
  for (const where of ["the run's graph", "a nested graph"]) {
    it(`is not done again after a restore, in ${where}, and keeps siblings that have ended`, async () => {
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
      const [[, key]] = log as [[string, string]];
      expect(key).toMatch(/work\.1\/steps$/);
      expect(log).toEqual([
        ["module", key],
        [1, `${key}/count.1`],
        [2, `${key}/count.2`],
        ["module", key],
        [3, `${key}/count.3`],
      ]);
    });
  }

  it("has its run stored from then on, though no node asks for that", async () => {
    const store = new MemoryStore({ keep: 10_000 });
    const log: unknown[] = [];
    const reached = gate();
    const held = gate();
    const nodes = (stop?: Parameters<typeof stepping>[1]) => [
      new Node({ name: "work", modules: [stepping(log, stop)], nodeConfig: { retryOnFailure: false } }),
    ];
    const run = new Agent({ nodes: nodes({ reached: reached.open, held: held.opened }), store, snapshot: "NEVER" }).start(newTask());
    expect(await snapshotsOf(store, TASK_ID)).toEqual([]);
    await reached.opened;
    const ref = await lastOf(store, TASK_ID);
    held.open();
    await run.outcome;
    expect((await new Agent({ nodes: nodes(), store, snapshot: "NEVER" }).runFromSnapshot(ref)).status).toBe("COMPLETE");
    expect(log.map((entry) => (entry as unknown[])[0])).toEqual(["module", 1, 2, "module", 3]);
  });

  it("is not done again by the next attempt, nor by one after a step that failed", async () => {
    const log: string[] = [];
    let tries = 0;
    const module = moduleOf("tries", async ({ step, node }) => {
      const first = await step("pay", () => void log.push("pay"));
      const flaky = await step("flaky", () => {
        log.push("flaky");
        if (++tries === 1) throw new Error("not yet");
        return tries;
      }).catch(() => undefined);
      if (node.attempt === 1) throw new Error("again");
      return [first ?? null, flaky];
    });
    const { results } = await new Agent({ nodes: [new Node({ name: "tries", modules: [module] })], store: new MemoryStore() }).runTask(
      newTask(),
    );
    expect(results).toEqual({ tries: [null, 2] });
    expect(log).toEqual(["pay", "flaky", "flaky"]);
  });

  it("of which nothing is left is done again in another visit", async () => {
    const log: unknown[] = [];
    const module = moduleOf("counts", ({ step, node }) => step("once", () => void log.push(node.visit)));
    const again = new FlowControlModule({
      name: "again",
      flowConfig: { decisions: [{ nextNode: "counts", condition: "visits == nil" }] },
    });
    const mark = moduleOf("mark", async ({ values, node }) => {
      if (node.visit > 1) await values.set("visits", node.visit);
    });
    const nodes = [
      new Node({ name: "counts", modules: [module] }),
      new Node({ name: "mark", modules: [mark], dependencies: ["counts"] }),
      new Node({ name: "again", modules: [again], dependencies: ["mark"] }),
    ];
    await new Agent({ nodes, store: new MemoryStore() }).runTask(newTask());
    expect(log).toEqual([1, 2]);
  });

  it("refuses what is no JSON, and is not kept then", async () => {
    const seen: unknown[] = [];
    const module = moduleOf("saves", async ({ step }) => {
      await step("lost", () => ({ lost: () => 1 })).catch((error: unknown) => seen.push(error));
      seen.push(await step("lost", () => "kept"));
    });
    await new Agent({ nodes: [new Node({ name: "saves", modules: [module] })], store: new MemoryStore() }).runTask(newTask());
    expect(seen).toMatchObject([
      { code: "not-json", message: expect.stringContaining('result of step "lost" of module "saves".lost') },
      "kept",
    ]);
  });

  it("stores what it did with the run's values, and nothing of what its module does beside it", async () => {
    const store = new MemoryStore();
    const reached = gate();
    const module = moduleOf("pays", async ({ step, values, signal }) => {
      const before = await values.getMany(["in step", "beside"]);
      await values.increment("beside");
      await step("pay", () => values.increment("in step"));
      if (Object.keys(before).length > 0) return [before, await values.getMany(["in step", "beside"])];
      reached.open();
      await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
      return null;
    });
    const agent = () => new Agent({ nodes: [new Node({ name: "pays", modules: [module] })], store });
    const run = agent().start(newTask());
    await reached.opened;
    await run.park();
    const { results } = await (await agent().resume(TASK_ID)).outcome;
    expect(results).toEqual({ pays: [{ "in step": 1 }, { "in step": 1, beside: 1 }] });
  });

  it("may not have the name of another that is open", async () => {
    const module = moduleOf("side by side", async ({ step }) => {
      const held = gate();
      const first = step("one", () => held.opened.then(() => 1));
      const second = await step("one", () => 2).catch((error: { code: string }) => error.code);
      const other = await step("two", () => 2);
      held.open();
      return [await first, second, other, await step("one", () => 3)];
    });
    const { results } = await new Agent({ nodes: [new Node({ name: "n", modules: [module] })], store: new MemoryStore() }).runTask(
      newTask(),
    );
    expect(results).toEqual({ n: [1, "name-in-use", 2, 3] });
  });

  it("is stored once with others that end together", async () => {
    const store = new MemoryStore({ keep: 10_000 });
    const commit = vi.spyOn(store, "commit");
    const modules = Array.from({ length: 5 }, (_, index) => moduleOf(`m${index}`, ({ step }) => step("save", () => index)));
    const node = new Node({ name: "wide", snapshot: "ALWAYS", modules, nodeConfig: { parallel: true } });
    await new Agent({ store, snapshot: "NEVER", nodes: [node] }).runTask(newTask());
    const saved = commit.mock.calls.map(([, { put }]) => [...put.keys()].filter((name) => name.startsWith("kept/")).length);
    expect(saved.filter((count) => count > 0)).toEqual([5]);
  });

  it("is told once that it could not be stored, and the module goes on when it is", async () => {
    const store = new MemoryStore({ keep: 10_000 });
    const commit = store.commit.bind(store);
    let refusals = 0;
    vi.spyOn(store, "commit").mockImplementation(async (lease, next) => {
      const isSaved = [...next.put.keys()].some((name) => name.startsWith("kept/"));
      if (isSaved && refusals < 2) {
        refusals++;
        throw new Error("disk full");
      }
      return await commit(lease, next);
    });
    const module = moduleOf("saves", async ({ step }) => {
      await step("save", () => 1);
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

describe("a module's steps beside its chains", () => {
  const ask = (content: string) => [{ role: ChatRole.USER, content }];
  const look = defineTool({ name: "look", description: "Looks", input: { type: "object" }, run: () => "seen" });

  /** A step before and between two chains; told to, it stays there for ever. */
  function graphOf(client: ScriptedInferenceClient, seen: unknown[], stop?: { at: number; reached(): void }) {
    const module = moduleOf("mixed", async ({ step, signal }) => {
      const pauseAt = async (place: number) => {
        if (stop?.at !== place) return;
        stop.reached();
        await new Promise(() => {});
      };
      await step("before", () => void seen.push("before"));
      const first = await client.toolChain(ask("one"), [look], { signal });
      await pauseAt(1);
      await step("between", () => void seen.push("between"));
      await pauseAt(2);
      const second = await client.toolChain(ask("two"), [look], { signal });
      await pauseAt(3);
      return [first.text, second.text];
    });
    return [new Node({ name: "work", modules: [module], snapshot: "ALWAYS" })];
  }
  const script = [{ toolCalls: [{ name: "look" }] }, "first", { toolCalls: [{ name: "look" }] }, "second"];

  it("keeps both apart", async () => {
    const seen: unknown[] = [];
    const { nodes: results } = await new Agent({
      nodes: graphOf(new ScriptedInferenceClient(script), seen),
      store: new MemoryStore(),
    }).runTask(newTask());
    expect(results.work?.results[0]?.result).toEqual(["first", "second"]);
    expect(seen).toEqual(["before", "between"]);
  });

  it.each([
    { at: 1, done: ["between"], asks: 2 },
    { at: 2, done: [], asks: 2 },
    { at: 3, done: [], asks: 0 },
  ])("hands both on to a restored run, stopped at place $at", async ({ at, done, asks }) => {
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
    expect(seen).toEqual(done);
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
