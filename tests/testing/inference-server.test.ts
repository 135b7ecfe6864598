/** What holds for the local servers of all formats: what they record, whom they wait for, and what they say where requests and script part. */
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { ServerResponse } from "node:http";
import { afterEach, describe, expect, it } from "vitest";
import type { Script } from "#testing/script";
import {
  type InferenceServer,
  type InferenceServerFormat,
  type InferenceServerOptions,
  startInferenceServer,
} from "#testing/servers/inference-server";
import type { ServedRequest } from "#testing/servers/served-request";

const open: InferenceServer[] = [];

async function serve(
  script: Script<ServedRequest>,
  format: InferenceServerFormat = "anthropic",
  options?: InferenceServerOptions,
): Promise<InferenceServer> {
  const server = await startInferenceServer(format, script, options);
  open.push(server);
  return server;
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close()));
});

const USER = { role: "user", content: "What is 1 + 2?" };

/** How a provider's API is asked, and where its error says what is wrong. */
const ASKING: Record<InferenceServerFormat, { path: (stream: boolean) => string; body: (stream: boolean) => object }> = {
  anthropic: { path: () => "/v1/messages", body: (stream) => ({ model: "m", stream, messages: [USER] }) },
  "openai-chat": { path: () => "/chat/completions", body: (stream) => ({ model: "m", stream, messages: [USER] }) },
  "openai-responses": { path: () => "/responses", body: (stream) => ({ model: "m", stream, input: [USER] }) },
  bedrock: {
    path: (stream) => `/model/m/converse${stream ? "-stream" : ""}`,
    body: () => ({ messages: [{ role: "user", content: [{ text: USER.content }] }] }),
  },
  gemini: {
    path: (stream) => `/v1/models/m:${stream ? "streamGenerateContent?alt=sse" : "generateContent"}`,
    body: () => ({ contents: [{ role: "user", parts: [{ text: USER.content }] }] }),
  },
};
const FORMATS = Object.keys(ASKING) as InferenceServerFormat[];

function ask(
  server: InferenceServer,
  format: InferenceServerFormat = "anthropic",
  stream = false,
  init: RequestInit = {},
): Promise<Response> {
  const { path, body } = ASKING[format];
  return fetch(server.url + path(stream), { method: "POST", body: JSON.stringify(body(stream)), ...init });
}

/** `arrived` settles when the request is there; its answer comes when the test is long over. */
function lateAnswer(): { script: Script<ServedRequest>; arrived: Promise<void> } {
  let arrive = (): void => {};
  const arrived = new Promise<void>((resolve) => {
    arrive = resolve;
  });
  const turn = (): { text: string; delayMs: number } => {
    arrive();
    return { text: "late", delayMs: 600_000 };
  };
  return { script: [turn], arrived };
}

describe.each(FORMATS)("inference server: %s", (format) => {
  it("records what it was asked, without keys", async () => {
    const server = await serve(["Hello", "Hello"], format);
    const keys = ["authorization", "x-api-key", "x-goog-api-key", "x-amz-security-token", "api-key", "cookie"];
    const headers = { "x-kept": "as it is", ...Object.fromEntries(keys.map((key) => [key, "planted-secret"])) };
    await (await ask(server, format, false, { headers })).text();
    await (await ask(server, format, true, { headers })).text();
    const { path, body } = ASKING[format];
    expect(server.requests).toMatchObject(
      [false, true].map((stream, index) => ({
        number: index + 1,
        stream,
        model: "m",
        lastMessage: { role: "user", text: "What is 1 + 2?" },
        path: expect.stringContaining(path(stream)),
        body: body(stream),
        headers: { "x-kept": "as it is", authorization: "(hidden)" },
      })),
    );
    expect(JSON.stringify(server.requests)).not.toContain("planted-secret");
    expect(server.remaining).toBe(0);
    server.assertDone();
  });

  it("counts the same question alike at every run", async () => {
    const answers = await Promise.all(
      [serve(["Hello"], format), serve(["Hello"], format)].map(async (server) => (await ask(await server, format)).text()),
    );
    expect(answers[0]).toBe(answers[1]);
  });

  it.each([false, true])("answers a request beyond the script with status 400 and says so at the end (streamed: %s)", async (stream) => {
    const server = await serve([], format);
    const response = await ask(server, format, stream);
    expect([response.status, await response.text()]).toEqual([400, expect.stringContaining("The script has 0 turns, and this is call 1")]);
    expect(() => server.assertDone()).toThrowError(expect.objectContaining({ code: "script-exhausted" }));
  });

  it("answers a path that it does not have with status 404, which takes no turn", async () => {
    const server = await serve(["Hello"], format);
    const response = await fetch(`${server.url}/elsewhere`, { method: "POST", body: "{}" });
    expect([response.status, await response.text()]).toEqual([404, expect.stringContaining("got POST")]);
    expect(server.remaining).toBe(1);
    expect(() => server.assertDone()).toThrowError(expect.objectContaining({ code: "script-unfinished" }));
  });

  it("gives an empty turn as an empty answer", async () => {
    const server = await serve([{}, {}], format);
    for (const stream of [false, true]) expect((await ask(server, format, stream)).status).toBe(200);
    server.assertDone();
  });

  it("knows when a client left a stream before its end, and lets it", async () => {
    const server = await serve([{ text: "one two", chunkDelayMs: 600_000 }, "Hello"], format);
    const response = await ask(server, format, true);
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    await reader.read();
    await reader.cancel();
    expect(await server.requests[0]?.ended).toBe("cut");
    await (await ask(server, format, true)).text();
    expect(await server.requests[1]?.ended).toBe("whole");
  });
});

describe("inference server", () => {
  it("answers by what it is asked, when a turn is a function", async () => {
    const server = await serve([({ lastMessage, body, number }) => `${number}: ${lastMessage.text} ${String(body.model)}`]);
    expect(await (await ask(server)).json()).toMatchObject({ content: [{ text: "1: What is 1 + 2? m" }] });
  });

  it("answers what a turn does not expect with status 400 and the reason", async () => {
    const server = await serve([{ text: "Hello", expect: "What is 2 + 2?" }]);
    const response = await ask(server);
    expect([response.status, await response.text()]).toEqual([400, expect.stringContaining("What is 2 + 2?")]);
    expect(() => server.assertDone()).toThrowError(expect.objectContaining({ code: "script-mismatch" }));
  });

  it("reads the text of tool results as the last message", async () => {
    const result = (content: unknown) => ({ model: "m", messages: [{ role: "user", content: [{ type: "tool_result", content }] }] });
    const server = await serve([
      { text: "a", expect: "three" },
      { text: "b", expect: "three" },
    ]);
    for (const content of ["three", [{ type: "text", text: "three" }]]) {
      expect((await ask(server, "anthropic", false, { body: JSON.stringify(result(content)) })).status).toBe(200);
    }
    server.assertDone();
  });

  it("waits before it answers, and not for a client that left", async () => {
    const { script, arrived } = lateAnswer();
    const server = await serve(script);
    const controller = new AbortController();
    const asked = ask(server, "anthropic", false, { signal: controller.signal });
    asked.catch(() => {});
    await arrived;
    controller.abort();
    expect(await server.requests[0]?.ended).toBe("cut");
    await expect(asked).rejects.toThrow();
  });

  it("sends no more than is read", async () => {
    // Far more than sockets keep in between.
    const server = await serve([{ text: "x".repeat(32 * 1024 * 1024), chunks: 512 }]);
    const answers: ServerResponse[] = [];
    const listen = (message: unknown): void => {
      answers.push((message as { response: ServerResponse }).response);
    };
    subscribe("http.server.request.start", listen);
    const response = await ask(server, "anthropic", true);
    unsubscribe("http.server.request.start", listen);
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    await reader.read();
    expect(answers[0]?.writableLength).toBeLessThan(4 * 1024 * 1024);
    expect(answers[0]?.writableEnded).toBe(false);
    await reader.cancel();
    expect(await server.requests[0]?.ended).toBe("cut");
  });

  it("hides a key in the query", async () => {
    const server = await serve(["Hello"], "gemini");
    await fetch(`${server.url}/v1/models/m:generateContent?key=planted-secret`, { method: "POST", body: "{}" });
    expect(server.requests[0]?.path).toBe("/v1/models/m:generateContent?key=(hidden)");
  });

  it("refuses a body that is no JSON", async () => {
    const server = await serve(["Hello"]);
    expect((await ask(server, "anthropic", false, { body: "{" })).status).toBe(400);
    expect(server.remaining).toBe(1);
  });

  it("ends what is under way when it is closed, twice if need be", async () => {
    const { script, arrived } = lateAnswer();
    const server = await serve(script);
    const asked = ask(server);
    asked.catch(() => {});
    await arrived;
    await server.close();
    await server.close();
    await expect(asked).rejects.toThrow();
  });

  it("refuses a format, an option and a turn that it does not know", async () => {
    const start = startInferenceServer as (format: string, script: unknown, options?: unknown) => Promise<InferenceServer>;
    await expect(start("gpt", [])).rejects.toMatchObject({ code: "invalid-options" });
    await expect(start("anthropic", [], { prot: 1 })).rejects.toMatchObject({ code: "invalid-options" });
    await expect(start("anthropic", ["a", { txet: "b" }])).rejects.toThrow(/turn 2.*txet/);
  });
});
