/** A chain ends by the model, a limit, a tool or a full context; modes, trimming, parsers and schemas change what is asked, not the rest. */
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { fencedToolParser } from "#chain/tool-parser";
import type { AsimovError } from "#contract/base/errors";
import { ChatRole } from "#contract/base/vocabulary";
import { InferenceError } from "#contract/chat/errors";
import { defineTool, type Tool } from "#contract/chat/tool";
import type { Script } from "#testing/script";
import { ScriptedInferenceClient } from "#testing/scripted-inference-client";
import { MemoryCheckpoint } from "./memory-checkpoint.ts";

const ask = [{ role: ChatRole.USER, content: "Go" }];
const noop = defineTool({ name: "noop", description: "Does nothing", input: { type: "object" }, run: () => "done" });
const call = (name = "noop", input: object = {}) => ({ toolCalls: [{ name, input }] });
const full = { error: { reason: "context-length-exceeded" } };

describe("the end of a chain", () => {
  it("comes before the next ask when maxIterations are used up, with the tools' results", async () => {
    const client = new ScriptedInferenceClient([call(), call(), "never"]);
    const { stopReason, iterations, messages } = await client.toolChain(ask, [noop], { maxIterations: 2 });
    expect({ stopReason, iterations, last: messages.at(-1)?.role }).toEqual({
      stopReason: "max-iterations",
      iterations: 2,
      last: "TOOL_RESULT",
    });
  });

  it("comes after ten asks where nobody says how many", async () => {
    const client = new ScriptedInferenceClient(Array.from({ length: 11 }, () => call()));
    expect(await client.toolChain(ask, [noop])).toMatchObject({ stopReason: "max-iterations", iterations: 10 });
    expect(client.remaining).toBe(1);
  });

  it("comes when a tool says stop, after the other tools of its turn", async () => {
    const stop = defineTool({ name: "stop", description: "Stops", input: { type: "object" }, run: (_input, context) => context.stop() });
    const client = new ScriptedInferenceClient([
      {
        toolCalls: [
          { name: "stop", input: {} },
          { name: "noop", input: {} },
        ],
      },
      "never",
    ]);
    const { stopReason, messages } = await client.toolChain(ask, [noop, stop]);
    expect(stopReason).toBe("stopped");
    expect(messages.at(-1)?.content).toMatchObject([{ content: "(no output)" }, { content: "done" }]);
  });

  it("comes when the context is full, and nothing may be left out", async () => {
    const client = new ScriptedInferenceClient([call(), full]);
    expect(await client.toolChain(ask, [noop])).toMatchObject({ stopReason: "context-length", iterations: 1 });
  });

  it("counts what the ask has used in which the context got full", async () => {
    const usage = { inputTokens: 10, outputTokens: 0 };
    const late = { text: "one two", usage, error: { reason: "context-length-exceeded", after: 1 } };
    const client = new ScriptedInferenceClient([{ ...call(), usage }, late]);
    expect((await client.toolChain(ask, [noop])).usage.inputTokens).toBe(20);
  });

  it("is left to the provider where nothing may be left out, whatever is known of the model", async () => {
    const filled = { ...call(), usage: { inputTokens: 99, outputTokens: 1 } };
    const client = new ScriptedInferenceClient([filled, filled, "fits"]);
    expect(await client.toolChain(ask, [noop], { contextWindow: 100 })).toMatchObject({ stopReason: "finished", text: "fits" });
  });

  it("is put off by fifoRatio: the oldest turns go, the task and whole pairs stay", async () => {
    const client = new ScriptedInferenceClient([call(), call(), call(), full, "fits"]);
    const { stopReason, messages, text } = await client.toolChain(ask, [noop], { fifoRatio: 0.5 });
    expect({ stopReason, text }).toEqual({ stopReason: "finished", text: "fits" });
    expect(messages.map(({ role }) => role)).toEqual(["USER", "ASSISTANT", "TOOL_RESULT", "ASSISTANT"]);
    expect(messages[0]).toEqual(ask[0]);
  });

  it("comes after all when the context stays full, however often it was trimmed", async () => {
    const client = new ScriptedInferenceClient([call(), call(), call(), call(), full, full, full, full, "never"]);
    const { stopReason, messages, iterations } = await client.toolChain(ask, [noop], { fifoRatio: 0.9 });
    expect({ stopReason, iterations }).toEqual({ stopReason: "context-length", iterations: 4 });
    expect(messages.map(({ role }) => role)).toEqual(["USER", "ASSISTANT", "TOOL_RESULT"]);
    expect(client.remaining).toBe(1);
  });

  it("is put off before the provider refuses, where it is known how much the model reads", async () => {
    const filled = { ...call(), usage: { inputTokens: 94, outputTokens: 2 } };
    const client = new ScriptedInferenceClient([call(), call(), filled, "fits"]);
    const { stopReason, messages } = await client.toolChain(ask, [noop], { fifoRatio: 0.5, contextWindow: 100 });
    expect(stopReason).toBe("finished");
    expect(client.calls.map(({ messages: asked }) => asked.length)).toEqual([1, 3, 5, 3]);
    expect(messages).toHaveLength(4);
    client.assertDone();
  });
});

describe("modes of a chain", () => {
  const saw = defineTool({ name: "saw", description: "Saws", input: { type: "object" }, run: () => "sawn" });
  const modeSwap = {
    initial: "plan",
    modes: {
      plan: { description: "Plans", system: "You plan.", tools: [] },
      build: { description: "Builds", system: "You build.", tools: [saw] },
    },
  };
  const script = [call("saw"), call("switch_mode", { mode: "build" }), call("saw"), "built"];

  it("swap prompt and tools, and refuse the tools of others", async () => {
    const client = new ScriptedInferenceClient(script);
    const { messages } = await client.toolChain(ask, [noop], { modeSwap });
    const results = messages
      .filter(({ role }) => role === "TOOL_RESULT")
      .map(({ content }) => (content as { content: string }[])[0]?.content);
    expect(results).toEqual([expect.stringContaining('no tool "saw"'), 'The mode is now "build".', "sawn"]);
    expect(JSON.stringify(client.calls[0])).toContain("You plan.");
    expect(JSON.stringify(client.calls[2])).toContain("You build.");
  });

  it("are kept over a restore", async () => {
    const checkpoint = new MemoryCheckpoint();
    const failing = new ScriptedInferenceClient([...script.slice(0, 2), { error: { status: 400 } }]);
    await expect(failing.toolChain(ask, [noop], { modeSwap, checkpoint })).rejects.toMatchObject({ status: 400 });
    const client = new ScriptedInferenceClient(script.slice(2));
    const { messages } = await client.toolChain(ask, [noop], { modeSwap, checkpoint });
    expect(JSON.stringify(client.calls[0])).toContain("You build.");
    expect(messages.at(-2)?.content).toMatchObject([{ content: "sawn" }]);
  });

  it("are those that a chain was kept with: without its mode it is not gone on with, and its end is told all the same", async () => {
    const kept = async (entries: Script, swap: typeof modeSwap | undefined): Promise<MemoryCheckpoint> => {
      const checkpoint = new MemoryCheckpoint();
      const client = new ScriptedInferenceClient(entries);
      await client.toolChain(ask, [noop], { checkpoint, ...(swap === undefined ? {} : { modeSwap: swap }) }).catch(() => {});
      return checkpoint;
    };
    const broken = { error: { status: 400 } };
    const { plan } = modeSwap.modes;
    const onlyPlan = { initial: "plan", modes: { plan } };
    const goesOn = async (checkpoint: MemoryCheckpoint, options: object) => {
      const client = new ScriptedInferenceClient(["Done."]);
      return client.toolChain(ask, [noop], { checkpoint, ...options }).then(
        ({ text }) => `${client.calls.length}: ${text}`,
        (error: AsimovError) => `${client.calls.length}: ${error.code}: ${error.message}`,
      );
    };
    const inBuild = await kept([call("switch_mode", { mode: "build" }), broken], modeSwap);
    expect(await goesOn(inBuild, { modeSwap: onlyPlan })).toBe(
      '0: snapshot-other-chain: The checkpoint is of a chain in the mode "build"; this one has the modes plan. Give it the modes it had, or another checkpoint.',
    );
    expect(await goesOn(inBuild, {})).toContain(
      '0: snapshot-other-chain: The checkpoint is of a chain in the mode "build"; this one has none.',
    );
    expect(await goesOn(await kept([call(), broken], undefined), { modeSwap })).toContain(
      "of a chain without modes; this one has the modes",
    );
    expect(await goesOn(inBuild, { modeSwap })).toBe("1: Done.");
    const ended = await kept([call("switch_mode", { mode: "build" }), "Built."], modeSwap);
    expect(await goesOn(ended, { modeSwap: onlyPlan })).toBe("0: Built.");
  });

  it("are not changed by a switch to a mode that there is not, which the model is told", async () => {
    const client = new ScriptedInferenceClient([call("switch_mode", { mode: "rest" }), call("saw"), "no"]);
    const { messages } = await client.toolChain(ask, [noop], { modeSwap });
    expect(messages[2]?.content).toMatchObject([{ isError: true, content: expect.stringContaining("does not fit the schema") }]);
    expect(messages[4]?.content).toMatchObject([{ isError: true, content: expect.stringContaining('no tool "saw" now') }]);
  });

  it("may not have two tools of one name, nor one named as the switch", async () => {
    const named = (name: string) => defineTool({ name, description: "Another", input: { type: "object" }, run: () => "" });
    const refusal = (tools: Tool[], inBuild: Tool[]) => {
      const modes = { ...modeSwap.modes, build: { description: "Builds", tools: inBuild } };
      return new ScriptedInferenceClient(["x"]).toolChain(ask, tools, { modeSwap: { initial: "plan", modes } }).then(
        () => "taken",
        (error: AsimovError) => `${error.code}: ${error.message}`,
      );
    };
    expect(await refusal([noop], [named("noop")])).toContain('invalid-options: toolChain: two tools are named "noop"');
    expect(await refusal([named("switch_mode")], [])).toContain('two tools are named "switch_mode"');
    expect(await refusal([], [saw, named("saw")])).toContain('two tools are named "saw"');
  });

  it("are changed by nothing in a chain that has none, whose own switch_mode is a tool like any other", async () => {
    const own = defineTool({ name: "switch_mode", description: "Switches a lamp", input: { type: "object" }, run: () => "lit" });
    const checkpoint = new MemoryCheckpoint();
    const first = new ScriptedInferenceClient([call("switch_mode", { mode: "bright" }), { error: { status: 400 } }]);
    await expect(first.toolChain(ask, [own], { checkpoint })).rejects.toMatchObject({ status: 400 });
    const again = await new ScriptedInferenceClient(["Bright."]).toolChain(ask, [own], { checkpoint });
    expect(again.messages[2]?.content).toMatchObject([{ content: "lit" }]);
    expect(again.text).toBe("Bright.");
  });

  it("may differ in what a name means, but for a model that is told of all modes at once", async () => {
    const other = defineTool({ name: "saw", description: "Saws logs", input: { type: "object" }, run: () => "" });
    const modes = { plan: { description: "Plans", tools: [other] }, build: { description: "Builds", tools: [saw] } };
    const chain = (boundThinking: boolean) =>
      new ScriptedInferenceClient(["x"], { capabilities: { boundThinking } }).toolChain(ask, [], { modeSwap: { initial: "plan", modes } });
    expect((await chain(false)).text).toBe("x");
    await expect(chain(true)).rejects.toMatchObject({ code: "invalid-options", message: expect.stringContaining('"saw"') });
  });

  it("are refused when the first of them is none", async () => {
    const client = new ScriptedInferenceClient(["x"]);
    await expect(client.toolChain(ask, [], { modeSwap: { ...modeSwap, initial: "rest" } })).rejects.toThrow('modeSwap.initial is "rest"');
  });
});

describe("a chain", () => {
  it("reads calls from the text of a model without tools", async () => {
    const client = new ScriptedInferenceClient(['I try.\n```tool\n{"name":"noop","input":{}}\n```', "ok"]);
    const { messages, text } = await client.toolChain(ask, [noop], { toolParser: fencedToolParser });
    expect(text).toBe("ok");
    expect(messages[1]?.content).toMatchObject([
      { type: "text", text: "I try." },
      { type: "tool-use", name: "noop" },
    ]);
    expect(client.calls[1]?.messages).toEqual([
      { role: "SYSTEM", content: fencedToolParser.describe([noop]) },
      { role: "USER", content: "Go" },
      { role: "ASSISTANT", content: 'I try.\n\n```tool\n{"name":"noop","input":{}}\n```' },
      { role: "USER", content: "Result of noop:\ndone" },
    ]);
  });

  it("takes calls in a text for calls, also where its end must fit a schema", async () => {
    const client = new ScriptedInferenceClient(['```tool\n{"name":"noop","input":{}}\n```', '{"n":1}']);
    const output = z.object({ n: z.number() });
    const { output: told, iterations } = await client.toolChain(ask, [noop], { toolParser: fencedToolParser, output });
    expect([told, iterations]).toEqual([{ n: 1 }, 2]);
    expect(JSON.stringify(client.calls[1])).toContain("Result of noop:");
  });

  it("keeps the thoughts of a model whose calls it reads from a text", async () => {
    const client = new ScriptedInferenceClient([{ thinking: "Hm.", text: '```tool\n{"name":"noop","input":{}}\n```' }, "ok"]);
    const { messages } = await client.toolChain(ask, [noop], { toolParser: fencedToolParser });
    expect(messages[1]?.content).toMatchObject([{ type: "thinking", text: "Hm." }, { type: "tool-use" }]);
  });

  it("sends an answer that does not fit the schema back once", async () => {
    const output = z.object({ n: z.number() });
    const good = new ScriptedInferenceClient(["no json", '{"n":1}']);
    expect((await good.toolChain(ask, [], { output })).output).toEqual({ n: 1 });
    const bad = new ScriptedInferenceClient(["no json", '{"n":"x"}', '{"n":1}']);
    const error = await bad.toolChain(ask, [], { output }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(InferenceError);
    expect(error).toMatchObject({ code: "invalid-output" });
    expect(bad.remaining).toBe(1);
  });

  it("shows each block to middlewares as it ends, and fails with what one throws", async () => {
    const seen: string[] = [];
    const client = new ScriptedInferenceClient([{ text: "Hm.", ...call() }, "Bye."]);
    await client.toolChain(ask, [noop], { middlewares: [({ type }) => void seen.push(type)] });
    expect(seen).toEqual(["text", "tool-use", "tool-result", "text"]);
    const strict = new ScriptedInferenceClient(["Hm."]);
    const refuse = () => {
      throw new Error("not that word");
    };
    await expect(strict.toolChain(ask, [], { middlewares: [refuse] })).rejects.toThrow("not that word");
  });

  it("shortens results by its reducer, and fails with what that throws", async () => {
    const client = new ScriptedInferenceClient([call(), "ok"]);
    const { messages } = await client.toolChain(ask, [noop], { toolResultReducer: ({ name, content }) => `${name}: ${content.length}` });
    expect(messages[2]?.content).toMatchObject([{ content: "noop: 4" }]);
    const toolResultReducer = () => Promise.reject(new Error("no shorter"));
    const failing = new ScriptedInferenceClient([call(), "never"]).toolChain(ask, [noop], { toolResultReducer });
    await expect(failing).rejects.toThrow("no shorter");
  });

  const mode = { description: "Plans", tools: [] };
  it.each<[string, unknown]>([
    ["maxIterations", 0],
    ["maxParallelTools", 0],
    ["maxToolResultChars", 0],
    ["contextWindow", 0],
    ["fifoRatio", 1],
    ["fifoRatio", 0],
    ["unheardOf", 1],
    ["middlewares", [7]],
    ["toolParser", {}],
    ["toolResultReducer", "short"],
    ["checkpoint", { save: async () => {} }],
    ["checkpoint", { load: async () => {} }],
    ["idempotencyKey", ""],
    ["signal", 7],
    ["tools", []],
    ["modeSwap", { initial: "plan", modes: { plan: 7 } }],
    ["modeSwap", { initial: "plan", modes: { plan: { description: "Plans" } } }],
    ["modeSwap", { initial: "plan", modes: { plan: { ...mode, tools: [{}] } } }],
    ["modeSwap", { initial: "plan", modes: { plan: { ...mode, prompt: "You plan." } } }],
  ])("refuses the option %s: %j", async (name, value) => {
    const client = new ScriptedInferenceClient(["x"]);
    await expect(client.toolChain(ask, [], { [name]: value })).rejects.toMatchObject({
      code: "invalid-options",
      message: expect.stringContaining(name),
    });
    expect(client.calls).toEqual([]);
  });

  it.each<[unknown]>([[undefined], [noop], [[{ name: "noop" }]]])("refuses tools that are none: %j", async (tools) => {
    const chain = new ScriptedInferenceClient(["x"]).toolChain(ask, tools as Tool[]);
    await expect(chain).rejects.toMatchObject({ code: "invalid-options", message: expect.stringMatching(/^toolChain: tools/) });
  });
});
