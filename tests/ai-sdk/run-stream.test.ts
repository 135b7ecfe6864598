/** A run as the AI SDK's own reader takes it. */
import { Agent, AsimovError, ChatRole, defineModule, defineQuestion, defineTool, MemoryStore, Node, Runs, Task } from "asimov-agents";
import { toUiMessageStream } from "asimov-agents/ai-sdk";
import { ScriptedInferenceClient } from "asimov-agents/testing";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { all } from "../runs/stores.ts";
import { type Message, read } from "./read.ts";

const ASKED = [{ role: ChatRole.USER, content: "Go" }];
const task = (id: string): Task => new Task({ id, type: "test", objective: "Ask" });
const add = defineTool({
  name: "add",
  description: "Adds",
  input: z.object({ a: z.number(), b: z.number() }),
  run: ({ a, b }) => ({ sum: a + b }),
});
const module = (name: string, process: Parameters<typeof defineModule>[0]["process"]) => defineModule({ name, process });
const asking = (client: ScriptedInferenceClient, tools = [add]) =>
  module("model", async () => ({ status: "success", result: (await client.toolChain(ASKED, tools)).text }));
const part = (message: Message | undefined, type: string, id?: string) =>
  message?.parts.find((one) => one.type === type && (id === undefined || ("id" in one && one.id === id)));

describe("a run as a UI message", () => {
  it("is how it and its nodes stand, what its models answer and its tools give, and an end with what it cost", async () => {
    const client = new ScriptedInferenceClient([
      { thinking: "Hm.", text: "Let me add.", toolCalls: [{ name: "add", input: { a: 1, b: 2 }, id: "call_a" }] },
      "It is 3.",
    ]);
    const agent = new Agent({
      name: "sums",
      nodes: [
        new Node({ name: "sum", modules: [asking(client)] }),
        new Node({
          name: "after",
          modules: [
            module("m", async ({ emit }) => {
              emit({ type: "half" });
              return { status: "success", result: 7 };
            }),
          ],
          dependencies: ["sum"],
        }),
      ],
    });
    const { message, chunks, error } = await read(toUiMessageStream(agent.start(task("r1"))));
    expect(error).toBeUndefined();
    expect(message?.id).toBe("r1");
    expect(part(message, "data-run")).toMatchObject({
      id: "r1",
      data: { taskId: "r1", agent: "sums", objective: "Ask", status: "COMPLETE" },
    });
    expect(part(message, "data-node", "sum")).toMatchObject({
      data: { node: "sum", path: [], status: "COMPLETE", visit: 1, result: "It is 3." },
    });
    expect(part(message, "data-node", "after")).toMatchObject({ data: { status: "COMPLETE", result: 7 } });
    expect(part(message, "reasoning")).toMatchObject({ text: "Hm.", state: "done" });
    expect(part(message, "tool-add")).toMatchObject({ state: "output-available", input: { a: 1, b: 2 }, output: { sum: 3 } });
    expect(message?.parts.filter(({ type }) => type === "text")).toMatchObject([{ text: "Let me add." }, { text: "It is 3." }]);
    expect(message?.metadata).toMatchObject({ status: "COMPLETE", usage: { inputTokens: expect.any(Number) } });
    expect(chunks).toContainEqual({ type: "data-emitted", data: { node: "after", module: "m", event: { type: "half" } }, transient: true });
    expect(message?.parts.some(({ type }) => type === "data-emitted")).toBe(false);
  });

  it("keeps apart what nodes say at once, though their calls have the same id", async () => {
    const script = (text: string) =>
      new ScriptedInferenceClient([{ toolCalls: [{ name: "add", input: { a: 1, b: 1 }, id: "same" }] }, text]);
    const nodes = ["a", "b"].map((name) => new Node({ name, modules: [asking(script(`of ${name}`))] }));
    const { message, error } = await read(toUiMessageStream(new Agent({ name: "two", nodes }).start(task("r2"))));
    expect(error).toBeUndefined();
    const calls = message?.parts.filter(({ type }) => type === "tool-add") as { toolCallId: string; state: string }[];
    expect(calls.map(({ state }) => state)).toEqual(["output-available", "output-available"]);
    expect(new Set(calls.map(({ toolCallId }) => toolCallId)).size).toBe(2);
    expect(message?.parts.flatMap((one) => (one.type === "text" ? [one.text] : [])).toSorted()).toEqual(["of a", "of b"]);
  });

  it("counts the items of a node", async () => {
    const nodes = [
      new Node({ name: "list", modules: [module("l", async () => ({ status: "success", result: [1, 2, 3] }))] }),
      new Node({
        name: "each",
        forEach: "list",
        modules: [module("e", async ({ item }) => ({ status: "success", result: item }))],
        dependencies: ["list"],
      }),
    ];
    const { message } = await read(toUiMessageStream(new Agent({ name: "items", nodes }).start(task("r3"))));
    expect(part(message, "data-node", "each")).toMatchObject({ data: { status: "COMPLETE", items: { count: 3, ended: 3 } } });
  });

  const failing = (error: Error, options: Parameters<typeof toUiMessageStream>[1] = {}) => {
    const modules = [module("b", () => Promise.reject(error))];
    const nodes = [new Node({ name: "bad", modules })];
    return read(toUiMessageStream(new Agent({ name: "bad", nodes }).start(task("r4")), options));
  };

  it("ends by an error when it fails, and shows the node that did, without the module's own words", async () => {
    const { message, error, chunks } = await failing(new Error("no luck"));
    expect(error?.message).toBe("The answer failed.");
    expect(part(message, "data-run")).toMatchObject({ data: { status: "FAILED" } });
    expect(part(message, "data-node", "bad")).toMatchObject({ data: { status: "FAILED", error: "The answer failed." } });
    expect(chunks.at(-1)?.type).toBe("error");
    expect(JSON.stringify(chunks)).not.toContain("no luck");
  });

  it("ends in the words of an error of ours, and shows them at its node", async () => {
    const { message, error } = await failing(new AsimovError("The lamp is out.", { code: "lamp-out" }));
    expect(error?.message).toContain("The lamp is out.");
    expect(part(message, "data-node", "bad")).toMatchObject({ data: { error: expect.stringContaining("The lamp is out.") } });
  });

  it("asks for other words of a module's error, of its node and of the run", async () => {
    const onError = (error: unknown): string => `${(error as AsimovError).code}: ${(error as Error).message.includes("no luck")}`;
    const { message, error } = await failing(new Error("no luck"), { onError });
    expect(error?.message).toBe("module-failed: true");
    expect(part(message, "data-node", "bad")).toMatchObject({ data: { error: "module-failed: true" } });
  });

  it("is told as aborted when the run is cancelled", async () => {
    const nodes = [
      new Node({
        name: "long",
        modules: [module("l", ({ signal }) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))))],
      }),
    ];
    const run = new Agent({ name: "long", nodes }).start(task("r5"));
    const reading = read(toUiMessageStream(run));
    await run.cancel("enough");
    const { chunks, message } = await reading;
    expect(chunks.at(-1)).toMatchObject({ type: "abort", reason: expect.stringContaining("enough") });
    expect(part(message, "data-run")).toMatchObject({ data: { status: "FAILED", code: "cancelled" } });
  });

  it("goes on when its page is closed, and is read anew from its beginning by its events", async () => {
    const store = new MemoryStore();
    const gate = Promise.withResolvers<void>();
    const client = new ScriptedInferenceClient(["All done."]);
    const nodes = [
      new Node({ name: "wait", modules: [module("w", () => gate.promise.then(() => ({ status: "success" as const, result: 1 })))] }),
      new Node({ name: "say", modules: [asking(client)], dependencies: ["wait"] }),
    ];
    const agent = new Agent({ name: "pages", nodes, store });
    const run = agent.start(task("r6"));
    const reader = toUiMessageStream(run).getReader();
    for (let chunk = await reader.read(); chunk.value?.type !== "data-node"; chunk = await reader.read());
    await reader.cancel();
    gate.resolve();
    expect((await run.outcome).status).toBe("COMPLETE");
    const { message } = await read(toUiMessageStream(new Runs(store).events("r6", { deltas: true }), { messageId: "r6" }));
    expect(message?.id).toBe("r6");
    expect(part(message, "data-node", "say")).toMatchObject({ data: { status: "COMPLETE", result: "All done." } });
    expect(message?.metadata).toMatchObject({ status: "COMPLETE" });
  });
});

describe("what a run asks, as a UI message", () => {
  const approved = defineTool({
    name: "send",
    description: "Sends",
    input: z.object({ to: z.string() }),
    needsApproval: true,
    run: ({ to }) => `sent to ${to}`,
  });

  it.each([
    ["is run when it is approved", { approve: true }, { state: "output-available", output: "sent to Ada" }],
    ["is not when it is denied", { deny: "not her" }, { state: "output-error", errorText: expect.stringContaining("not her") }],
  ])("is an approval of a call, which %s", async (_what, answer, expected) => {
    const store = new MemoryStore();
    const client = new ScriptedInferenceClient([{ toolCalls: [{ name: "send", input: { to: "Ada" }, id: "call_s" }] }, "Well."]);
    const agent = new Agent({ name: "sends", nodes: [new Node({ name: "send", modules: [asking(client, [approved as never])] })], store });
    const run = agent.start(task(`a-${JSON.stringify(answer)}`));
    const seen: string[] = [];
    const stream = toUiMessageStream(run).pipeThrough(
      new TransformStream({
        async transform(chunk, controller) {
          controller.enqueue(chunk);
          if (chunk.type !== "tool-approval-request") return;
          seen.push(chunk.toolCallId);
          const { shownHash } = chunk.approvalDescriptor as { shownHash: string };
          await new Runs(store).answer(chunk.approvalId, answer, { by: "page", shownHash });
        },
      }),
    );
    const { message, error } = await read(stream);
    expect(error).toBeUndefined();
    expect(seen).toEqual(["call_s"]);
    expect(part(message, "tool-send")).toMatchObject({
      toolCallId: "call_s",
      input: { to: "Ada" },
      approval: { id: expect.any(String) },
      ...expected,
    });
  });

  it("is a question as data, until it is closed", async () => {
    const store = new MemoryStore();
    const ok = defineQuestion({ name: "ok", show: () => "a letter", answer: z.object({ ok: z.boolean() }), to: "lead" });
    const agent = new Agent({ name: "asks", nodes: [new Node({ name: "ok", modules: [ok] })], store });
    const run = agent.start(task("q1"));
    const states: unknown[] = [];
    const stream = toUiMessageStream(run).pipeThrough(
      new TransformStream({
        async transform(chunk, controller) {
          controller.enqueue(chunk);
          if (chunk.type !== "data-question") return;
          states.push(chunk.data.closed);
          if (chunk.data.closed === undefined) await new Runs(store).answer(chunk.data.id, { ok: true }, { by: "ada" });
        },
      }),
    );
    const { message } = await read(stream);
    expect(states).toEqual([undefined, "answered"]);
    expect(part(message, "data-question")).toMatchObject({
      data: { name: "ok", shown: "a letter", to: "lead", closed: "answered", by: "ada" },
    });
    expect(part(message, "data-node", "ok")).toMatchObject({ data: { status: "COMPLETE", result: { ok: true } } });
  });

  it("ends as parked when all of it waits, and shows what for", async () => {
    const store = new MemoryStore();
    const ok = defineQuestion({ name: "ok", show: () => "a letter", answer: z.object({ ok: z.boolean() }) });
    const agent = new Agent({ name: "parks", nodes: [new Node({ name: "ok", modules: [ok] })], store });
    const { message, chunks, error } = await read(toUiMessageStream(agent.start(task("p1"), { whenWaiting: "park" })));
    expect(error).toBeUndefined();
    expect(part(message, "data-run")).toMatchObject({ data: { status: "PARKED", dueAt: null } });
    expect(part(message, "data-node", "ok")).toMatchObject({ data: { status: "WAITING" } });
    expect(chunks.at(-1)).toMatchObject({ type: "finish", finishReason: "other", messageMetadata: { status: "PARKED" } });
    expect(await all(new Runs(store).questions())).toHaveLength(1);
  });

  it("is shown to whoever has not heard of the call, and so is what it gave", async () => {
    const question = { id: "q", kind: "tool-approval", shown: { tool: "send", input: { to: "Ada" }, toolUseId: "call_s" }, shownHash: "h" };
    const told = [
      { type: "question.opened", graph: [], question },
      {
        type: "model.delta",
        graph: [],
        node: "n",
        module: "m",
        visit: 1,
        attempt: 1,
        part: { type: "tool-result", id: "late", name: "add", content: "3", isError: false },
      },
    ];
    const events = {
      [Symbol.asyncIterator]: async function* () {
        yield* told;
      },
    };
    const { message, error } = await read(toUiMessageStream(events as never));
    expect(error).toBeUndefined();
    expect(part(message, "tool-send")).toMatchObject({ state: "approval-requested", input: { to: "Ada" }, approval: { id: "q" } });
    expect(part(message, "tool-add")).toMatchObject({ state: "output-available", output: "3" });
  });
});
