import { describe, expect, it } from "vitest";
import { toFault } from "#inference/anthropic/errors";
import { json } from "../../support/wire-server.ts";
import { clientOf, HELLO, KEY, MODEL, PATIENT, refuse, serve } from "./messages-server.ts";

/** What both kinds of calls fail with. */
async function failures(...[status, type, message, headers]: [number, string, string?, Record<string, string>?]): Promise<unknown[]> {
  const server = await serve((_request, response) => refuse(response, status, type, message, headers));
  const client = clientOf(server.url);
  const caught = (promise: Promise<unknown>): Promise<unknown> => promise.catch((error: unknown) => error);
  return [await caught(client.generate(HELLO)), await caught(client.stream(HELLO).result)];
}

describe("an error of Anthropic", () => {
  it.each<[number, string, object]>([
    [400, "invalid_request_error", { code: "invalid-request", retryable: false }],
    [401, "authentication_error", { code: "unauthorized", retryable: false }],
    [402, "billing_error", { code: "quota-exceeded", retryable: false }],
    [403, "permission_error", { code: "unauthorized", retryable: false }],
    [404, "not_found_error", { code: "model-not-found", retryable: false }],
    [408, "timeout_error", { retryable: true }],
    [409, "conflict_error", { retryable: true }],
    [413, "request_too_large", { code: "context-length-exceeded", retryable: false }],
    [422, "invalid_request_error", { code: "invalid-request", retryable: false }],
    [429, "rate_limit_error", { code: "rate-limited", retryable: true }],
    [500, "api_error", { code: "inference-failed", retryable: true }],
    [503, "api_error", { code: "overloaded", retryable: true }],
    [529, "overloaded_error", { code: "overloaded", retryable: true }],
  ])("with status %i, %s, is one of its class", async (status, type, expected) => {
    for (const error of await failures(status, type)) {
      expect(error).toMatchObject({ ...expected, status, provider: "anthropic", model: MODEL, requestId: "req_01test" });
    }
  });

  it("tells that the conversation is too long", async () => {
    const message = "prompt is too long: 210000 tokens > 200000 maximum";
    for (const error of await failures(400, "invalid_request_error", message)) {
      expect(error).toMatchObject({ name: "ContextLengthExceededError", code: "context-length-exceeded", status: 400 });
    }
  });

  it("says whether another attempt helps, whatever its status", async () => {
    for (const error of await failures(400, "invalid_request_error", "No.", { "x-should-retry": "true" })) {
      expect(error).toMatchObject({ retryable: true });
    }
    for (const error of await failures(529, "overloaded_error", "No.", { "x-should-retry": "false" })) {
      expect(error).toMatchObject({ retryable: false });
    }
  });

  it("is final when a limit of spending is reached", async () => {
    const details = { error_code: "enforced_spend_limit_reached" };
    const server = await serve((_request, response) =>
      json(response, 429, { type: "error", error: { type: "rate_limit_error", message: "No.", details } }),
    );
    await expect(clientOf(server.url, { retry: PATIENT }).generate(HELLO)).rejects.toMatchObject({
      code: "quota-exceeded",
      retryable: false,
    });
    expect(server.requests).toHaveLength(1);
  });

  it.each([
    [{ "retry-after": "7" }, 7000],
    [{ "retry-after-ms": "70" }, 70],
    [{ "retry-after-ms": "70", "retry-after": "7" }, 70],
    [{ "retry-after": "-7" }, undefined],
    [{ "retry-after": "soon" }, undefined],
  ])("asks to wait by %j", async (headers, retryAfter) => {
    for (const error of await failures(429, "rate_limit_error", "No.", headers as Record<string, string>)) {
      expect((error as { retryAfter?: number }).retryAfter).toBe(retryAfter);
    }
  });

  it("reads a date to wait for", async () => {
    const [error] = await failures(429, "rate_limit_error", "No.", { "retry-after": new Date(Date.now() + 60_000).toUTCString() });
    const { retryAfter } = error as { retryAfter: number };
    expect(retryAfter).toBeGreaterThan(1000);
    expect(retryAfter).toBeLessThanOrEqual(60_000);
  });

  it("may be a page of some proxy", async () => {
    const server = await serve((_request, response) => {
      response.writeHead(502, { "content-type": "text/html" });
      response.end("<html><h1>Bad gateway</h1></html>");
    });
    await expect(clientOf(server.url).generate(HELLO)).rejects.toMatchObject({ status: 502, retryable: true });
  });

  it("shows no key and no prompt, even where the provider repeats them", async () => {
    const prompt = "an unmistakable prompt";
    const server = await serve((_request, response) => refuse(response, 400, "invalid_request_error", `${KEY} said: ${prompt}`));
    const error = (await clientOf(server.url)
      .generate([{ role: "USER", content: prompt }])
      .catch((thrown: unknown) => thrown)) as Error;
    const shown = [String(error), error.stack, JSON.stringify(error), String(error.cause)].join("\n");
    expect(shown).toContain("invalid_request_error");
    expect(shown).not.toContain(KEY);
    expect(shown).not.toContain("unmistakable");
  });
});

describe("a fault of the SDK", () => {
  it("is known by its fields, whichever copy of the SDK made it", () => {
    const body = { type: "error", error: { type: "overloaded_error", message: "Overloaded" } };
    const foreign = Object.assign(new Error("529"), {
      name: "OverloadedError",
      status: 529,
      headers: new Headers(),
      error: body,
      type: "overloaded_error",
    });
    expect(toFault(foreign)).toMatchObject({ kind: "retryable", status: 529, reason: "overloaded_error", detail: "Overloaded" });
  });

  it("may come from Claude on another cloud, in the middle of a stream", () => {
    const named = (type: string): unknown =>
      Object.assign(new Error("No."), { name: "APIError", status: undefined, type, error: { message: "No." } });
    expect(toFault(named("throttlingException"))).toMatchObject({ kind: "retryable", reason: "throttlingException", detail: "No." });
    expect(toFault(named("validationException"))).toMatchObject({ kind: "final" });
  });

  it("leaves to the rules of the network what came from there", () => {
    const connection = Object.assign(new Error("Connection error."), { name: "APIConnectionError", status: undefined, type: null });
    for (const error of [connection, new TypeError("terminated"), new SyntaxError("no JSON"), undefined, "text", null]) {
      expect(toFault(error)).toBeUndefined();
    }
  });
});
