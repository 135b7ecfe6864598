/** A model that a tool calls belongs to the task that runs the tool: its usage, its budget, and after a restore the tool's own place and key. */
import { describe, expect, it } from "vitest";
import { Agent, type AgentOptions } from "#agent";
import { Task } from "#contract/base/task";
import { ChatRole, SnapshotControl } from "#contract/base/vocabulary";
import { defineTool, type Tool, type ToolContext } from "#contract/chat/tool";
import { addUsage, type Usage } from "#contract/chat/usage";
import { defineModule } from "#contract/node/module";
import { Node } from "#contract/node/node";
import { MemoryStore } from "#store/memory/store";
import { ScriptedInferenceClient } from "#testing/scripted-inference-client";

const ask = [{ role: ChatRole.USER, content: "Go." }];
const toolOf = (name: string, run: (context: ToolContext) => unknown): Tool =>
  defineTool({ name, description: name, input: { type: "object" }, run: (_input, context) => run(context) });
const calls = (name: string, ...ids: string[]) => ({ toolCalls: ids.map((id) => ({ name, id })) });
const task = () => new Task({ type: "t", objective: "o" });

/** An agent whose one module runs a chain of these tools. */
function agentOf(outer: ScriptedInferenceClient, tools: Tool[], options: Omit<AgentOptions, "nodes"> = {}): Agent {
  const work = defineModule({
    name: "work",
    process: async ({ signal }) => ({ status: "success", result: (await outer.toolChain(ask, tools, { signal })).text }),
  });
  const node = new Node({ name: "work", modules: [work], snapshot: SnapshotControl.ALWAYS, nodeConfig: { retryOnFailure: false } });
  return new Agent({ abortGraceMs: 0, ...options, nodes: [node] });
}
const sum = (...clients: ScriptedInferenceClient[]): Usage => clients.map(({ usage }) => usage).reduce(addUsage);

describe("a model that a tool calls", () => {
  const ways: [string, (inner: ScriptedInferenceClient) => (context: ToolContext) => Promise<string>][] = [
    [
      "with the tool's signal",
      (inner) =>
        async ({ signal }) =>
          (await inner.generate(ask, { signal })).text,
    ],
    ["without a signal", (inner) => async () => (await inner.generate(ask)).text],
    [
      "as a stream",
      (inner) =>
        async ({ signal }) =>
          (await inner.stream(ask, { signal }).result).text,
    ],
    [
      "by a chain of its own",
      (inner) =>
        async ({ signal }) =>
          (await inner.toolChain(ask, [], { signal })).text,
    ],
  ];

  it.each(ways)("is booked to the task and its node, %s", async (_, way) => {
    const outer = new ScriptedInferenceClient([calls("ask", "a", "b"), "Done."]);
    const inner = new ScriptedInferenceClient(["one", "two"], { model: "inner" });
    const { usage, nodes: results, status } = await agentOf(outer, [toolOf("ask", way(inner))]).runTask(task());
    expect(status).toBe("COMPLETE");
    expect(usage).toEqual(sum(outer, inner));
    expect(results.work?.usage).toEqual(usage);
    inner.assertDone();
  });

  it.each(ways)("is held to the task's budget, %s, also where the tool swallows the refusal", async (_, way) => {
    const outer = new ScriptedInferenceClient([calls("ask", "a"), "never"]);
    const inner = new ScriptedInferenceClient(["never"], { model: "inner" });
    const swallows = toolOf("ask", (context) => way(inner)(context).catch(() => "refused"));
    const outcome = await agentOf(outer, [swallows], { budget: { maxCalls: 1 } }).runTask(task());
    expect(outcome.status).toBe("FAILED");
    expect(outcome.task.error).toContain("spent so far: 1 call");
    expect(inner.calls).toEqual([]);
    expect(outer.remaining).toBe(1);
  });

  it.each(ways)("is aborted with the run, %s", async (_, way) => {
    const reached = Promise.withResolvers<void>();
    const outer = new ScriptedInferenceClient([calls("ask", "a")]);
    const slow = () => {
      reached.resolve();
      return { text: "late", delayMs: 600_000 };
    };
    const inner = new ScriptedInferenceClient([slow], { model: "inner" });
    const failure = Promise.withResolvers<unknown>();
    const tool = toolOf("ask", (context) => way(inner)(context).catch(failure.resolve));
    const run = agentOf(outer, [tool]).start(task());
    await reached.promise;
    await run.cancel("enough");
    expect(await failure.promise).toMatchObject({ name: "AbortError", code: "aborted" });
  });
});

describe("a chain within a tool of a restored run", () => {
  it("goes on from its own place under its own key, though its siblings come in another order", async () => {
    const store = new MemoryStore({ keep: 10_000 });
    const keys: string[][] = [[], []];
    const models: Record<string, ScriptedInferenceClient> = {};
    const reached = Promise.withResolvers<void>();
    let held = 0;
    /** The first process stops in both leaves. */
    const leaf = (process: number): Tool =>
      toolOf("leaf", ({ idempotencyKey }) => {
        keys[process]?.push(idempotencyKey);
        if (process === 1) return "leaf";
        held += 1;
        if (held === 2) reached.resolve();
        return new Promise(() => {});
      });
    const inner = (process: number): Tool =>
      toolOf("inner", async ({ toolUseId, signal }) => {
        // In the second process, the second call's chain starts first.
        if (process === 1 && toolUseId === "a") for (let turn = 0; turn < 50; turn++) await undefined;
        const script = process === 0 ? [calls("leaf", "x")] : [`inner ${toolUseId}`];
        const model = new ScriptedInferenceClient(script, { model: toolUseId });
        models[`${toolUseId}${process}`] = model;
        return (await model.toolChain(ask, [leaf(process)], { signal })).text;
      });
    const first = new ScriptedInferenceClient([calls("inner", "a", "b")]);
    const begun = task();
    const run = agentOf(first, [inner(0)], { store, snapshot: "NEVER" }).start(begun);
    await reached.promise;
    const ref = await run.snapshot();
    await run.cancel();

    const second = new ScriptedInferenceClient([({ lastMessage }) => `told: ${lastMessage.text}`]);
    const outcome = await agentOf(second, [inner(1)], { store, snapshot: "NEVER" }).runFromSnapshot(ref);
    expect(outcome.nodes.work?.results[0]?.result).toBe("told: inner a\ninner b");
    for (const client of [second, models.a1, models.b1]) client?.assertDone();
    expect(new Set(keys[0])).toEqual(new Set(keys[1]));
    expect(new Set(keys[1]).size).toBe(2);
    expect(keys[1]?.[0]).toContain("/b");
    const all = [first, second, ...Object.values(models)];
    expect(outcome.usage).toEqual(sum(...all));
  });
});
