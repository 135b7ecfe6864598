import { BedrockRuntimeClient } from "@aws-sdk/client-bedrock-runtime";
import { NodeHttp2Handler, NodeHttpHandler } from "@smithy/node-http-handler";
import { type BedrockClientLike, type BedrockClientOptions, BedrockInferenceClient } from "asimov-agents/bedrock";
import { describe, expect, it, vi } from "vitest";
import {
  answer,
  CREDENTIALS,
  clientOf,
  endFrames,
  forgetEnvironment,
  HELLO,
  MODEL,
  refuse,
  START,
  send,
  sendAll,
  serve,
  serveHttp2,
  textFrame,
} from "./converse-server.ts";

const PATIENT = { maxAttempts: 3, initialDelayMs: 0 };

/** As users make it, with the SDK's own retries. */
function sdkClient(endpoint: string): BedrockRuntimeClient {
  forgetEnvironment();
  return new BedrockRuntimeClient({
    region: "us-east-1",
    endpoint,
    credentials: { ...CREDENTIALS },
    requestHandler: new NodeHttpHandler(),
    maxAttempts: 5,
  });
}

describe("a Bedrock client", () => {
  it("sends its own key as a bearer token, also where the environment holds another", async () => {
    const server = await serve((_request, response) => answer(response));
    forgetEnvironment();
    vi.stubEnv("AWS_BEARER_TOKEN_BEDROCK", "of-the-environment");
    const options = { model: MODEL, region: "us-east-1", endpoint: server.url };
    await new BedrockInferenceClient({ ...options, apiKey: "of-the-client" }).generate(HELLO);
    expect(server.requests[0]?.headers.authorization).toBe("Bearer of-the-client");
    await new BedrockInferenceClient({ ...options, credentials: CREDENTIALS }).generate(HELLO);
    expect(server.requests[1]?.headers.authorization).toMatch(/^AWS4-HMAC-SHA256/);
    await new BedrockInferenceClient(options).generate(HELLO);
    expect(server.requests[2]?.headers.authorization).toBe("Bearer of-the-environment");
  });

  it("asks a function for credentials", async () => {
    const server = await serve((_request, response) => answer(response));
    await clientOf(server.url, { credentials: async () => ({ ...CREDENTIALS, accessKeyId: "AKIAFROMFUNCTION" }) }).generate(HELLO);
    expect(server.requests[0]?.headers.authorization).toContain("AKIAFROMFUNCTION");
  });

  it("sends each attempt once: the SDK makes none of its own", async () => {
    const server = await serve((_request, response) => refuse(response, 503, "ServiceUnavailableException", "Busy"));
    await expect(clientOf(server.url, { retry: PATIENT }).stream(HELLO).result).rejects.toMatchObject({ attempts: 3 });
    expect(server.requests.map(({ headers }) => headers["amz-sdk-request"])).toEqual(Array(3).fill("attempt=1; max=1"));
  });

  it.each([
    [{ model: "" }, "model"],
    [{ model: MODEL, regoin: "us-east-1" }, "regoin"],
    [{ model: MODEL, endpoint: "ftp://example.com" }, "http or https"],
    [{ model: MODEL, client: {} }, "method send"],
    [{ model: MODEL, client: { send: async () => ({}) }, region: "us-east-1" }, "either client or those"],
    [{ model: MODEL, apiKey: "k", credentials: CREDENTIALS }, "either credentials or apiKey"],
    [{ model: MODEL, credentials: { accessKeyId: "A" } }, "credentials"],
  ])("refuses %j", (options, words) => {
    expect(() => new BedrockInferenceClient(options as BedrockClientOptions)).toThrow(
      expect.objectContaining({ code: "invalid-options", message: expect.stringContaining(words) }),
    );
  });
});

describe("a ready-made client of the SDK", () => {
  it("is used as it is, and is one by its type", async () => {
    const server = await serve((_request, response, n) =>
      n === 0 ? answer(response) : sendAll(response, START, textFrame("Hi"), ...endFrames()),
    );
    const ready: BedrockClientLike = sdkClient(server.url);
    const client = new BedrockInferenceClient({ model: MODEL, client: ready });
    expect((await client.generate(HELLO)).text).toBe("Hi");
    expect((await client.stream(HELLO).result).text).toBe("Hi");
  });

  it("makes no retries of its own: each of our attempts is one request", async () => {
    const server = await serve((_request, response) => refuse(response, 503, "ServiceUnavailableException", "Busy"));
    const client = new BedrockInferenceClient({ model: MODEL, client: sdkClient(server.url), retry: PATIENT });
    await expect(client.generate(HELLO)).rejects.toMatchObject({ attempts: 3, cause: { status: 503 } });
    expect(server.requests).toHaveLength(3);
  });

  it("keeps its own retries for its own calls", async () => {
    const server = await serve((_request, response, n) =>
      n % 2 === 0 ? refuse(response, 500, "InternalServerException", "Oops") : answer(response),
    );
    const sdk = sdkClient(server.url);
    const client = new BedrockInferenceClient({ model: MODEL, client: sdk, retry: { maxAttempts: 1 } });
    await expect(client.generate(HELLO)).rejects.toMatchObject({ status: 500 });
    expect(server.requests).toHaveLength(1);
    await expect(client.generate(HELLO)).resolves.toMatchObject({ text: "Hi" });
    const { ConverseCommand } = await import("@aws-sdk/client-bedrock-runtime");
    await sdk.send(new ConverseCommand({ modelId: MODEL, messages: [{ role: "user", content: [{ text: "Hello" }] }] }));
    expect(server.requests).toHaveLength(4);
  });

  it("that shares its sessions of HTTP/2 breaks as any other does", async () => {
    const server = await serveHttp2((stream) => stream.close(8));
    forgetEnvironment();
    const sdk = new BedrockRuntimeClient({
      region: "us-east-1",
      endpoint: server.url,
      credentials: { ...CREDENTIALS },
      requestHandler: new NodeHttp2Handler(),
    });
    const client = new BedrockInferenceClient({ model: MODEL, client: sdk, retry: { maxAttempts: 1 } });
    await expect(client.generate(HELLO)).rejects.toMatchObject({ retryable: true, code: "network" });
    sdk.destroy();
  });

  it("frees its socket when the reader leaves", async () => {
    const server = await serve((_request, response) => send(response, START, textFrame("Hi")));
    const client = new BedrockInferenceClient({ model: MODEL, client: sdkClient(server.url) });
    for await (const _text of client.stream(HELLO).text) break;
    await server.requests[0]?.closed;
  });

  it("is bounded like any other", async () => {
    const server = await serve((_request, response) => send(response, START, Buffer.from([0x7f, 0, 0, 0])));
    const client = new BedrockInferenceClient({ model: MODEL, client: sdkClient(server.url) });
    await expect(client.stream(HELLO).result).rejects.toMatchObject({ code: "hostile-response" });
  });
});
