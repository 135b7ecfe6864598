/** What models cost is known to the run that called them: by node, over attempts, nested graphs and failed calls. */
import { Agent, Node } from "asimov-agents";
import { ScriptedInferenceClient } from "asimov-agents/testing";
import { describe, expect, it } from "vitest";
import { currentScope } from "#contract/chat/call-scope";
import { deferred, failure, moduleOf, newTask, nodeOf, runNodes, runWithEvents, success } from "./support.ts";

const ask = (text = "Hi") => [{ role: "USER" as const, content: text }];
const used = (inputTokens: number, outputTokens: number) => ({
  inputTokens,
  outputTokens,
  cacheReadTokens: 0,
  cacheWriteTokens: 0,
  cost: 0,
});
const answer = (inputTokens: number, outputTokens: number) => ({ text: "ok", usage: used(inputTokens, outputTokens) });
const calling = (client: ScriptedInferenceClient) => async () => success((await client.generate(ask())).text);

describe("usage of a run", () => {
  it("is the sum of its nodes, each with all its modules", async () => {
    const client = new ScriptedInferenceClient([answer(1, 2), answer(3, 4), answer(5, 6)]);
    const both = new Node({
      name: "both",
      modules: [moduleOf("one", calling(client)), moduleOf("two", calling(client))],
      nodeConfig: { parallel: true },
    });
    const { usage, nodes: results } = await runNodes([both, nodeOf("last", ["both"], calling(client)), nodeOf("silent")]);
    expect(results.both?.usage).toEqual(used(4, 6));
    expect(results.last?.usage).toEqual(used(5, 6));
    expect(results.silent).not.toHaveProperty("usage");
    expect(usage).toEqual(used(9, 12));
    client.assertDone();
  });

  it("is nothing where no model was called", async () => {
    expect((await runNodes([nodeOf("silent")])).usage).toEqual(used(0, 0));
  });

  it("counts attempts that failed, and each visit", async () => {
    const client = new ScriptedInferenceClient([answer(1, 1), answer(10, 10)]);
    const nodes = [
      nodeOf("again", [], async ({ node }) => {
        await client.generate(ask());
        return node.attempt === 1 ? failure("not yet") : success();
      }),
    ];
    const { nodes: results, usage } = await runNodes(nodes);
    expect(results.again).toMatchObject({ status: "success", usage: used(11, 11) });
    expect(usage).toEqual(used(11, 11));
  });

  it("is told by an event at the end of each call", async () => {
    const client = new ScriptedInferenceClient([answer(1, 2)]);
    const inner = nodeOf("inner", [], calling(client));
    const { events } = await runWithEvents([new Node({ name: "outer", nodes: [inner] })]);
    expect(events.filter(({ type }) => type === "usage.recorded")).toMatchObject([
      { type: "usage.recorded", node: "inner", graph: ["outer"], usage: used(1, 2) },
    ]);
  });

  it("of a nested graph belongs to the node that nests it, and to the nodes within", async () => {
    const client = new ScriptedInferenceClient([answer(1, 2), answer(3, 4)]);
    // A slash in a name is no step of a path.
    const nodes = [
      new Node({ name: "a", nodes: [new Node({ name: "b", nodes: [nodeOf("c/d", [], calling(client))] })] }),
      nodeOf("a/b", ["a"], calling(client)),
    ];
    const { nodes: results, usage } = await runNodes(nodes);
    expect(results.a?.usage).toEqual(used(1, 2));
    expect(results["a/b"]?.usage).toEqual(used(3, 4));
    expect(results.a?.results[0]?.nodes).toMatchObject({
      b: { usage: used(1, 2), results: [{ nodes: { "c/d": { usage: used(1, 2) } } }] },
    });
    expect(usage).toEqual(used(4, 6));
  });

  it("is counted for calls of middlewares and of generators, each under its own visit", async () => {
    new ScriptedInferenceClient([]);
    const keys: (string | undefined)[] = [];
    const twice = new Node({
      name: "twice",
      modules: [
        moduleOf("steps", async function* () {
          keys.push(currentScope()?.idempotencyKey);
          await Promise.resolve();
          yield success();
          keys.push(currentScope()?.idempotencyKey);
          await Promise.resolve();
          keys.push(currentScope()?.idempotencyKey);
          yield success();
        }),
      ],
    });
    const back = nodeOf("back", ["twice"], ({ node }) => ({ ...success(), decision: node.visit === 1 ? "twice" : null }));
    await runNodes([twice, back]);
    expect(keys.map((key) => key?.split("/").slice(1).join("/"))).toEqual(["twice.1/steps", "twice.2/steps", "twice.2/steps"]);
  });
});

describe("a call within a run", () => {
  it("is found by the module's signal and by where it runs", async () => {
    new ScriptedInferenceClient([]);
    const seen: unknown[] = [];
    await runNodes([
      nodeOf("here", [], async ({ signal, idempotencyKey }) => {
        await Promise.resolve();
        seen.push(currentScope()?.idempotencyKey === idempotencyKey, currentScope(signal)?.signal === signal);
        return success();
      }),
    ]);
    expect(seen).toEqual([true, true]);
    expect(currentScope()).toBeUndefined();
  });

  it("ends with the run, without being given a signal", async () => {
    const called = deferred();
    const client = new ScriptedInferenceClient([{ text: "never", delayMs: 600_000 }]);
    const caught = deferred<unknown>();
    const node = nodeOf("asks", [], async () => {
      const answered = client.generate(ask());
      called.resolve();
      await answered.catch((error: unknown) => caught.resolve(error));
      return success();
    });
    const run = new Agent({ nodes: [node] }).start(newTask());
    await called.promise;
    await run.cancel("enough");
    expect(await caught.promise).toMatchObject({ code: "aborted", name: "AbortError" });
  });
});
