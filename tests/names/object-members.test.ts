/** Names that every JavaScript object has already, such as `toString`: a table that is a plain object would take them for entries. */
import {
  Agent,
  AgentDirectedFlowControl,
  FlowControlModule,
  MemoryCache,
  MemoryStore,
  Node,
  Runs,
  type SnapshotRef,
  Task,
  type TaskOutcome,
} from "asimov-agents";
import { ScriptedInferenceClient } from "asimov-agents/testing";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { nameFault } from "#contract/base/names";
import { defineTool } from "#contract/chat/tool";
import { failing, moduleOf, newTask, nodeOf, runNodes, success } from "../run/support.ts";
import { snapshotsOf } from "../support/snapshots.ts";

/** What every object inherits, and the keys that objects treat unlike others. */
const MEMBERS = Object.getOwnPropertyNames(Object.prototype);
/** Names of nodes and modules are refused where they could not be keys of a record. */
const NAMES = MEMBERS.filter((name) => nameFault(name) === undefined);
const KEYS = [...MEMBERS, "prototype"];

const say = (content: string) => [{ role: "USER" as const, content }];
const usage = { inputTokens: 3, outputTokens: 4, cacheReadTokens: 0, cacheWriteTokens: 0, cost: 0 };
const client = (): ScriptedInferenceClient => new ScriptedInferenceClient(NAMES.map(() => ({ text: "ok", usage })));
/** What is told of each name. */
const each = <T>(value: (name: string) => T): Record<string, T> => Object.fromEntries(NAMES.map((name) => [name, value(name)]));
/** As JSON, since matchers take a key `__proto__` for the prototype. */
const shown = (value: unknown): unknown => JSON.stringify(value);

/** One after the other, each with a module of its own name, which asks a model. */
const chainOf = (model: ScriptedInferenceClient, init = {}): Node[] =>
  NAMES.map((name, index) =>
    nodeOf(
      name,
      NAMES.slice(0, index).slice(-1),
      async ({ values }) => {
        await values.increment(name);
        await model.generate(say("Hello"));
        return success(name);
      },
      { outputMailbox: name, nodeConfig: { inputs: NAMES.slice(0, index), outputs: [name] }, ...init },
    ),
  );

const expectTold = ({ status, nodes: results, executions, task, failedChains }: TaskOutcome): void => {
  expect([status, failedChains]).toEqual(["COMPLETE", []]);
  expect(results).toEqual(each((name) => ({ status: "success", results: [{ status: "success", result: name }], usage })));
  expect(executions).toEqual(each(() => 1));
  expect(task.result).toBe(NAMES.at(-1));
};

describe("graph whose names are members of every object", () => {
  it("runs, and is told right", async () => {
    const cache = new MemoryCache();
    const outcome = await runNodes(chainOf(client()), { cache, valuesIn: "cache" });
    expectTold(outcome);
    expect(outcome.usage).toMatchObject({ inputTokens: 3 * NAMES.length, outputTokens: 4 * NAMES.length });
    for (const name of NAMES) expect(await cache.peekMailbox(name)).toEqual([expect.objectContaining({ status: "success" })]);
  });

  it("is restored, from each of its snapshots", async () => {
    const store = new MemoryStore({ keep: 10_000 });
    const task = newTask();
    await runNodes(chainOf(client(), { snapshot: "ALWAYS" }), { store, snapshot: "NEVER" }, task);
    const refs: SnapshotRef[] = await snapshotsOf(store, task.id);
    expect(refs).toHaveLength(NAMES.length);
    for (const ref of refs) {
      const agent = new Agent({ nodes: chainOf(client(), { snapshot: "ALWAYS" }), store, snapshot: "NEVER" });
      expectTold(await agent.runFromSnapshot(ref));
    }
  });

  it("runs within another, at once, and in modules of one node", async () => {
    const modules = NAMES.map((name, index) =>
      moduleOf(name, () => success(name), { dependencies: NAMES.slice(0, index).slice(-1), outputMailbox: name }),
    );
    const outcome = await runNodes([
      new Node({ name: "outer", nodes: NAMES.map((name) => nodeOf(name)) }),
      new Node({ name: "inner", modules, nodeConfig: { parallel: true } }),
    ]);
    expect(outcome.status).toBe("COMPLETE");
    expect(outcome.nodes.outer?.results[0]?.result).toEqual(each((name) => name));
    expect(outcome.results).toEqual({ outer: each((name) => name), inner: each((name) => name) });
    expect(outcome.nodes.outer?.results[0]?.nodes).toEqual(each((name) => expect.objectContaining({ results: [success(name)] })));
    expect(outcome.nodes.inner?.results).toEqual(NAMES.map(success));
  });

  it("tells of those that failed, and of those alone", async () => {
    const [first = "", second = "", ...rest] = NAMES;
    const outcome = await runNodes([failing(first), nodeOf(second, [first]), ...rest.map((name) => nodeOf(name))]);
    expect([outcome.status, outcome.failedChains]).toEqual(["PARTIAL", [[first, second]]]);
    expect(outcome.errors).toEqual([expect.objectContaining({ node: first, error: `${first} failed` })]);
    expect(Object.keys(outcome.executions).sort()).toEqual([first, ...rest].sort());
  });

  it("follows decisions and conditions by such names", async () => {
    const [target = "", key = ""] = NAMES;
    const flowConfig = { decisions: [{ nextNode: target, condition: `${key} == 1`, conditionVariables: [key] }] };
    const isNil = (name: string): string => `task.params.${name} == nil and ${name} == nil`;
    const outcome = await runNodes([
      ...NAMES.map((name) => nodeOf(name, [], undefined, { nodeConfig: { condition: isNil(name) } })),
      nodeOf("set", NAMES, async ({ values, node }) => success(node.visit === 1 && (await values.set(key, 1)))),
      new Node({ name: "jump", dependencies: ["set"], modules: [new FlowControlModule({ name: "jump", flowConfig })] }),
    ]);
    expect(outcome.status).toBe("COMPLETE");
    expect(outcome.executions).toEqual({ ...each((name) => (name === target ? 2 : 1)), set: 2, jump: 2 });
  });

  it("counts votes for such names", async () => {
    const [target = "", other = ""] = NAMES;
    const vote = new AgentDirectedFlowControl({
      name: "vote",
      flowConfig: { decisions: NAMES.map((nextNode) => ({ nextNode })) },
      voters: [() => target.toLowerCase(), () => JSON.stringify({ decision: target }), () => other, () => "constructor"],
    });
    const { nodes: results, executions } = await runNodes([
      new Node({ name: "voting", modules: [vote] }),
      ...NAMES.map((name) => nodeOf(name, ["voting"])),
    ]);
    const votes = { ...each(() => 0), [target]: 2, [other]: 1 };
    expect(results.voting?.results[0]).toMatchObject({ decision: target, tally: { winner: target, votes, invalid: 1 } });
    expect(executions).toEqual({ voting: 1, [target]: 1 });
  });

  it("adds nodes of such names", async () => {
    const { executions } = await runNodes([nodeOf("creator", [], () => ({ ...success(), newNodes: NAMES.map((name) => nodeOf(name)) }))]);
    expect(executions).toEqual({ creator: 1, ...each(() => 1) });
  });
});

describe("keys and mailboxes of such names", () => {
  it("are there when they were set, and only then: for conditions, inputs and outputs too", async () => {
    const cache = new MemoryCache();
    expect(shown(await cache.getMany(KEYS))).toBe("{}");
    const blocked = await runNodes(
      KEYS.map((key, index) => nodeOf(`n${index}`, [], undefined, { nodeConfig: { inputs: [key], maxRetries: 1 } })),
    );
    expect(blocked.errors.map(({ code }) => code)).toEqual(KEYS.map(() => "missing-input"));
    await cache.setMany(Object.fromEntries(KEYS.map((key) => [key, 1])));
    expect(shown(await cache.getAll())).toBe(shown(Object.fromEntries(KEYS.map((key) => [key, 1]))));
    const nodes = KEYS.map((key, index) =>
      nodeOf(`n${index}`, [], undefined, { nodeConfig: { inputs: [key], outputs: [key], condition: `${key} == 1` } }),
    );
    const { status, executions } = await runNodes(nodes, { cache, valuesIn: "cache" });
    expect([status, Object.keys(executions)]).toEqual(["COMPLETE", nodes.map(({ name }) => name)]);
  });

  it("are in a snapshot, and come back from it", async () => {
    const store = new MemoryStore({ keep: 10_000 });
    const task = newTask();
    const node = nodeOf("n", ["first"], undefined, { snapshot: "ALWAYS" });
    const first = nodeOf("first", [], async ({ values }) => {
      for (const key of KEYS) {
        await values.set(key, { key });
        await values.publishToMailbox(key, key);
      }
      return success();
    });
    await runNodes([first, node], { store, snapshot: "NEVER" }, task);
    const [ref] = await snapshotsOf(store, task.id);
    const run = await new Agent({ nodes: [first, node], store, snapshot: "NEVER" }).startFromSnapshot(ref as SnapshotRef);
    await run.outcome;
    for (const key of KEYS) {
      expect(await run.values.get(key)).toEqual({ key });
      expect(await run.values.peekMailbox(key)).toEqual([key]);
    }
  });
});

describe("tools and modes of such names", () => {
  const tools = NAMES.map((name) => defineTool({ name, description: name, input: z.object({}), run: () => `${name} ran` }));

  it("are found by the calls that name them, and by those alone", async () => {
    const [missing = "", ...given] = NAMES;
    const model = new ScriptedInferenceClient([{ toolCalls: NAMES.map((name) => ({ name })) }, "done"]);
    const { messages } = await model.toolChain(say("Go"), tools.slice(1));
    const contents = [expect.stringContaining(`no tool "${missing}"`), ...given.map((name) => `${name} ran`)];
    expect(messages[2]?.content).toEqual(contents.map((content) => expect.objectContaining({ type: "tool-result", content })));
  });

  it("hold in their mode alone", async () => {
    const modes = Object.fromEntries(NAMES.map((name, index) => [name, { description: name, tools: tools.slice(index, index + 1) }]));
    const [initial = "", next = ""] = NAMES;
    const model = new ScriptedInferenceClient([
      { toolCalls: [{ name: initial }, { name: next }] },
      { toolCalls: [{ name: "switch_mode", input: { mode: next } }] },
      { toolCalls: [{ name: next }] },
      "done",
    ]);
    const { messages } = await model.toolChain(say("Go"), [], { modeSwap: { modes, initial } });
    expect(shown(messages)).toMatch(new RegExp(`${initial} ran.*no tool .{2}${next}.*${next} ran`));
    const unknown = new ScriptedInferenceClient(["done"]).toolChain(say("Go"), [], { modeSwap: { modes: {}, initial } });
    await expect(unknown).rejects.toThrow(expect.objectContaining({ code: "invalid-options" }));
  });
});

describe("keys of objects as JSON gives them, `__proto__` among them", () => {
  const keyed = (value: unknown): Record<string, unknown> => JSON.parse(`{ ${KEYS.map((key) => `"${key}": ${JSON.stringify(value)}`)} }`);

  it("are all there in params, values, results, views, and a fork", async () => {
    const store = new MemoryStore();
    const seen: unknown[] = [];
    const nodes = [
      nodeOf("a", [], async ({ values }) => success([keyed(1), await values.getMany(KEYS)])),
      nodeOf("b", ["a"], ({ results }) => success(seen.push(shown(results.a)))),
    ];
    const agent = new Agent({ name: "keeps", store, nodes });
    const task = new Task({ id: "t", type: "test", objective: "Be kept", params: keyed("p") });
    const { status } = await agent.runTask(task, { values: keyed("v") });
    const [given, expected] = [shown([keyed(1), keyed("v")]), shown(keyed("p"))];
    expect([status, seen, shown(task.params)]).toEqual(["COMPLETE", [given], expected]);
    const runs = new Runs(store);
    expect(shown((await runs.get("t")).nodes.a?.result)).toBe(given);
    for (const key of KEYS) {
      expect(await runs.value("t", ["values", key])).toBe("v");
      expect(await runs.value("t", ["nodes", "a", "result", "0", key])).toBe(1);
      expect(await runs.value("t", ["nodes", "a", "result", "0", key, "constructor"])).toBeUndefined();
    }
    const fork = await agent.fork("t", { taskId: "f", values: keyed("w"), params: keyed("q"), rerun: ["b"] });
    await fork.outcome;
    expect(shown(fork.task.params)).toBe(shown(keyed("q")));
    for (const key of KEYS) expect(await runs.value("f", ["values", key])).toBe("w");
    await runs.submit(new Task({ id: "s", type: "test", objective: "Begin" }), { agent: "keeps", values: keyed("s") });
    await (await agent.resume("s")).outcome;
    for (const key of KEYS) expect(await runs.value("s", ["values", key])).toBe("s");
  });
});
