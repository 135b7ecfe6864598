/** A chain that is watched: what it shows, in which order, how far it runs ahead, and what a reader that leaves does to it. */
import { OpenAIInferenceClient } from "asimov-agents/openai";
import { describe, expect, it } from "vitest";
import { fencedToolParser } from "#chain/tool-parser";
import { ChatRole } from "#contract/base/vocabulary";
import { defineTool, type Tool, type ToolContext } from "#contract/chat/tool";
import type { ChainPart, ChainStream } from "#contract/chat/tool-chain";
import { ScriptedInferenceClient } from "#testing/scripted-inference-client";
import { startInferenceServer } from "#testing/servers/inference-server";

const ask = [{ role: ChatRole.USER, content: "Go." }];
const toolOf = (run: (context: ToolContext) => unknown): Tool =>
  defineTool({ name: "work", description: "Works", input: { type: "object" }, run: (_input, context) => run(context) });
const call = (id: string) => ({ name: "work", id });

async function partsOf(stream: ChainStream): Promise<ChainPart[]> {
  const parts: ChainPart[] = [];
  for await (const part of stream) parts.push(part);
  return parts;
}
const shown = (part: ChainPart): string => {
  if (part.type === "step-start" || part.type === "step-end") return `${part.type} ${part.step}`;
  if (part.type === "text-delta") return `say ${part.text}`;
  return "id" in part && part.type.startsWith("tool") ? `${part.type} ${part.id}` : part.type;
};

describe("a chain that is watched", () => {
  it("shows each delta, call, progress and result, and where steps begin and end, then gives its result", async () => {
    const work = toolOf(({ emit, toolUseId }) => {
      emit({ done: 0.5 });
      return `did ${toolUseId}`;
    });
    const client = new ScriptedInferenceClient([
      { text: "I work.", chunks: ["I ", "work."], toolCalls: [call("a")] },
      { text: "Done.", chunks: 1 },
    ]);
    const stream = client.streamChain(ask, [work]);
    const parts = await partsOf(stream);
    expect(parts.map(shown)).toEqual([
      ...["step-start 1", "text-start", "say I ", "say work.", "text-end"],
      ...["tool-input-start a", "tool-input-delta a", "tool-call a", "finish", "step-end 1", "tool-progress a", "tool-result a"],
      ...["step-start 2", "text-start", "say Done.", "text-end", "finish", "step-end 2"],
    ]);
    expect(parts.find(({ type }) => type === "tool-progress")).toEqual({
      type: "tool-progress",
      id: "a",
      name: "work",
      event: { done: 0.5 },
    });
    expect(parts.find(({ type }) => type === "tool-result")).toEqual({
      ...{ type: "tool-result", id: "a", name: "work", content: "did a", isError: false },
    });
    expect(parts.at(-1)).toMatchObject({ type: "step-end", step: 2, finishReason: { unified: "stop" }, warnings: [] });
    expect(await stream.result).toMatchObject({ text: "Done.", iterations: 2, stopReason: "finished" });
  });

  it("shows what a tool emits as it was then, and throws into the tool what JSON cannot hold: nothing else ends", async () => {
    const cycle: { self?: object } = {};
    cycle.self = cycle;
    const thrown: unknown[] = [];
    const work = toolOf(({ emit, toolUseId }) => {
      if (toolUseId === "b") emit(10n);
      const event = { done: 1 };
      emit(event);
      event.done = 2;
      try {
        emit(cycle);
      } catch (error) {
        thrown.push(error);
      }
      return "did";
    });
    const stream = new ScriptedInferenceClient([{ toolCalls: [call("a"), call("b")] }, "Done."]).streamChain(ask, [work]);
    const parts = await partsOf(stream);
    expect(parts.flatMap((part) => (part.type === "tool-progress" ? [part.event] : []))).toEqual([{ done: 1 }]);
    expect(thrown).toEqual([expect.objectContaining({ code: "not-json" })]);
    expect(parts.flatMap((part) => (part.type === "tool-result" ? [[part.id, part.isError, part.content]] : []))).toEqual([
      ["a", false, "did"],
      ["b", true, expect.stringContaining('What tool "work" emits must be JSON')],
    ]);
    expect((await stream.result).text).toBe("Done.");
  });

  it("is told by its text alone, or by its result alone, which is that of toolChain", async () => {
    const script = () =>
      new ScriptedInferenceClient([{ text: "I work. ", toolCalls: [call("a")] }, "Done."], { services: { ids: () => "id" } });
    const work = toolOf(() => "did");
    let text = "";
    for await (const piece of script().streamChain(ask, [work]).text) text += piece;
    expect(text).toBe("I work. Done.");
    expect(await script().streamChain(ask, [work]).result).toEqual(await script().toolChain(ask, [work]));
  });

  it("shows the calls that a parser reads in the text", async () => {
    const client = new ScriptedInferenceClient(['```tool\n{"name":"work","input":{}}\n```', "Done."]);
    const types = (await partsOf(client.streamChain(ask, [toolOf(() => "did")], { toolParser: fencedToolParser }))).map(({ type }) => type);
    expect(types.filter((type) => type.startsWith("tool"))).toEqual(["tool-call", "tool-result"]);
  });

  it("begins when somebody reads, and is read once", async () => {
    const client = new ScriptedInferenceClient(["Done."]);
    const stream = client.streamChain(ask, []);
    await new Promise(setImmediate);
    expect(client.calls).toHaveLength(0);
    await partsOf(stream);
    expect(() => stream[Symbol.asyncIterator]()).toThrow(expect.objectContaining({ code: "stream-consumed" }));
  });

  it("ends with its reader: the tools are aborted, and the result says so", async () => {
    const aborted = Promise.withResolvers<unknown>();
    const work = toolOf(({ signal, emit }) => {
      signal.addEventListener("abort", () => aborted.resolve(signal.reason));
      emit("begun");
      return new Promise((_, reject) => signal.addEventListener("abort", reject));
    });
    const client = new ScriptedInferenceClient([{ toolCalls: [call("a")] }, "Never."]);
    const stream = client.streamChain(ask, [work]);
    for await (const { type } of stream) if (type === "tool-progress") break;
    await aborted.promise;
    await expect(stream.result).rejects.toMatchObject({ code: "aborted", name: "AbortError" });
    expect(client.calls).toHaveLength(1);
  });

  it("that was left before it began asks nothing", async () => {
    const client = new ScriptedInferenceClient(["Never."]);
    const stream = client.streamChain(ask, []);
    await stream[Symbol.asyncIterator]().return?.();
    await expect(stream.result).rejects.toMatchObject({ code: "aborted" });
    expect(client.calls).toHaveLength(0);
  });

  it("fails its reader once, with what it failed with, and then is over", async () => {
    const client = new ScriptedInferenceClient([{ error: { status: 400, message: "No." } }]);
    const stream = client.streamChain(ask, []);
    const parts = stream[Symbol.asyncIterator]();
    expect(await parts.next()).toMatchObject({ value: { type: "step-start" } });
    await expect(parts.next()).rejects.toMatchObject({ code: "invalid-request" });
    expect(await parts.next()).toEqual({ done: true, value: undefined });
    await expect(stream.result).rejects.toMatchObject({ code: "invalid-request" });
    await expect(partsOf(client.streamChain([], []))).rejects.toMatchObject({ code: "invalid-options" });
  });

  it("waits for a slow reader before it asks again", async () => {
    const client = new ScriptedInferenceClient([{ text: "x".repeat(400), chunks: 400, toolCalls: [call("a")] }, "Done."]);
    let ran = 0;
    const stream = client.streamChain(ask, [toolOf(() => ++ran)]);
    const parts = stream[Symbol.asyncIterator]();
    for (let at = 0; at < 20; at++) await parts.next();
    for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate);
    expect([ran, client.calls.length]).toEqual([0, 1]);
    while ((await parts.next()).done !== true);
    expect([ran, client.calls.length]).toEqual([1, 2]);
  });
});

describe("the steps of a chain", () => {
  it("are prepared one by one, over what the chain says, and end when no more is wanted", async () => {
    const client = new ScriptedInferenceClient([{ toolCalls: [call("a")] }, { toolCalls: [call("b"), call("c")] }, "Never."]);
    const seen: unknown[] = [];
    const { stopReason, messages, iterations } = await client.toolChain(ask, [toolOf(({ toolUseId }) => `did ${toolUseId}`)], {
      maxTokens: 10,
      prepareStep: ({ steps, calls, results }) => {
        seen.push([steps, calls.map(({ id }) => id), results.map(({ content }) => content)]);
        return steps === 0 ? { maxTokens: 20 } : undefined;
      },
      stopWhen: ({ calls, usage }) => calls.length === 2 && usage.outputTokens > 0,
    });
    expect(client.calls.map(({ options }) => options.maxTokens)).toEqual([20, 10]);
    expect(seen).toEqual([
      [0, [], []],
      [1, ["a"], ["did a"]],
    ]);
    expect({ stopReason, iterations, messages: messages.length }).toEqual({ stopReason: "stopped", iterations: 2, messages: 5 });
  });

  it("fail the chain with what preparing them throws", async () => {
    const client = new ScriptedInferenceClient(["Never."]);
    const wrong = new Error("mine");
    const fails = (options: object) => client.toolChain(ask, [], options);
    await expect(fails({ prepareStep: () => Promise.reject(wrong) })).rejects.toBe(wrong);
    await expect(fails({ prepareStep: 1 })).rejects.toMatchObject({ code: "invalid-options" });
  });
});

describe("the end of a chain", () => {
  it.each<[string, string, string]>([
    ["length", "The answer is", "length"],
    ["content_filter", "I", "content-filter"],
    ["stop", "", "empty"],
    ["stop", "Yes.", "finished"],
  ])("is told: a last answer that ended by %s with %j", async (finishReason, text, stopReason) => {
    const server = await startInferenceServer("openai-chat", [{ text, finishReason }]);
    try {
      const client = new OpenAIInferenceClient({ model: "m", api: "chat", apiKey: "any", baseURL: server.url });
      const result = await client.toolChain(ask, [toolOf(() => "did")]);
      expect(result).toMatchObject({ stopReason, text, finishReason: { raw: finishReason } });
    } finally {
      await server.close();
    }
  });

  it("says what was left out of its calls, and what broke the provider's cache, once each", async () => {
    const client = new ScriptedInferenceClient(
      [
        { toolCalls: [{ name: "switch_mode", input: { mode: "b" } }] },
        { toolCalls: [{ name: "switch_mode", input: { mode: "a" } }] },
        "Done.",
      ],
      { provider: "anthropic", model: "claude-sonnet-4-6" },
    );
    const modes = { a: { description: "A", tools: [] }, b: { description: "B", tools: [] } };
    const { warnings } = await client.toolChain(ask, [], { temperature: 0.5, modeSwap: { modes, initial: "a" } });
    expect(warnings).toEqual([expect.stringContaining("temperature"), expect.stringMatching(/^The mode was changed/)]);
  });
});
