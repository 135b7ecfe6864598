import { describe, expect, it } from "vitest";
import { json } from "../../support/wire-server.ts";
import { CLIENTS, chunk, end, errorBody, HELLO, KEY, PATIENT, refuse, send, sendAll, serve, sseText } from "./gemini-server.ts";

const RETRY_INFO = { "@type": "type.googleapis.com/google.rpc.RetryInfo" };
const BAD_KEY = { "@type": "type.googleapis.com/google.rpc.ErrorInfo", reason: "API_KEY_INVALID" };
const PARTIAL = [{ type: "text", text: "Hi" }];

describe.each(CLIENTS)("an error of $name", ({ clientOf, provider }) => {
  it.each<[number, string, object]>([
    [400, "INVALID_ARGUMENT", { code: "invalid-request", retryable: false }],
    [401, "UNAUTHENTICATED", { code: "unauthorized", retryable: false }],
    [403, "PERMISSION_DENIED", { code: "unauthorized", retryable: false }],
    [404, "NOT_FOUND", { code: "model-not-found", retryable: false }],
    [408, "DEADLINE_EXCEEDED", { retryable: true }],
    [409, "ABORTED", { retryable: true }],
    [429, "RESOURCE_EXHAUSTED", { code: "rate-limited", retryable: true }],
    [499, "CANCELLED", { retryable: true }],
    [500, "INTERNAL", { code: "inference-failed", retryable: true }],
    [503, "UNAVAILABLE", { code: "overloaded", retryable: true }],
    [504, "DEADLINE_EXCEEDED", { retryable: true }],
  ])("with status %i, %s, is one of its class", async (status, reason, expected) => {
    const server = await serve((_request, response) => refuse(response, status, reason, "Some words."));
    const client = clientOf(server.url);
    const message = expect.stringMatching(new RegExp(`${reason}.*Some words\\.`));
    await expect(client.generate(HELLO)).rejects.toMatchObject({ ...expected, status, provider, message });
    await expect(client.stream(HELLO).result).rejects.toMatchObject({ ...expected, status, provider, message });
  });

  it("tells that the conversation is too long", async () => {
    const message = "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).";
    const server = await serve((_request, response) => refuse(response, 400, "INVALID_ARGUMENT", message));
    await expect(clientOf(server.url).generate(HELLO)).rejects.toMatchObject({ code: "context-length-exceeded", retryable: false });
  });

  it("tells a bad key from a bad request", async () => {
    const server = await serve((_request, response) => refuse(response, 400, "INVALID_ARGUMENT", "API key not valid.", [BAD_KEY]));
    await expect(clientOf(server.url).generate(HELLO)).rejects.toMatchObject({ code: "unauthorized", retryable: false });
  });

  it.each([
    ["a day", "GenerateRequestsPerDayPerProjectPerModel-FreeTier", "quota-exceeded"],
    ["a day, by another name", "generate_requests_per_model_per_day", "quota-exceeded"],
    ["a minute", "GenerateRequestsPerMinutePerProjectPerModel-FreeTier", "rate-limited"],
  ])("is final only where the quota of %s is spent, however short the wait that it asks for", async (_span, quotaId, code) => {
    const failure = { "@type": "type.googleapis.com/google.rpc.QuotaFailure", violations: [{ quotaId }] };
    const details = [failure, { ...RETRY_INFO, retryDelay: "0.01s" }];
    const server = await serve((_request, response) => refuse(response, 429, "RESOURCE_EXHAUSTED", "No.", details));
    const error: unknown = await clientOf(server.url, { retry: PATIENT })
      .generate(HELLO)
      .catch((thrown: unknown) => thrown);
    if (code === "quota-exceeded") {
      expect(error).toMatchObject({ code, status: 429, retryable: false });
      expect(server.requests).toHaveLength(1);
    } else {
      expect(error).toMatchObject({ code: "retries-exceeded", cause: { code } });
      expect(server.requests).toHaveLength(3);
    }
  });

  it.each([
    ["2s", 2000],
    ["0.5s", 500],
    [{ seconds: 1, nanos: 500_000_000 }, 1500],
    ["soon", undefined],
  ])("asks to wait by a retryDelay of %j", async (retryDelay, retryAfter) => {
    const server = await serve((_request, response) => refuse(response, 429, "RESOURCE_EXHAUSTED", "No.", [{ ...RETRY_INFO, retryDelay }]));
    const error: unknown = await clientOf(server.url)
      .generate(HELLO)
      .catch((thrown: unknown) => thrown);
    expect((error as { retryAfter?: number }).retryAfter).toBe(retryAfter);
  });

  it("asks to wait by a header", async () => {
    const server = await serve((_request, response) => json(response, 503, errorBody(503, "UNAVAILABLE"), { "retry-after": "7" }));
    await expect(clientOf(server.url).generate(HELLO)).rejects.toMatchObject({ status: 503, retryAfter: 7000 });
  });

  it("is obeyed: the next attempt waits as long as it asks", async () => {
    const server = await serve((_request, response, n) =>
      n === 0
        ? refuse(response, 429, "RESOURCE_EXHAUSTED", "No.", [{ ...RETRY_INFO, retryDelay: "0.05s" }])
        : sendAll(response, end([{ text: "Hi" }])),
    );
    expect((await clientOf(server.url, { retry: PATIENT }).stream(HELLO).result).text).toBe("Hi");
    const impatient = { ...PATIENT, maxRetryAfterMs: 10 };
    const strict = await serve((_request, response) =>
      refuse(response, 429, "RESOURCE_EXHAUSTED", "No.", [{ ...RETRY_INFO, retryDelay: "0.05s" }]),
    );
    await expect(clientOf(strict.url, { retry: impatient }).generate(HELLO)).rejects.toMatchObject({ attempts: 1, retryAfter: 50 });
  });

  it("may be within a list", async () => {
    const server = await serve((_request, response) => json(response, 503, [errorBody(503, "UNAVAILABLE", "Some words.")]));
    await expect(clientOf(server.url).stream(HELLO).result).rejects.toMatchObject({
      code: "overloaded",
      message: expect.stringContaining("Some words."),
    });
  });

  it.each([
    [502, true],
    [404, false],
  ])("may be a page of some proxy, with status %i", async (status, retryable) => {
    const server = await serve((_request, response) => {
      response.writeHead(status, { "content-type": "text/html" });
      response.end("<html><h1>Bad</h1></html>");
    });
    await expect(clientOf(server.url).generate(HELLO)).rejects.toMatchObject({ status, retryable });
    await expect(clientOf(server.url).stream(HELLO).result).rejects.toMatchObject({ status, retryable });
  });

  /** An answer whose first piece is read before the rest comes. */
  async function breakingOff(rest: string): Promise<{ thrown: unknown; requests: number }> {
    const first = Promise.withResolvers<void>();
    const server = await serve(async (_request, response) => {
      send(response, chunk([{ text: "Hi" }]));
      await first.promise;
      response.end(rest);
    });
    const reading = (async () => {
      for await (const _text of clientOf(server.url, { retry: PATIENT }).stream(HELLO).text) first.resolve();
    })();
    const thrown = await reading.catch((error: unknown) => error);
    return { thrown, requests: server.requests.length };
  }

  it("may come as an event in the middle of a stream, which is not made again", async () => {
    const { thrown, requests } = await breakingOff(sseText([errorBody(503, "UNAVAILABLE")]));
    expect(thrown).toMatchObject({ code: "overloaded", status: 503, retryable: true, partial: PARTIAL });
    expect(requests).toBe(1);
  });

  it("may be final in the middle of a stream", async () => {
    const { thrown } = await breakingOff(sseText([errorBody(400, "INVALID_ARGUMENT")]));
    expect(thrown).toMatchObject({ code: "invalid-request", status: 400, retryable: false, partial: PARTIAL });
  });

  it.each([
    ["with an event", (rest: string) => [rest]],
    ["with an event, and go on after it", (rest: string) => [rest.slice(0, -20), rest.slice(-20)]],
    ["byte by byte", (rest: string) => [...rest]],
  ])("may be appended to a stream without framing, in bytes that come %s", async (_how, cut) => {
    const rest = `${sseText([chunk([{ text: " there" }])])}${JSON.stringify(errorBody(503, "UNAVAILABLE"), undefined, 2)}\r\n`;
    const first = Promise.withResolvers<void>();
    const server = await serve(async (_request, response) => {
      send(response, chunk([{ text: "Hi" }]));
      await first.promise;
      for (const piece of cut(rest)) await new Promise((resolve) => response.write(piece, resolve));
      response.end();
    });
    const reading = (async () => {
      for await (const _text of clientOf(server.url).stream(HELLO).text) first.resolve();
    })();
    await expect(reading).rejects.toMatchObject({ code: "overloaded", status: 503, partial: [{ type: "text", text: "Hi there" }] });
  });

  it("is none where words without framing are followed by events", async () => {
    const server = await serve((_request, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.end(`proxied\n${JSON.stringify(errorBody(503, "UNAVAILABLE"))}\n\n${sseText([end([{ text: "Hi" }])])}`);
    });
    expect((await clientOf(server.url).stream(HELLO).result).text).toBe("Hi");
  });

  it("may be a status 200 with nothing but an error, which is asked again", async () => {
    const server = await serve((_request, response, n) =>
      n === 0 ? json(response, 200, errorBody(503, "UNAVAILABLE")) : sendAll(response, end([{ text: "Hi" }])),
    );
    expect((await clientOf(server.url, { retry: PATIENT }).stream(HELLO).result).text).toBe("Hi");
  });

  it.each([
    ["within an event", 'data: {"candidates": [{"conte'],
    ["without an end mark", ""],
  ])("is told where a stream ends %s", async (_where, rest) => {
    const { thrown } = await breakingOff(rest);
    expect(thrown).toMatchObject({ code: "stream-truncated", retryable: true, partial: PARTIAL });
  });

  it("is told where an event is no JSON", async () => {
    const { thrown } = await breakingOff("data: {no json}\r\n\r\n");
    expect(thrown).toMatchObject({ code: "hostile-response", retryable: true, partial: PARTIAL });
  });

  it("is told where there is no server", async () => {
    const server = await serve(() => {});
    await server.close();
    await expect(clientOf(server.url).generate(HELLO)).rejects.toMatchObject({ code: "network", retryable: true });
  });

  it("shows no key and no prompt, even where the provider repeats them", async () => {
    const prompt = "an unmistakable prompt";
    const server = await serve((_request, response) => refuse(response, 400, "INVALID_ARGUMENT", `${prompt} of ${KEY}`));
    const error = (await clientOf(server.url)
      .generate([{ role: "USER", content: prompt }])
      .catch((thrown: unknown) => thrown)) as Error;
    const shown = [String(error), error.stack, JSON.stringify(error), String(error.cause)].join("\n");
    expect(shown).toContain("INVALID_ARGUMENT");
    expect(shown).not.toContain("unmistakable");
  });
});
