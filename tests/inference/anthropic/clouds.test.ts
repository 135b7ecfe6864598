/** Claude on Vertex and on Bedrock, by ready-made clients: they keep their place and their keys, and are bounded, watched and ended as any other. */
import type { ServerResponse } from "node:http";
import { type AnthropicClientOptions, AnthropicInferenceClient } from "asimov-agents/anthropic";
import { describe, expect, it } from "vitest";
import { EVENT_STREAM, exceptionFrame, frame } from "../../support/event-stream.ts";
import { json, type WireServer } from "../../support/wire-server.ts";
import { BedrockLike, VertexLike } from "./cloud-clients.ts";
import {
  answer,
  blockStart,
  forgetEnvironment,
  HELLO,
  type Json,
  PATIENT,
  refuse,
  START,
  sendAll,
  serve,
  text,
  textStream,
} from "./messages-server.ts";

const MODEL = "global.anthropic.claude-sonnet-5-5-20260801-v1:0";

function onBedrock(baseURL: string, options: Partial<AnthropicClientOptions> = {}): AnthropicInferenceClient {
  forgetEnvironment();
  const client = new BedrockLike({ awsRegion: "eu-central-1", apiKey: "unused", baseURL, maxRetries: 5 });
  return new AnthropicInferenceClient({ model: MODEL, client, retry: { maxAttempts: 1 }, ...options });
}

const chunkFrame = (event: Json): Buffer => {
  const bytes = Buffer.from(JSON.stringify(event)).toString("base64");
  return frame(
    { ":event-type": "chunk", ":content-type": "application/json", ":message-type": "event" },
    Buffer.from(JSON.stringify({ bytes })),
  );
};

function sendFrames(response: ServerResponse, ...frames: Buffer[]): void {
  if (!response.headersSent) response.writeHead(200, { "content-type": EVENT_STREAM });
  response.write(Buffer.concat(frames));
}

const OPENING = [START, blockStart({ type: "text", text: "" })].map(chunkFrame);
const serveFrames = (...frames: Buffer[]): Promise<WireServer> =>
  serve((_request, response) => {
    sendFrames(response, ...frames);
    response.end();
  });

describe("Claude on Bedrock by a ready-made client", () => {
  it("answers whole and in frames, in the client's region, under its own address", async () => {
    const server = await serve((_request, response, n) => {
      if (n === 0) return answer(response);
      sendFrames(response, ...textStream("Hel", "lo").map(chunkFrame));
      response.end();
    });
    const client = onBedrock(server.url);
    expect((await client.generate(HELLO)).text).toBe("Hi");
    expect(await client.stream(HELLO).result).toMatchObject({ text: "Hello", usage: { inputTokens: 3, outputTokens: 2 } });
    const path = `/model/${encodeURIComponent(MODEL)}/invoke`;
    expect(server.requests.map(({ url }) => url)).toEqual([path, `${path}-with-response-stream`]);
    for (const { headers, body } of server.requests) {
      expect(headers.authorization).toBe("AWS4-HMAC-SHA256 in eu-central-1");
      expect(body).not.toHaveProperty("model");
    }
    expect(client.usage.cost).toBeGreaterThan(0);
  });

  it("is asked as often as there are attempts: the client's own retries are off", async () => {
    const server = await serve((_request, response) => json(response, 429, { message: "Too many requests" }));
    await expect(onBedrock(server.url, { retry: PATIENT }).stream(HELLO).result).rejects.toMatchObject({
      attempts: 3,
      cause: { code: "rate-limited" },
    });
    expect(server.requests).toHaveLength(3);
  });

  it("ends within its bounds where a stream of frames has no end, and frees the socket", async () => {
    const server = await serve((_request, response) => {
      sendFrames(response, ...OPENING);
      const piece = chunkFrame(text("x".repeat(10_000)));
      const write = (): void => {
        while (!response.destroyed) if (!response.write(piece)) return void response.once("drain", write);
      };
      write();
    });
    const client = onBedrock(server.url, { maxResponseBytes: 500_000 });
    await expect(client.stream(HELLO).result).rejects.toMatchObject({ code: "hostile-response", retryable: false });
    await server.requests[0]?.closed;
  });

  it("holds no memory for a frame that says to be of a gigabyte", async () => {
    const huge = chunkFrame(text("Hi"));
    huge.writeUInt32BE(1_000_000_000, 0);
    const server = await serve((_request, response) => sendFrames(response, ...OPENING, huge));
    await expect(onBedrock(server.url).stream(HELLO).result).rejects.toMatchObject({
      code: "hostile-response",
      message: expect.stringContaining("1000000000"),
    });
    await server.requests[0]?.closed;
  });

  it("is left when it goes silent, when its reader leaves, and when it is aborted", async () => {
    const server = await serve((_request, response) => sendFrames(response, ...OPENING, chunkFrame(text("Hi"))));
    await expect(onBedrock(server.url).stream(HELLO, { idleTimeoutMs: 100 }).result).rejects.toMatchObject({ code: "stream-idle" });
    await server.requests[0]?.closed;
    for await (const piece of onBedrock(server.url).stream(HELLO).text) {
      expect(piece).toBe("Hi");
      break;
    }
    await server.requests[1]?.closed;
    const controller = new AbortController();
    const reading = (async () => {
      for await (const _text of onBedrock(server.url).stream(HELLO, { signal: controller.signal }).text) controller.abort();
    })();
    await expect(reading).rejects.toMatchObject({ code: "aborted" });
    await server.requests[2]?.closed;
  });

  it("takes its signature to no other host", async () => {
    const other = await serve((_request, response) => answer(response));
    const server = await serve((_request, response) => {
      response.writeHead(307, { location: `${other.url}/elsewhere` }).end();
    });
    await expect(onBedrock(server.url).stream(HELLO).result).rejects.toMatchObject({ code: "hostile-response" });
    expect(other.requests).toEqual([]);
  });

  it("tells an exception among its frames apart, with what had come", async () => {
    const server = await serveFrames(
      ...OPENING,
      chunkFrame(text("Hel")),
      exceptionFrame("throttlingException", { message: "Too many tokens, please wait" }),
    );
    await expect(onBedrock(server.url).stream(HELLO).result).rejects.toMatchObject({
      code: "rate-limited",
      retryable: true,
      partial: [{ type: "text", text: "Hel" }],
    });
  });

  it("is truncated when it ends within a frame", async () => {
    const server = await serveFrames(...OPENING, chunkFrame(text("Hello")).subarray(0, 40));
    await expect(onBedrock(server.url).stream(HELLO).result).rejects.toMatchObject({ code: "stream-truncated", retryable: true });
  });

  it.each([
    ["The message checksum (1) did not match the expected value of 2", { code: "network", retryable: true }],
    ["Could not parse a Bedrock chunk into JSON: {planted", { code: "hostile-response", retryable: true }],
  ])("may be asked again where its client says: %s", async (words, expected) => {
    const create = async (): Promise<AsyncIterable<unknown>> =>
      (async function* () {
        yield START;
        throw new Error(words);
      })();
    const client = new AnthropicInferenceClient({ model: MODEL, client: { messages: { create } }, retry: { maxAttempts: 1 } });
    await expect(client.stream(HELLO).result).rejects.toMatchObject({
      ...expected,
      message: expect.not.stringContaining("planted"),
    });
  });
});

describe("Claude on Vertex by a ready-made client", () => {
  it("answers whole and streamed, in the client's project and region, with its token", async () => {
    const server = await serve((_request, response, n) => (n === 0 ? answer(response) : sendAll(response, ...textStream("Hi"))));
    forgetEnvironment();
    let tokens = 0;
    const token = async (): Promise<string> => {
      tokens += 1;
      return `token-${tokens}`;
    };
    const ready = new VertexLike({ place: { region: "europe-west1", projectId: "p1", token }, baseURL: server.url, maxRetries: 5 });
    const client = new AnthropicInferenceClient({ model: "claude-sonnet-5-5@20260801", client: ready });
    expect((await client.generate(HELLO)).text).toBe("Hi");
    expect((await client.stream(HELLO).result).text).toBe("Hi");
    const path = "/projects/p1/locations/europe-west1/publishers/anthropic/models/claude-sonnet-5-5@20260801";
    expect(server.requests.map(({ url, headers }) => [url, headers.authorization])).toEqual([
      [`${path}:rawPredict`, "Bearer token-1"],
      [`${path}:streamRawPredict`, "Bearer token-2"],
    ]);
    expect(client.usage.cost).toBeGreaterThan(0);
  });

  it("is asked as often as there are attempts, with a new token for each", async () => {
    const server = await serve((_request, response) => refuse(response, 529, "overloaded_error"));
    forgetEnvironment();
    let tokens = 0;
    const place = { region: "r", projectId: "p1", token: async () => `token-${++tokens}` };
    const ready = new VertexLike({ place, baseURL: server.url, maxRetries: 5 });
    const client = new AnthropicInferenceClient({ model: "claude-sonnet-5-5", client: ready, retry: PATIENT });
    await expect(client.generate(HELLO)).rejects.toMatchObject({ attempts: 3 });
    expect(server.requests.map(({ headers }) => headers.authorization)).toEqual(["Bearer token-1", "Bearer token-2", "Bearer token-3"]);
  });
});
