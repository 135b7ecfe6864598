/** Calls of models, tools and chains are spans and figures by OpenTelemetry's names, ended on every way out, and silent about what was said. */
import { inspect } from "node:util";
import { SpanKind, SpanStatusCode } from "@opentelemetry/api";
import { describe, expect, it } from "vitest";
import { Agent } from "../../src/agent.ts";
import { AnthropicInferenceClient } from "../../src/anthropic.ts";
import { defineModule } from "../../src/contract/module.ts";
import { Node } from "../../src/contract/node.ts";
import { Task } from "../../src/contract/task.ts";
import { defineTool } from "../../src/contract/tool.ts";
import { ChatRole } from "../../src/contract/vocabulary.ts";
import { MemorySnapshotStore } from "../../src/snapshot/memory.ts";
import { ScriptedInferenceClient } from "../../src/testing/scripted-inference-client.ts";
import { json, serveWire } from "../support/wire-server.ts";
import { recorder } from "./recorder.ts";

const { spans, ended, started, figures } = recorder();
const SECRET = "zq-prompt-7781-zebra";
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
    expect(names).toEqual(expect.arrayContaining(["invoke_agent", "execute_tool look", "chat scripted"]));
    const chain = ended().find(({ name }) => name === "invoke_agent");
    const tool = ended().find(({ name }) => name === "execute_tool look");
    const module = ended().find(({ name }) => name === "module work");
    expect(tool?.parentSpanContext?.spanId).toBe(chain?.spanContext().spanId);
    expect(chain?.parentSpanContext?.spanId).toBe(module?.spanContext().spanId);
    expect(ended()).toHaveLength(started());
  });

  it("counts tokens and time, and tells attempts that were made again", async () => {
    const client = new ScriptedInferenceClient([{ error: { status: 429 } }, "ok"], { retry: { initialDelayMs: 0 } });
    await client.generate(ask);
    const span = spans().get("chat scripted");
    expect(span?.attributes["http.request.resend_count"]).toBe(1);
    expect(span?.events.map(({ name }) => name)).toEqual(["retry"]);
    expect(Object.keys(await figures())).toEqual(expect.arrayContaining(["gen_ai.client.operation.duration", "gen_ai.client.token.usage"]));
  });

  it("ends a call's span when its reader leaves, when it is aborted, and when it fails", async () => {
    const left = new ScriptedInferenceClient([{ text: "one two three", chunks: 3 }], { model: "left" } as object);
    for await (const _part of left.stream(ask)) break;
    const aborted = new ScriptedInferenceClient(["x"]);
    await expect(aborted.generate(ask, { signal: AbortSignal.abort(new Error("no")) })).rejects.toMatchObject({ code: "aborted" });
    const failing = new ScriptedInferenceClient([{ error: { status: 400 } }]);
    await expect(failing.generate(ask)).rejects.toThrow();
    expect(ended()).toHaveLength(started());
    expect(ended()).toHaveLength(3);
    expect(ended().map(({ attributes }) => attributes["error.type"])).toEqual(["aborted", "aborted", expect.any(String)]);
    expect(ended().every(({ status }) => status.code === SpanStatusCode.ERROR)).toBe(true);
  });

  it("holds no key and no prompt, nor does the error or a snapshot, though the provider repeats both", async () => {
    const server = await serveWire((_request, response) =>
      json(response, 401, { type: "error", error: { type: "authentication_error", message: `bad key ${KEY} for ${SECRET}` } }),
    );
    const client = new AnthropicInferenceClient({ model: "claude-opus-5", apiKey: KEY, baseURL: server.url });
    const store = new MemorySnapshotStore();
    const work = defineModule({
      name: "work",
      process: async ({ signal }) => ({ status: "success", result: (await client.generate(ask, { signal })).text }),
    });
    const after = defineModule({ name: "after", process: async () => ({ status: "success" }) });
    const agent = new Agent({
      snapshotStore: store,
      nodes: [
        new Node({ name: "fails", modules: [work] }),
        new Node({ name: "ok", modules: [after] }),
        new Node({ name: "last", dependencies: ["ok"], modules: [after], snapshot: "ALWAYS" }),
      ],
    });
    const task = new Task({ type: "t", objective: "o" });
    const outcome = await agent.runTask(task);
    await server.close();
    const [ref] = await store.list(task.id);
    if (ref === undefined) throw new Error("no snapshot was stored");
    const parts = [...(await store.load(ref)).parts.values()].join("\n");
    expect(parts).toContain("unauthorized");
    for (const text of [inspect(outcome, { depth: 12 }), inspect(ended(), { depth: 12 }), parts]) {
      expect(text).not.toContain(SECRET);
      expect(text).not.toContain(KEY);
    }
  });
});
