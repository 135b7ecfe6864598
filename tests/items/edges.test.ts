/** Items where they meet the rest of a run: others' results, prototypes, settings of newer code, names of newer code, values that are read whole. */
import { Agent, agentModule, defineQuestion, MemoryStore, type ModuleContext, type NodeConfig, type NodeInit, Runs } from "asimov-agents";
import { describe, expect, it } from "vitest";
import { moduleOf, newTask, nodeOf, success } from "../run/support.ts";
import { all, taskOf } from "../runs/stores.ts";
import { itemsNodes, runItems } from "./support.ts";

const ANY = { type: "string" } as const;

/** The middle one asks. */
const asks = async ({ item, index, ask }: ModuleContext) =>
  success(index === 1 ? [item, (await ask("sure", { answer: ANY })).answer] : item);

describe("an item", () => {
  it("sees the results that its node sees, and none of other items", async () => {
    const seen: unknown[] = [];
    const work = ({ results }: ModuleContext) => {
      seen.push([Object.keys(results), results["0"]]);
      return success();
    };
    const [plan, search] = itemsNodes({ work, dependencies: ["plan", "0"], nodeConfig: { maxParallelItems: 1 } });
    await new Agent({ nodes: [plan, nodeOf("0", [], () => success("a node")), search] as never }).runTask(newTask());
    expect(seen).toEqual(Array(3).fill([["plan", "0"], "a node"]));
  });

  it("may be another agent's run", async () => {
    const child = new Agent({ name: "child", nodes: [nodeOf("work", [], ({ task }) => success(`${task.params.of}!`))] });
    const asked = agentModule(child, { name: "asked", task: ({ item }) => ({ objective: "Work", params: { of: item } }) });
    expect((await runItems({ modules: [asked] })).results.search).toEqual(["a!", "b!", "c!"]);
  });

  it("may be a question, with an own answer", async () => {
    const store = new MemoryStore();
    const runs = new Runs(store);
    const sure = defineQuestion({ name: "sure", show: ({ item, index }) => [item ?? null, index ?? null] as const, answer: ANY });
    const agent = new Agent({ name: "items", store, nodes: itemsNodes({ modules: [sure] }) });
    await agent.runTask(taskOf(), { whenWaiting: "park" });
    for (const { id, shown } of await all(runs.questions())) await runs.answer(id, `${shown}`);
    expect((await (await agent.resume("t")).outcome).results).toMatchObject({ search: ["a,0", "b,1", "c,2"] });
  });

  it("tells what it emits from where its other events are told", async () => {
    const agent = new Agent({
      nodes: itemsNodes({
        list: ["a"],
        work: ({ emit }) => {
          emit({ type: "seen" });
          return success();
        },
      }),
    });
    const events = await all(agent.start(newTask()).events());
    const places = events.flatMap((event) =>
      event.type === "module.emitted" || event.type === "module.started" ? [[event.type, ...event.graph, event.node]] : [],
    );
    expect(places.filter(([, graph]) => graph === "search")).toEqual([
      ["module.started", "search", "0"],
      ["module.emitted", "search", "0"],
    ]);
  });

  it("is found in no prototype", async () => {
    const { errors } = await runItems({ forEach: "constructor.name" });
    expect(errors).toMatchObject([{ code: "invalid-items", error: expect.stringContaining('at "constructor" no node has given it') }]);
  });

  it("is read whole by its place, while others work and when all have ended, also where failures are kept", async () => {
    const store = new MemoryStore();
    const runs = new Runs(store);
    const nodes = itemsNodes({
      work: async (context) => success({ of: (await asks(context)).result }),
      nodeConfig: { onItemError: "keep" },
    });
    const agent = new Agent({ name: "items", store, nodes });
    const first = ["nodes", "search", "items", "0", "result", "of"];
    await agent.runTask(taskOf(), { whenWaiting: "park" });
    expect(await runs.value("t", first)).toBe("a");
    for (const { id } of await all(runs.questions())) await runs.answer(id, "yes");
    await (await agent.resume("t")).outcome;
    expect(await runs.value("t", first)).toBe("a");
    expect(await runs.value("t", ["nodes", "search", "items", "1", "result"])).toEqual({ of: ["b", "yes"] });
  });
});

describe("items under newer code", () => {
  const parkedBy = async (init: Partial<NodeInit>, work: (context: ModuleContext) => unknown) => {
    const store = new MemoryStore();
    const agent = new Agent({ name: "items", store, nodes: itemsNodes({ work, ...init }) });
    await agent.runTask(taskOf(), { whenWaiting: "park" });
    return { store, runs: new Runs(store) };
  };
  const answerAll = async (runs: Runs) => {
    for (const { id } of await all(runs.questions())) await runs.answer(id, "yes");
  };

  it.each<[NodeConfig["onItemError"], NodeConfig["onItemError"], string, unknown]>([
    ["fail", "keep", "COMPLETE", { status: "error", error: "no b" }],
    ["keep", "fail", "PARTIAL", undefined],
  ])("that went from %s to %s follow the newer", async (before, after, status, second) => {
    const work = async (context: ModuleContext) => {
      const { result } = await asks(context);
      if (context.index === 1) throw new Error("no b");
      return success(result);
    };
    const config = (onItemError: NodeConfig["onItemError"]) => ({ nodeConfig: { maxRetries: 1, ...(onItemError && { onItemError }) } });
    const { store, runs } = await parkedBy(config(before), work);
    await answerAll(runs);
    const newer = new Agent({ name: "items", store, nodes: itemsNodes({ work, ...config(after) }) });
    const outcome = await (await newer.resume("t")).outcome;
    expect([outcome.status, (outcome.results.search as unknown[] | undefined)?.[1]]).toEqual([status, second]);
  });

  it("keep their picture and their ends under the node's new name", async () => {
    const begun: unknown[] = [];
    const work = (context: ModuleContext) => {
      begun.push(context.item);
      return asks(context);
    };
    const { store, runs } = await parkedBy({}, work);
    const before = await runs.get("t");
    const nodes = itemsNodes({ work, name: "look" }).slice(0, 2);
    const migrate: NonNullable<ConstructorParameters<typeof Agent>[0]>["migrate"] = (run) => {
      run.rename("search", "look");
      run.drop("write");
    };
    const newer = new Agent({ name: "items", version: "2", store, nodes, migrate });
    await (await newer.resume("t", { whenWaiting: "park" })).outcome;
    const after = await runs.get("t");
    expect(after.nodes.look?.items).toEqual(before.nodes.search?.items);
    expect(await runs.at("t", after.generation)).toEqual(after);
    await answerAll(runs);
    const { status, results } = await (await newer.resume("t")).outcome;
    expect([status, results.look]).toEqual(["COMPLETE", ["a", ["b", "yes"], "c"]]);
    expect(begun.filter((item) => item !== "b")).toEqual(["a", "c"]);
  });

  it("are refused where they are no items any more, and where they are made of something else", async () => {
    const { store } = await parkedBy({}, asks);
    const [plan, , write] = itemsNodes();
    const once = new Agent({ name: "items", store, nodes: [plan, nodeOf("search", ["plan"]), write] as never });
    const other = new Agent({ name: "items", store, nodes: itemsNodes({ modules: [moduleOf("other")] }) });
    for (const agent of [once, other]) await expect(agent.resume("t")).rejects.toMatchObject({ code: "snapshot-other-graph" });
  });
});
