/** Calls of models, tools and chains are spans and figures by OpenTelemetry's names, ended on every way out, and silent about what was said. */
import { AsyncLocalStorage } from "node:async_hooks";
import { inspect } from "node:util";
import { SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { AnthropicInferenceClient } from "asimov-agents/anthropic";
import { describe, expect, it, vi } from "vitest";
import { Agent } from "#agent";
import { Task } from "#contract/base/task";
import { ChatRole } from "#contract/base/vocabulary";
import type { ContentBlock } from "#contract/chat/message";
import { defineTool } from "#contract/chat/tool";
import type { ToolChainOptions } from "#contract/chat/tool-chain";
import { FlowControlModule } from "#contract/node/flow-control";
import { defineModule } from "#contract/node/module";
import { Node } from "#contract/node/node";
import { MemoryStore } from "#store/memory/store";
import { ScriptedInferenceClient } from "#testing/scripted-inference-client";
import { startInferenceServer } from "#testing/servers/inference-server";
import { ManualClock } from "../support/manual-clock.ts";
import { loadedFrom, snapshotsOf } from "../support/snapshots.ts";
import { json, serveWire } from "../support/wire-server.ts";
import { recorder } from "./recorder.ts";

const { spans, ended, started, figures } = recorder();
const SECRET = "zq-prompt-7781-zebra";
/** Where nothing is followed. */
const outside = AsyncLocalStorage.snapshot();
const KEY = "sk-planted-key-0123456789";
const ask = [{ role: ChatRole.USER, content: `Tell me of ${SECRET}` }];

describe("telemetry of models", () => {
  it("tells a call by name, kind and attributes, and keeps its content to itself", async () => {
    await new ScriptedInferenceClient([{ text: SECRET, usage: { inputTokens: 7, outputTokens: 3 } }]).generate(ask, { maxTokens: 50 });
    const span = spans().get("chat scripted");
    expect(span?.kind).toBe(SpanKind.CLIENT);
    expect(span?.attributes).toMatchObject({
      "gen_ai.operation.name": "chat",
      "gen_ai.provider.name": "scripted",
      "gen_ai.request.model": "scripted",
      "gen_ai.request.max_tokens": 50,
      "gen_ai.request.stream": false,
      "gen_ai.usage.input_tokens": 7,
      "gen_ai.usage.output_tokens": 3,
    });
    expect(inspect(ended(), { depth: 8 })).not.toContain(SECRET);
  });

  it("shows what was said where that is asked for", async () => {
    await new ScriptedInferenceClient(["Stripes."], { captureContent: true }).generate(ask);
    const attributes = spans().get("chat scripted")?.attributes;
    expect(attributes?.["gen_ai.input.messages"]).toContain(SECRET);
    expect(attributes?.["gen_ai.output.messages"]).toContain("Stripes.");
  });

  it("tells of a tool its name, its call's id and how it ended, and shows its input where that is asked for", async () => {
    const look = defineTool({
      name: "look",
      description: "Looks",
      input: { type: "object" },
      run: () => {
        throw new Error("no light");
      },
    });
    for (const captureContent of [true, false]) {
      const client = new ScriptedInferenceClient([{ toolCalls: [{ name: "look", id: "l1", input: { at: SECRET } }] }, "ok"], {
        captureContent,
      });
      await client.toolChain([{ role: ChatRole.SYSTEM, content: "Look about." }, ...ask], [look]);
    }
    const tools = ended().filter(({ name }) => name === "execute_tool look");
    for (const { attributes, status } of tools) {
      expect(attributes).toMatchObject({
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "look",
        "gen_ai.tool.call.id": "l1",
        "gen_ai.tool.type": "function",
        "gen_ai.tool.description": "Looks",
      });
      expect(status.code).toBe(SpanStatusCode.ERROR);
    }
    expect(tools.map(({ attributes }) => attributes["gen_ai.tool.call.arguments"])).toEqual([JSON.stringify({ at: SECRET }), undefined]);
    const systems = ended().flatMap(({ name, attributes }) => (name === "chat scripted" ? [attributes["gen_ai.system_instructions"]] : []));
    const told = JSON.stringify([{ type: "text", content: "Look about." }]);
    expect(systems).toEqual([told, told, undefined, undefined]);
  });

  it("tells what a tool gave where that is asked for, as the model reads it, and of none that failed", async () => {
    const give = defineTool({
      name: "give",
      description: "Gives",
      input: { type: "object" },
      run: (input) => {
        const { value } = input as { value?: unknown };
        if (value === undefined) throw new Error("nothing to give");
        return value;
      },
    });
    for (const captureContent of [true, false]) {
      const inputs = [{ value: SECRET }, { value: { at: [SECRET] } }, {}];
      const script = [{ toolCalls: inputs.map((input) => ({ name: "give", input })) }, "ok"];
      await new ScriptedInferenceClient(script, { captureContent }).toolChain(ask, [give], {
        toolResultReducer: ({ content }) => content.replace("zebra", "horse"),
      });
    }
    const told = ended().flatMap(({ name, attributes }) => (name === "execute_tool give" ? [attributes["gen_ai.tool.call.result"]] : []));
    const read = SECRET.replace("zebra", "horse");
    expect(told).toEqual([read, JSON.stringify({ at: [read] }), undefined, undefined, undefined, undefined]);
  });

  const thrown = (): Error => Object.assign(new TypeError("no light", { cause: new Error("the lamp is off") }), { at: 7 });
  const fail = (): never => {
    throw thrown();
  };
  const lookOr = (run: () => unknown) => defineTool({ name: "look", description: "Looks", input: { type: "object" }, run });
  const calling = (name = "look") => new ScriptedInferenceClient([{ toolCalls: [{ name }] }, "ok"]);
  const whole = {
    "exception.type": "TypeError",
    "exception.message": "no light",
    "exception.stacktrace": expect.stringContaining("gen-ai.test.ts"),
    "asimov.error.cause": expect.stringContaining('"message":"the lamp is off"'),
    "asimov.error.properties": '{"at":7}',
  };
  const ofClient = {
    "exception.type": "FinalInferenceError",
    "exception.message": expect.stringContaining("the request was refused"),
    "exception.stacktrace": expect.any(String),
    "asimov.error.properties": expect.stringContaining('"provider":"scripted"'),
  };
  const refuses = () => new ScriptedInferenceClient([{ error: { status: 400 } }]);
  it.each<[string, string, string, object, () => Promise<unknown>]>([
    ["a tool", "execute_tool look", "TypeError", whole, () => calling().toolChain(ask, [lookOr(fail)])],
    ["a middleware", "invoke_agent", "TypeError", whole, () => calling().toolChain(ask, [lookOr(() => "x")], { middlewares: [fail] })],
    [
      "a reducer",
      "execute_tool look",
      "TypeError",
      whole,
      () => calling().toolChain(ask, [lookOr(() => "x")], { toolResultReducer: fail }),
    ],
    ["a provider", "chat scripted", "invalid-request", ofClient, () => refuses().generate(ask)],
    ["a provider in a chain", "invoke_agent", "invalid-request", ofClient, () => refuses().toolChain(ask, [])],
  ])("tells what %s threw: its class, stack, causes and properties", async (_who, name, kind, told, work) => {
    await work().catch(() => {});
    const [span] = ended().filter((each) => each.name === name && each.status.code === SpanStatusCode.ERROR);
    expect(span?.attributes["error.type"]).toBe(kind);
    expect(span?.events).toEqual([expect.objectContaining({ name: "exception", attributes: told })]);
    expect(ended()).toHaveLength(started());
  });

  it("says of a tool that was not run no more than that", async () => {
    await calling("hear").toolChain(ask, [lookOr(() => "x")]);
    const span = ended().find(({ name }) => name === "execute_tool hear");
    expect(span?.status).toEqual({ code: SpanStatusCode.ERROR, message: "the tool was not run" });
    expect(span?.attributes["error.type"]).toBe("_OTHER");
  });

  it("nests a chain's calls of tools in it, and the chain in the module that runs it", async () => {
    const client = new ScriptedInferenceClient([{ toolCalls: [{ name: "look", input: {} }] }, "ok"]);
    const look = defineTool({ name: "look", description: "Looks", input: { type: "object" }, run: () => "x" });
    const work = defineModule({
      name: "work",
      trace: true,
      process: async ({ signal }) => ({ status: "success", result: (await client.toolChain(ask, [look], { signal })).text }),
    });
    await new Agent({ nodes: [new Node({ name: "n", modules: [work] })] }).runTask(new Task({ type: "t", objective: "o" }));
    const names = ended().map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(["invoke_agent work", "execute_tool look", "chat scripted"]));
    const chain = ended().find(({ name }) => name === "invoke_agent work");
    expect(chain?.attributes).toMatchObject({ "gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "work" });
    const tool = ended().find(({ name }) => name === "execute_tool look");
    const module = ended().find(({ name }) => name === "module work");
    expect(tool?.parentSpanContext?.spanId).toBe(chain?.spanContext().spanId);
    expect(chain?.parentSpanContext?.spanId).toBe(module?.spanContext().spanId);
    expect(ended()).toHaveLength(started());
  });

  describe.each(["in a module", "on its own"])("a chain %s", (where) => {
    const own = trace.getTracer("the user's own");
    const mark = (name: string) => own.startSpan(name).end();
    const names = { outer: "chat outer", inner: "chat inner", leaf: "chat leaf" };
    // A chain is named after the module, or the tool of a module, that runs it.
    const isNamed = where === "in a module";
    const chains = { outer: isNamed ? "invoke_agent work" : "invoke_agent", inner: isNamed ? "invoke_agent look" : "invoke_agent" };

    /** A tool that asks a model, and runs a chain of its own. */
    async function run(outer: ScriptedInferenceClient, options: ToolChainOptions = {}) {
      const inner = new ScriptedInferenceClient(["inner"], { model: "inner" });
      const leaf = new ScriptedInferenceClient(["leaf"], { model: "leaf" });
      const look = defineTool({
        name: "look",
        description: "Looks",
        input: { type: "object" },
        run: async (_input, { signal }) => {
          mark("in the tool");
          await inner.generate(ask, { signal });
          mark("in the tool, later");
          return (await leaf.toolChain(ask, [], { signal })).text;
        },
      });
      const middlewares = [async ({ type }: ContentBlock) => mark(`a middleware sees ${type}`)];
      const chain = (signal?: AbortSignal) =>
        outer.toolChain(ask, [look], { middlewares, ...options, ...(signal === undefined ? {} : { signal }) });
      if (where === "on its own") return chain();
      const work = defineModule({
        name: "work",
        trace: true,
        process: async ({ signal }) => ({ status: "success", result: (await chain(signal)).text }),
      });
      await new Agent({ nodes: [new Node({ name: "n", modules: [work] })] }).runTask(new Task({ type: "t", objective: "o" }));
    }
    const parentsOf = (name: string): (string | undefined)[] => {
      const byId = new Map(ended().map((span) => [span.spanContext().spanId, span.name]));
      return ended()
        .filter((span) => span.name === name)
        .map(({ parentSpanContext }) => byId.get(parentSpanContext?.spanId ?? ""));
    };

    it("holds its calls of the model and of tools, and a tool holds what it calls itself", async () => {
      await run(new ScriptedInferenceClient([{ text: "Hm.", toolCalls: [{ name: "look" }] }, "ok"], { model: "outer" }));
      expect(parentsOf(names.outer)).toEqual([chains.outer, chains.outer]);
      expect(parentsOf("execute_tool look")).toEqual([chains.outer]);
      expect(parentsOf(names.inner)).toEqual(["execute_tool look"]);
      expect(parentsOf(names.leaf)).toEqual([chains.inner]);
      // They end from within: the tool's own chain first.
      const parents = [...new Set([chains.inner, chains.outer])].flatMap(parentsOf);
      expect(parents).toEqual(["execute_tool look", isNamed ? "module work" : undefined]);
      expect(ended()).toHaveLength(started());
    });

    it("is what a middleware's own spans belong to, and a tool is what a tool's own belong to", async () => {
      await run(new ScriptedInferenceClient([{ thinking: "So.", text: "Hm.", toolCalls: [{ name: "look" }] }, "ok"], { model: "outer" }));
      expect(parentsOf("in the tool")).toEqual(["execute_tool look"]);
      expect(parentsOf("in the tool, later")).toEqual(["execute_tool look"]);
      expect(parentsOf("a middleware sees text")).toEqual([chains.outer, chains.outer]);
      for (const type of ["thinking", "tool-use", "tool-result"]) expect(parentsOf(`a middleware sees ${type}`)).toEqual([chains.outer]);
    });

    it("ends its spans, those of tools too, when a middleware fails it", async () => {
      const refuse = ({ type }: ContentBlock): void => {
        if (type === "tool-result") throw new Error("not that");
      };
      const outer = new ScriptedInferenceClient([{ toolCalls: [{ name: "look" }] }], { model: "outer" });
      await run(outer, { middlewares: [refuse] }).catch(() => {});
      expect(ended()).toHaveLength(started());
      const failed = ended().filter(({ status }) => status.code === SpanStatusCode.ERROR);
      expect(failed.map(({ name }) => name)).toEqual(expect.arrayContaining([chains.outer, "execute_tool look"]));
    });
  });

  it.each<[string, (signal: AbortSignal, work: (options: { signal?: AbortSignal }) => Promise<unknown>) => Promise<unknown>]>([
    ["its signal alone, as in a browser", (signal, work) => outside(() => work({ signal }))],
    ["where it runs alone", (_signal, work) => work({})],
  ])("finds what a tool of a module calls by %s", async (_, within) => {
    const inner = new ScriptedInferenceClient(["one", "two"], { model: "inner" });
    const outer = new ScriptedInferenceClient([{ toolCalls: [{ name: "look" }] }, "ok"], { model: "outer" });
    const look = defineTool({
      name: "look",
      description: "Looks",
      input: { type: "object" },
      run: async (_input, { signal }) => {
        await within(signal, (options) => inner.generate(ask, options));
        await within(signal, (options) => inner.toolChain(ask, [], options));
        return "seen";
      },
    });
    const work = defineModule({
      name: "work",
      process: async ({ signal }) => ({ status: "success", result: (await outer.toolChain(ask, [look], { signal })).text }),
    });
    await new Agent({ nodes: [new Node({ name: "n", modules: [work] })] }).runTask(new Task({ type: "t", objective: "o" }));
    const byId = new Map(ended().map((span) => [span.spanContext().spanId, span.name]));
    const parents = (name: string) =>
      ended().flatMap((span) => (span.name === name ? [byId.get(span.parentSpanContext?.spanId ?? "")] : []));
    expect(parents("chat inner")).toEqual(["execute_tool look", "invoke_agent look"]);
    expect(parents("invoke_agent look")).toEqual(["execute_tool look"]);
  });

  it("starts no span for a chain whose options or checkpoint are refused, or ends it", async () => {
    const client = new ScriptedInferenceClient([]);
    const modes = { plan: { description: "Plans", tools: [] } };
    const damaged = { load: async () => ({ format: 1, key: "k" }), save: async () => {} };
    for (const options of [{ modeSwap: { modes, initial: "rest" } }, { checkpoint: damaged }, { maxIterations: 0 }]) {
      await expect(client.toolChain(ask, [], options)).rejects.toThrow();
    }
    expect(ended()).toHaveLength(started());
  });

  it("belong to the visit that makes them, where a module is an async generator", async () => {
    const client = new ScriptedInferenceClient(["one", "two"]);
    const turns = defineModule({
      name: "turns",
      trace: true,
      async *process({ signal }) {
        for (const _turn of [1, 2]) yield { status: "success", result: (await client.generate(ask, { signal })).text };
      },
    });
    const again = new FlowControlModule({
      name: "again",
      flowConfig: { decisions: [{ nextNode: "turns", condition: "visited ~= true" }] },
    });
    const mark = defineModule({
      name: "mark",
      process: async ({ values, node }) => {
        if (node.visit > 1) await values.set("visited", true);
        return { status: "success" };
      },
    });
    const nodes = [
      new Node({ name: "turns", modules: [turns] }),
      new Node({ name: "mark", modules: [mark], dependencies: ["turns"] }),
      new Node({ name: "again", modules: [again], dependencies: ["mark"] }),
    ];
    await new Agent({ nodes }).runTask(new Task({ type: "t", objective: "o" }));
    const idOf = ({ attributes }: { attributes: Record<string, unknown> }) => attributes["asimov.node.visit"];
    const modules = ended().filter(({ name }) => name === "module turns");
    const calls = ended().filter(({ name }) => name === "chat scripted");
    expect(modules.map(idOf)).toEqual([1, 2]);
    expect(calls.map(({ parentSpanContext }) => parentSpanContext?.spanId)).toEqual(modules.map((span) => span.spanContext().spanId));
  });

  it("counts tokens by kind, and time in seconds, apart for each model and each way to fail", async () => {
    const usage = { inputTokens: 70, outputTokens: 30, cacheReadTokens: 20, reasoningTokens: 5 };
    const client = new ScriptedInferenceClient([{ text: "One", usage }, { text: "Two", usage }, { error: { status: 400 } }], {
      model: "counted",
    });
    let now = 0;
    const clock = vi.spyOn(performance, "now").mockImplementation(() => {
      now += 500;
      return now;
    });
    try {
      await client.generate(ask);
      await client.stream(ask).result;
      await client.generate(ask).catch(() => {});
    } finally {
      clock.mockRestore();
    }
    const about = { "gen_ai.operation.name": "chat", "gen_ai.provider.name": "scripted", "gen_ai.request.model": "counted" };
    const told = await figures();
    const of = (name: string) =>
      (told[name] ?? []).flatMap(({ attributes, value }) => {
        const { "gen_ai.request.model": model, ...rest } = attributes as Record<string, unknown>;
        const { count, sum, buckets } = value as { count: number; sum: number; buckets: { boundaries: number[] } };
        return model === "counted"
          ? [{ attributes: { ...rest, "gen_ai.request.model": model }, count, sum, bounds: buckets.boundaries }]
          : [];
      });
    expect(of("gen_ai.client.token.usage")).toMatchObject([
      { attributes: { ...about, "gen_ai.token.type": "input" }, count: 2, sum: 140 },
      { attributes: { ...about, "gen_ai.token.type": "output" }, count: 2, sum: 60 },
    ]);
    const durations = of("gen_ai.client.operation.duration");
    expect(durations.map(({ attributes, count }) => [attributes, count])).toEqual([
      [about, 2],
      [{ ...about, "error.type": "invalid-request" }, 1],
    ]);
    // Each look at the clock is half a second later than the one before.
    for (const { sum, count } of durations) expect(sum / count).toBeLessThan(100);
    for (const { sum, count } of durations) expect(sum / count).toBeGreaterThanOrEqual(0.5);
    expect(of("gen_ai.client.operation.time_to_first_chunk")).toMatchObject([{ attributes: about, count: 1 }]);
    expect(durations[0]?.bounds).toEqual([0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92]);
    expect(of("gen_ai.client.token.usage")[0]?.bounds).toEqual(Array.from({ length: 14 }, (_, power) => 4 ** power));
  });

  it("tells where a call went, and what came back but what was said", async () => {
    const script = [
      { thinking: "Hm.", text: "One", usage: { inputTokens: 70, outputTokens: 30, cacheReadTokens: 20, reasoningTokens: 5 } },
    ];
    const server = await startInferenceServer("anthropic", script);
    const client = new AnthropicInferenceClient({ model: "claude-sonnet-4-6", apiKey: KEY, baseURL: server.url });
    await client.stream(ask, { maxTokens: 50, stopSequences: ["END"] }).result;
    await server.close();
    expect(spans().get("chat claude-sonnet-4-6")?.attributes).toMatchObject({
      "gen_ai.provider.name": "anthropic",
      "gen_ai.request.max_tokens": 50,
      "gen_ai.request.stop_sequences": ["END"],
      "gen_ai.request.stream": true,
      "gen_ai.output.type": "text",
      "gen_ai.response.id": expect.any(String),
      "gen_ai.response.model": "claude-sonnet-4-6",
      "gen_ai.response.finish_reasons": ["end_turn"],
      "gen_ai.response.time_to_first_chunk": expect.any(Number),
      "gen_ai.usage.input_tokens": 70,
      "gen_ai.usage.output_tokens": 30,
      "gen_ai.usage.cache_read.input_tokens": 20,
      "gen_ai.usage.cache_write.input_tokens": 0,
      "asimov.usage.cost_usd": expect.any(Number),
      "server.address": "127.0.0.1",
      "server.port": Number(new URL(server.url).port),
    });
  });

  it("counts tokens and time, and tells attempts that were made again", async () => {
    const client = new ScriptedInferenceClient([{ error: { status: 429 } }, "ok"], { retry: { initialDelayMs: 0 } });
    await client.generate(ask);
    const span = spans().get("chat scripted");
    expect(span?.attributes["http.request.resend_count"]).toBe(1);
    expect(span?.events.map(({ name }) => name)).toEqual(["retry"]);
    expect(Object.keys(await figures())).toEqual(expect.arrayContaining(["gen_ai.client.operation.duration", "gen_ai.client.token.usage"]));
  });

  it("tells each wait, with its reason and its length, also one that the call's end cuts short", async () => {
    const clock = new ManualClock();
    const asked = (retryAfterMs: number) => ({ error: { status: 429, retryAfterMs } });
    const client = new ScriptedInferenceClient([asked(3000), { error: { status: 429 } }, asked(60_000), "never"], {
      retry: { maxAttempts: 4, initialDelayMs: 200 },
      services: { clock, random: () => 0.5 },
    });
    const controller = new AbortController();
    const failed = client.generate(ask, { signal: controller.signal }).catch(() => {});
    await clock.pass(3000);
    await clock.pass(200);
    await clock.pass(400);
    controller.abort();
    await failed;
    const told = spans()
      .get("chat scripted")
      ?.events.map(({ name, attributes }) => [name, attributes]);
    const pause = (reason: string, ms: number) => ["pause", { "asimov.pause.reason": reason, "asimov.pause.ms": ms }];
    const retry = (ms: number) => ["retry", { "error.type": "rate-limited", "asimov.retry.delay_ms": ms }];
    expect(told?.slice(0, 6)).toEqual([
      ...[retry(3000), pause("retry-after", 3000)],
      ...[retry(200), pause("backoff", 200)],
      ...[retry(60_000), pause("retry-after", 400)],
    ]);
  });

  it("holds no key and no prompt, nor does the error or a snapshot, though the provider repeats both", async () => {
    const server = await serveWire((_request, response) =>
      json(response, 401, { type: "error", error: { type: "authentication_error", message: `bad key ${KEY} for ${SECRET}` } }),
    );
    const client = new AnthropicInferenceClient({ model: "claude-opus-5", apiKey: KEY, baseURL: server.url });
    const store = new MemoryStore({ keep: 10_000 });
    const work = defineModule({
      name: "work",
      process: async ({ signal }) => ({ status: "success", result: (await client.generate(ask, { signal })).text }),
    });
    const hasFailed = Promise.withResolvers<void>();
    const after = defineModule({
      name: "after",
      async process() {
        await hasFailed.promise;
        return { status: "success" };
      },
    });
    const agent = new Agent({
      store: store,
      snapshot: "NEVER",
      nodes: [
        new Node({ name: "fails", modules: [work] }),
        new Node({ name: "ok", modules: [after] }),
        new Node({ name: "last", dependencies: ["ok"], modules: [after], snapshot: "ALWAYS" }),
      ],
    });
    const task = new Task({ type: "t", objective: "o" });
    const run = agent.start(task);
    for await (const { type } of run.events()) if (type === "node.failed") hasFailed.resolve();
    const outcome = await run.outcome;
    await server.close();
    const [ref] = await snapshotsOf(store, task.id);
    if (ref === undefined) throw new Error("no snapshot was stored");
    const parts = [...(await loadedFrom(store, ref)).parts.values()].join("\n");
    expect(parts).toContain("unauthorized");
    for (const text of [inspect(outcome, { depth: 12 }), inspect(ended(), { depth: 12 }), parts]) {
      expect(text).not.toContain(SECRET);
      expect(text).not.toContain(KEY);
    }
  });
});
