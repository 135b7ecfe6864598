import { describe, expect, it } from "vitest";
import { toFault } from "#inference/openai/errors";
import { json } from "../../support/wire-server.ts";
import { APIS, type Api, chunk, clientOf, completed, HELLO, type Json, KEY, refuse, resultOf, serve, text } from "./openai-server.ts";

const caught = (promise: Promise<unknown>): Promise<unknown> => promise.catch((error: unknown) => error);

/** What both kinds of calls of both APIs fail with. */
async function failures(status: number, error: Json, headers?: Record<string, string>): Promise<unknown[]> {
  const server = await serve((_request, response) => refuse(response, status, error, headers));
  const clients = APIS.map((api) => clientOf(server.url, { api }));
  return Promise.all(clients.flatMap((client) => [caught(client.generate(HELLO)), caught(client.stream(HELLO).result)]));
}

describe("an error of OpenAI", () => {
  it.each<[number, Json, object]>([
    [400, { type: "invalid_request_error" }, { code: "invalid-request", retryable: false }],
    [400, { code: "context_length_exceeded" }, { code: "context-length-exceeded", retryable: false }],
    [400, { message: "the request exceeds the available context size" }, { code: "context-length-exceeded", retryable: false }],
    [401, { code: "invalid_api_key" }, { code: "unauthorized", retryable: false }],
    [402, { code: 402 }, { code: "quota-exceeded", retryable: false }],
    [403, { type: "permission_error" }, { code: "unauthorized", retryable: false }],
    [404, { code: "model_not_found" }, { code: "model-not-found", retryable: false }],
    [408, {}, { retryable: true }],
    [409, {}, { retryable: true }],
    [422, {}, { code: "invalid-request", retryable: false }],
    [429, { code: "rate_limit_exceeded", type: "tokens" }, { code: "rate-limited", retryable: true }],
    [429, { code: "insufficient_quota" }, { code: "quota-exceeded", retryable: false }],
    [429, { type: "insufficient_quota" }, { code: "quota-exceeded", retryable: false }],
    [500, { type: "server_error" }, { code: "inference-failed", retryable: true }],
    [503, {}, { code: "overloaded", retryable: true }],
  ])("with status %i, %j, is one of its class", async (status, body, expected) => {
    for (const error of await failures(status, body)) expect(error).toMatchObject({ ...expected, status, requestId: "req_test" });
  });

  it("says whether another attempt helps, whatever its status", async () => {
    for (const error of await failures(400, {}, { "x-should-retry": "true" })) expect(error).toMatchObject({ retryable: true });
    for (const error of await failures(500, {}, { "x-should-retry": "false" })) expect(error).toMatchObject({ retryable: false });
  });

  it.each([
    [{ "retry-after": "7" }, 7000],
    [{ "retry-after-ms": "70", "retry-after": "7" }, 70],
    [{ "retry-after": "-7" }, undefined],
    [{ "retry-after": "soon" }, undefined],
  ])("asks to wait by %j", async (headers, retryAfter) => {
    for (const error of await failures(429, {}, headers as Record<string, string>)) {
      expect((error as { retryAfter?: number }).retryAfter).toBe(retryAfter);
    }
  });

  it("is no context that is full where its body has another form", async () => {
    const server = await serve((_request, response) => json(response, 400, { detail: "Bad." }));
    await expect(clientOf(server.url).generate(HELLO)).rejects.toMatchObject({ code: "invalid-request", status: 400 });
  });

  it("may be a page of some proxy", async () => {
    const server = await serve((_request, response) => {
      response.writeHead(502, { "content-type": "text/html" });
      response.end("<html><h1>Bad gateway</h1></html>");
    });
    await expect(clientOf(server.url).generate(HELLO)).rejects.toMatchObject({ status: 502, retryable: true });
  });

  it.each<[unknown, object]>([
    [
      { code: "server_error", message: "Bad luck." },
      { code: "inference-failed", retryable: true },
    ],
    ["Bad luck.", { code: "inference-failed", retryable: true }],
    [{ message: "Bad luck." }, { code: "inference-failed", retryable: true }],
    [
      { type: "tokens", code: "rate_limit_exceeded", message: "Bad luck." },
      { code: "rate-limited", retryable: true },
    ],
    [
      { code: 429, message: "Bad luck." },
      { code: "rate-limited", retryable: true, status: 429 },
    ],
    [
      { code: 402, message: "Bad luck." },
      { code: "quota-exceeded", retryable: false, status: 402 },
    ],
    [
      { type: "invalid_request_error", message: "Bad luck." },
      { code: "invalid-request", retryable: false },
    ],
    [{ code: "model_not_found", message: "Bad luck." }, { retryable: false }],
    [
      { code: "insufficient_quota", message: "Bad luck." },
      { code: "quota-exceeded", retryable: false },
    ],
  ])("%j may stand in an answer whose status is 200, whole or in place of a stream, and is the same", async (told, expected) => {
    for (const api of APIS) {
      const server = await serve((_request, response) => json(response, 200, { error: told }));
      const client = clientOf(server.url, { api });
      const shown = { ...expected, message: expect.stringContaining("Bad luck.") };
      await expect(client.generate(HELLO)).rejects.toMatchObject(shown);
      await expect(client.stream(HELLO).result).rejects.toMatchObject(shown);
    }
  });

  it("shows no key and no prompt, even where the provider repeats them", async () => {
    const prompt = "an unmistakable prompt";
    const server = await serve((_request, response) => refuse(response, 400, { code: "odd_code", message: `${KEY} said: ${prompt}` }));
    const error = (await caught(clientOf(server.url).generate([{ role: "USER", content: prompt }]))) as Error;
    const shown = [String(error), error.stack, JSON.stringify(error), String(error.cause)].join("\n");
    expect(shown).toContain("odd_code");
    expect(shown).not.toContain(KEY);
    expect(shown).not.toContain("unmistakable");
  });
});

describe("an error in a stream of OpenAI", () => {
  const TELLS: [string, Api, (error: Json) => Json][] = [
    ["a chunk", "chat", (error) => ({ error })],
    ["an event of a failure", "responses", (error) => completed({ error }, "failed")],
    ["an event of an error", "responses", (error) => ({ ...error, type: "error" })],
  ];
  const ERRORS: [Json, object][] = [
    [
      { code: "server_error", message: "No." },
      { code: "inference-failed", retryable: true },
    ],
    [
      { code: "rate_limit_exceeded", message: "No." },
      { code: "rate-limited", retryable: true },
    ],
    [
      { code: "insufficient_quota", message: "No." },
      { code: "quota-exceeded", retryable: false },
    ],
    [
      { code: "context_length_exceeded", message: "No." },
      { code: "context-length-exceeded", retryable: false },
    ],
    [
      { code: "invalid_prompt", message: "No." },
      { code: "invalid-request", retryable: false },
    ],
    [
      { code: 502, message: "No." },
      { status: 502, retryable: true },
    ],
  ];
  it.each(TELLS.flatMap(([how, api, tell]) => ERRORS.map(([error, expected]) => ({ how, api, event: tell(error), expected, error }))))(
    "by $how with $error is one of its class",
    async ({ api, event, expected }) => {
      await expect(resultOf(api, event)).rejects.toMatchObject(expected);
    },
  );

  it("comes with what was said before it", async () => {
    await expect(resultOf("chat", text("Hel"), { error: { code: "server_error", message: "No." } })).rejects.toMatchObject({
      partial: [{ type: "text", text: "Hel" }],
    });
    await expect(resultOf("chat", text("Hel"), chunk({}, "error"))).rejects.toMatchObject({ retryable: true });
  });
});

describe("a fault of the SDK", () => {
  it("is known by its fields, whichever copy of the SDK made it", () => {
    const foreign = Object.assign(new Error("503 No."), {
      status: 503,
      headers: new Headers(),
      error: { message: "No.", type: "server_error" },
    });
    expect(toFault(foreign)).toMatchObject({ kind: "retryable", status: 503, reason: "server_error", detail: "No." });
  });

  it("leaves to the rules of the network what came from there", () => {
    const connection = Object.assign(new Error("Connection error."), { status: undefined, error: undefined, type: undefined });
    for (const error of [connection, new TypeError("terminated"), new SyntaxError("no JSON"), undefined, "text", null]) {
      expect(toFault(error)).toBeUndefined();
    }
  });
});
