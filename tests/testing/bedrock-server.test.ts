/** The local Bedrock server answers Amazon's own SDK as the service does, over HTTP/1.1 and over HTTP/2. */
import { BedrockRuntimeClient, ConverseCommand, ConverseStreamCommand, type ConverseStreamOutput } from "@aws-sdk/client-bedrock-runtime";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import { afterEach, describe, expect, it } from "vitest";
import type { Script } from "#testing/script";
import { type InferenceServer, startInferenceServer } from "#testing/servers/inference-server";
import type { ServedRequest } from "#testing/servers/served-request";

let server: InferenceServer | undefined;
let client: BedrockRuntimeClient | undefined;

/** @param version of HTTP: the SDK's own default is 2 */
async function serve(script: Script<ServedRequest>, version: 1 | 2 = 1, options = {}): Promise<BedrockRuntimeClient> {
  server = await startInferenceServer("bedrock", script, options);
  client = new BedrockRuntimeClient({
    region: "us-east-1",
    endpoint: server.url,
    credentials: { accessKeyId: "AKIAPLANTED", secretAccessKey: "planted-secret" },
    maxAttempts: 1,
    ...(version === 1 ? { requestHandler: new NodeHttpHandler() } : {}),
  });
  return client;
}

afterEach(async () => {
  client?.destroy();
  await server?.close();
});

const modelId = "global.anthropic.claude-haiku-4-5-20251001-v1:0";
const ask = { modelId, messages: [{ role: "user" as const, content: [{ text: "What is 1 + 2?" }] }] };
const input = { a: 1, b: 2, note: "three words here" };
const usage = { inputTokens: 100, outputTokens: 20, cacheReadTokens: 60, cacheWriteTokens: 30, cacheWriteLongTokens: 10 };
const turn = { thinking: "Hm, hm.", text: "Let me add.", toolCalls: [{ name: "add", input, id: "tooluse_1" }], usage };
const told = { inputTokens: 10, outputTokens: 20, totalTokens: 120, cacheReadInputTokens: 60, cacheWriteInputTokens: 30 };

async function eventsOf(from: BedrockRuntimeClient): Promise<ConverseStreamOutput[]> {
  const { stream } = await from.send(new ConverseStreamCommand(ask));
  const events: ConverseStreamOutput[] = [];
  for await (const event of stream ?? []) events.push(event);
  return events;
}

async function errorOf(promise: Promise<unknown>): Promise<Error & { $response?: { headers: Record<string, string> } }> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(Error);
  return error as Error;
}

describe("bedrock server", () => {
  it("answers whole, with usage without the cached tokens", async () => {
    const { output, stopReason, usage: used } = await (await serve([turn])).send(new ConverseCommand(ask));
    expect(output?.message?.content).toEqual([
      { reasoningContent: { reasoningText: { text: "Hm, hm.", signature: btoa("scripted signature 1") } } },
      { text: "Let me add." },
      { toolUse: { toolUseId: "tooluse_1", name: "add", input } },
    ]);
    expect(stopReason).toBe("tool_use");
    expect(used).toMatchObject({
      ...told,
      cacheDetails: [
        { ttl: "5m", inputTokens: 20 },
        { ttl: "1h", inputTokens: 10 },
      ],
    });
    expect(server?.requests[0]?.model).toBe(modelId);
  });

  it.each([1, 2] as const)("streams frames with right checksums over HTTP/%i", async (version) => {
    const events = await eventsOf(await serve([turn], version));
    const deltas = events.flatMap(({ contentBlockDelta }) => contentBlockDelta?.delta ?? []);
    expect(deltas.map(({ reasoningContent }) => reasoningContent?.text ?? "").join("")).toBe("Hm, hm.");
    expect(deltas.map(({ reasoningContent }) => reasoningContent?.signature ?? "").join("")).toBe(btoa("scripted signature 1"));
    expect(deltas.map(({ text }) => text ?? "").join("")).toBe("Let me add.");
    expect(JSON.parse(deltas.map(({ toolUse }) => toolUse?.input ?? "").join(""))).toEqual(input);
    expect(events.flatMap(({ contentBlockStart }) => contentBlockStart?.start ?? [])).toEqual([
      { toolUse: { toolUseId: "tooluse_1", name: "add" } },
    ]);
    expect(events.at(0)).toEqual({ messageStart: { role: "assistant" } });
    expect(events.at(-2)).toEqual({ messageStop: { stopReason: "tool_use" } });
    expect(events.at(-1)?.metadata?.usage).toMatchObject(told);
  });

  it("keeps frames whole that arrive byte by byte", async () => {
    const events = await eventsOf(await serve([{ text: "Zwölf 🎉 日本" }], 1, { bytesPerWrite: 1 }));
    expect(events.map(({ contentBlockDelta }) => contentBlockDelta?.delta?.text ?? "").join("")).toBe("Zwölf 🎉 日本");
  });

  it.each([
    [{ status: 429, retryAfterMs: 1500 }, "ThrottlingException"],
    [{ status: 403 }, "AccessDeniedException"],
    [{ status: 408 }, "ModelTimeoutException"],
    [{ status: 400 }, "ValidationException"],
    [{ status: 500 }, "InternalServerException"],
    [{ status: 429, reason: "ModelNotReadyException" }, "ModelNotReadyException"],
    [{ reason: "context-length-exceeded" }, "ValidationException"],
  ])("tells %j as %s", async (error, name) => {
    const from = await serve([{ error }, { error }]);
    const thrown = await errorOf(from.send(new ConverseCommand(ask)));
    expect(thrown.name).toBe(name);
    expect(thrown.$response?.headers["retry-after"]).toBe("retryAfterMs" in error ? "2" : undefined);
    expect((await errorOf(eventsOf(from))).name).toBe(name);
  });

  it("fails in the middle of a stream with an exception, and truncates one without", async () => {
    const from = await serve([
      { text: "one two", error: { status: 429, message: "Too fast.", after: 1 } },
      { text: "one", truncated: true },
    ]);
    expect(await errorOf(eventsOf(from))).toMatchObject({ name: "ThrottlingException", message: "Too fast." });
    const events = await eventsOf(from);
    expect(events.at(-1)).toEqual({ contentBlockDelta: { contentBlockIndex: 0, delta: { text: "one" } } });
  });
});
