/** Two copies of the package in one process: a bundle beside node_modules, a monorepo, hot reload. Known by brand, they work together. */
import * as core from "asimov-agents";
import { Agent, defineModule, MemoryStore, Node, NonRetryableError, Task } from "asimov-agents";
import * as aiSdk from "asimov-agents/ai-sdk";
import * as anthropic from "asimov-agents/anthropic";
import * as bedrock from "asimov-agents/bedrock";
import * as genai from "asimov-agents/genai";
import * as openai from "asimov-agents/openai";
import * as redis from "asimov-agents/redis";
import * as testing from "asimov-agents/testing";
import * as vertex from "asimov-agents/vertex";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { deferred, moduleOf, newTask, nodeOf, runNodes, success } from "../run/support.ts";
import { snapshotsOf } from "../support/snapshots.ts";
import { type Entries, secondCopy } from "./second-copy.ts";

type Class = abstract new (...given: never[]) => object;

const own: Entries = { core, testing, redis, anthropic, bedrock, openai, vertex, genai, aiSdk };
const copy = await secondCopy();
const other = copy.core;

const classesOf = (entries: Entries): Map<string, Class> =>
  new Map(
    Object.values(entries)
      .flatMap((entry) => Object.entries(entry as Record<string, unknown>))
      .filter((found): found is [string, Class] => typeof found[1] === "function" && /^class\b/.test(String(found[1]))),
  );

const say = (content: string) => [{ role: "USER" as const, content }];
const usage = { inputTokens: 3, outputTokens: 4, cacheReadTokens: 0, cacheWriteTokens: 0, cost: 0 };

describe("class of the package", () => {
  const copies = classesOf(copy);

  it.each([...classesOf(own)])("%s knows the instances of another copy, and is another class", (name, of) => {
    const twin = copies.get(name) as Class;
    expect(twin).not.toBe(of);
    const instances = [Object.create(of.prototype), Object.create(twin.prototype)];
    expect(instances.map((instance) => [instance instanceof of, instance instanceof twin])).toEqual([
      [true, true],
      [true, true],
    ]);
  });

  it("is one of its own: an instance of the base is none of it, one of it is an instance of the base", () => {
    const plain = new other.AsimovError("no", { code: "plain" });
    const final = new other.NonRetryableError("no");
    expect([plain instanceof NonRetryableError, plain instanceof core.AsimovError]).toEqual([false, true]);
    expect([final instanceof NonRetryableError, final instanceof core.AsimovError]).toEqual([true, true]);
    expect(final instanceof core.GraphError).toBe(false);
  });

  it("counts a final error of a model among those of models, in both copies", () => {
    const facts = { code: "unauthorized", provider: "p", model: "m" };
    const error = new other.FinalInferenceError("no", facts);
    expect([error instanceof core.InferenceError, error instanceof NonRetryableError]).toEqual([true, true]);
    expect(error instanceof core.ContextLengthExceededError).toBe(false);
    expect(new core.InferenceError("no", facts) instanceof core.FinalInferenceError).toBe(false);
  });

  it("leaves a user's subclass to its prototype", () => {
    class Mine extends core.AgentModule {
      override async process() {
        return success();
      }
    }
    class MyError extends NonRetryableError {}
    const mine = new Mine({ name: "mine" });
    expect([mine instanceof Mine, mine instanceof core.AgentModule, mine instanceof other.AgentModule]).toEqual([true, true, true]);
    expect(moduleOf("m") instanceof Mine).toBe(false);
    expect(new NonRetryableError("no") instanceof MyError).toBe(false);
    expect(new MyError("no") instanceof other.NonRetryableError).toBe(true);
  });

  it.each([null, undefined, 1, "AsimovError", Symbol("s"), {}, [], () => {}, Object.create(null)])("has no instance %#", (value) => {
    for (const of of [core.AsimovError, Node, Task, core.Cache, core.AgentModule]) expect((value as unknown) instanceof of).toBe(false);
  });
});

describe("agent with things of another copy", () => {
  it("makes one attempt when its NonRetryableError is thrown", async () => {
    let calls = 0;
    const { nodes: results } = await runNodes([
      nodeOf("n", [], () => {
        calls++;
        throw new other.NonRetryableError("wrong key", { code: "wrong-key" });
      }),
    ]);
    expect(calls).toBe(1);
    expect(results.n).toMatchObject({ status: "error", error: "wrong key", code: "wrong-key" });
  });

  it("runs its nodes, modules and middlewares", async () => {
    class Shout extends other.Middleware {
      override async process(data: core.ModuleResult) {
        return { ...data, result: String(data.result).toUpperCase() };
      }
    }
    const config = { middlewares: [new Shout()] };
    const module = other.defineModule({ name: "m", config, process: async () => ({ status: "success", result: "heard" }) });
    const inner = new other.Node({ name: "inner", modules: [module] });
    const { status, nodes: results } = await runNodes([
      new other.Node({ name: "a", modules: [module] }),
      new Node({ name: "b", modules: [module] }),
      new Node({ name: "nested", nodes: [inner] }),
    ]);
    expect(status).toBe("COMPLETE");
    expect([results.a, results.b].map((result) => result?.results[0]?.result)).toEqual(["HEARD", "HEARD"]);
    expect(results.nested?.status).toBe("success");
  });

  it("follows its flow control, and checks where that may lead", async () => {
    const log: string[] = [];
    const control = new other.FlowControlModule({
      name: "again?",
      flowConfig: { decisions: [{ nextNode: "draft", condition: "rounds < 2" }] },
    });
    const draft = nodeOf("draft", [], async ({ values }) => success(log.push(`draft ${await values.increment("rounds")}`)));
    const decide = new Node({ name: "decide", modules: [control], dependencies: ["draft"] });
    const { status } = await runNodes([draft, decide]);
    expect([status, log]).toEqual(["COMPLETE", ["draft 1", "draft 2"]]);
    expect(() => new Agent({ nodes: [decide, nodeOf("other")] }).compileExecutionPlan()).toThrow(
      expect.objectContaining({ faults: expect.arrayContaining([expect.stringContaining('may jump to "draft"')]) }),
    );
  });

  it("adds its nodes at run time, and restores with them", async () => {
    const module = other.defineModule({ name: "m", process: async () => success("ran") });
    const added = new other.Node({ name: "added", modules: [module], snapshot: "ALWAYS" });
    const nodes = [nodeOf("creator", [], () => ({ ...success(), newNodes: [added] }))];
    const options = { dynamicNodes: [added], store: new MemoryStore({ keep: 10_000 }), snapshot: "NEVER" as const };
    const task = newTask();
    const { nodes: results } = await runNodes(nodes, options, task);
    expect(results.added?.results[0]?.result).toBe("ran");
    const [ref] = await snapshotsOf(options.store, task.id);
    expect((await new Agent({ ...options, nodes }).runFromSnapshot(ref as core.SnapshotRef)).nodes).toEqual(results);
  });

  it("keeps values in its cache and snapshots in its store", async () => {
    const cache = new other.MemoryCache();
    const store = new other.MemoryStore();
    const node = nodeOf("n", [], async ({ values: own }) => success(await own.set("key", 1)), { snapshot: "ALWAYS" });
    const task = newTask();
    await runNodes([node], { cache, valuesIn: "cache", store, snapshot: "NEVER" }, task);
    expect(await cache.get("key")).toBe(1);
    expect(await snapshotsOf(store, task.id)).not.toEqual([]);
    const [ref] = await snapshotsOf(store, task.id);
    const agent = new Agent({ nodes: [node], cache, valuesIn: "cache", store, snapshot: "NEVER" });
    expect((await agent.runFromSnapshot(ref as core.SnapshotRef)).status).toBe("COMPLETE");
  });

  it("moves its task, the very one that was given", async () => {
    const task = new other.Task({ type: "t", objective: "o" });
    const seen: string[] = [];
    const outcome = await runNodes([nodeOf("n", [], ({ task: given }) => success(seen.push(given.status)))], {}, task);
    expect(seen).toEqual(["EXECUTING"]);
    expect(outcome.task).toBe(task);
    expect([task.status, task.result]).toEqual(["COMPLETE", 1]);
  });

  it("refuses a task that an agent of the other copy runs", async () => {
    const { promise, resolve } = deferred();
    const task = newTask();
    const run = new other.Agent({ nodes: [nodeOf("n", [], () => promise.then(() => success()))] }).start(task);
    expect(() => new Agent({ nodes: [nodeOf("n")] }).start(task)).toThrow(expect.objectContaining({ code: "task-not-waiting" }));
    resolve();
    expect((await run.outcome).status).toBe("COMPLETE");
  });

  it("gives errors that the other copy knows", () => {
    expect(() => new Agent({ nodes: [nodeOf("a", ["b"]), nodeOf("b", ["a"])] }).compileExecutionPlan()).toThrow(other.GraphError);
  });
});

describe("client of another copy in a run", () => {
  const script = [{ text: "Hi", usage }];

  it.each([
    ["found by where it is called", () => ({})],
    ["found by the module's signal", (signal: AbortSignal) => ({ signal })],
  ])("is booked on its node: %s", async (_, optionsOf) => {
    const client = new copy.testing.ScriptedInferenceClient(script);
    const { nodes: results } = await runNodes([
      nodeOf("ask", [], async ({ signal }) => success((await client.generate(say("Hello"), optionsOf(signal))).text)),
    ]);
    expect(results.ask).toMatchObject({ status: "success", usage });
  });

  it("is held by the run's budget", async () => {
    const client = new copy.testing.ScriptedInferenceClient([...script, ...script]);
    const ask = (): Promise<core.Generation> => client.generate(say("Hello"));
    const outcome = await runNodes([nodeOf("ask", [], async () => success((await ask()).text + (await ask()).text))], {
      budget: { maxCalls: 1 },
    });
    expect([outcome.status, outcome.task.error]).toEqual(["FAILED", expect.stringContaining("budget.maxCalls")]);
    expect(client.remaining).toBe(1);
  });

  it("shares the places of a module's chains with the clients of this copy", async () => {
    const keys: string[] = [];
    const note = other.defineTool({
      name: "note",
      description: "Notes its key",
      input: z.object({}),
      run: (_, { idempotencyKey }) => {
        keys.push(idempotencyKey);
      },
    });
    const turns = [{ toolCalls: [{ name: "note" }] }, "done"];
    const clients = [new testing.ScriptedInferenceClient(turns), new copy.testing.ScriptedInferenceClient(turns)];
    const { nodes: results } = await runNodes([
      nodeOf("ask", [], async () => {
        for (const client of clients) await client.toolChain(say("Go"), [note]);
        return success();
      }),
    ]);
    expect(results.ask?.status).toBe("success");
    expect(new Set(keys).size).toBe(2);
  });
});

describe("module of the package", () => {
  it("is made by defineModule of either copy for nodes of either", () => {
    for (const define of [defineModule, other.defineModule]) {
      const module = define({ name: "m", process: async () => success() });
      for (const Of of [Node, other.Node]) expect(new Of({ name: "n", modules: [module] }).modules).toEqual([module]);
    }
  });
});
