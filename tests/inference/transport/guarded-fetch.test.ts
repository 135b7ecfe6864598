/** Through the guard, real SDKs read honest servers unharmed; from hostile ones they get an error, soon, and never give them the key. */
import { once } from "node:events";
import type { ServerResponse } from "node:http";
import Anthropic from "@anthropic-ai/sdk";
import { GoogleGenAI } from "@google/genai";
import fc from "fast-check";
import OpenAI from "openai";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Fault } from "#contract/chat/wire";
import { WireFault } from "#contract/chat/wire-fault";
import { ByteLaw } from "#inference/transport/byte-law";
import { type FetchGuard, guardedFetch } from "#inference/transport/guarded-fetch";
import { json, serveWire, type WireRequest, type WireServer } from "../../support/wire-server.ts";

const KEY = "sk-planted-0123456789";
const open: WireServer[] = [];

async function serve(answer: (request: WireRequest, response: ServerResponse, n: number) => void | Promise<void>): Promise<WireServer> {
  const server = await serveWire(answer);
  open.push(server);
  return server;
}

beforeEach(() => {
  for (const name of Object.keys(process.env)) {
    if (/^(?:ANTHROPIC|OPENAI|GOOGLE|GEMINI|AWS)_/.test(name)) vi.stubEnv(name, undefined);
  }
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await Promise.all(open.splice(0).map((server) => server.close()));
});

function guarded(about: Partial<FetchGuard> = {}, base: typeof fetch = fetch) {
  const controller = new AbortController();
  const seen = { bytes: 0, headers: [] as [number, string | null][] };
  const guard: FetchGuard = {
    signal: controller.signal,
    streaming: true,
    maxBytes: 10_000_000,
    maxLineBytes: 1_000_000,
    onByte: () => void seen.bytes++,
    onHeaders: (status, headers) => void seen.headers.push([status, headers.get("x-told")]),
    ...about,
  };
  return { fetch: guardedFetch(base, guard), controller, seen };
}

async function faultOf(work: Promise<unknown>): Promise<Fault> {
  let error: unknown = await work.then(
    (value) => new Error(`expected a fault, got ${JSON.stringify(value)}`),
    (thrown: unknown) => thrown,
  );
  while (!(error instanceof WireFault) && error instanceof Error && error.cause !== undefined) error = error.cause;
  if (!(error instanceof WireFault)) throw error;
  return error.fault;
}

interface Sdk {
  stream(url: string, through: typeof fetch): AsyncGenerator<string>;
  generate(url: string, through: typeof fetch): Promise<string>;
  /** One event of its wire. */
  event(text: string): string;
  /** What a stream begins and ends with. */
  frame: [string, string];
  whole(text: string): unknown;
}

const anthropicEvent = (data: { type: string }) => `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`;
const anthropicMessage = { id: "m", type: "message", role: "assistant", model: "x", content: [], usage: { input_tokens: 1 } };
const ask = [{ role: "user" as const, content: "hello" }];

const SDKS: Record<string, Sdk> = {
  anthropic: {
    async *stream(url, through) {
      const client = new Anthropic({ apiKey: KEY, baseURL: url, fetch: through, maxRetries: 0, openTelemetry: false, logLevel: "off" });
      for await (const event of await client.messages.create({ model: "x", max_tokens: 9, messages: ask, stream: true })) {
        if (event.type === "content_block_delta" && event.delta.type === "text_delta") yield event.delta.text;
      }
    },
    async generate(url, through) {
      const client = new Anthropic({ apiKey: KEY, baseURL: url, fetch: through, maxRetries: 0, openTelemetry: false, logLevel: "off" });
      const { content } = await client.messages.create({ model: "x", max_tokens: 9, messages: ask });
      return content.map((block) => (block.type === "text" ? block.text : "")).join("");
    },
    event: (text) => anthropicEvent({ type: "content_block_delta", index: 0, delta: { type: "text_delta", text } } as { type: string }),
    frame: [
      anthropicEvent({ type: "message_start", message: anthropicMessage } as { type: string }),
      anthropicEvent({ type: "message_stop" }),
    ],
    whole: (text) => ({ ...anthropicMessage, content: [{ type: "text", text }] }),
  },
  openai: {
    async *stream(url, through) {
      const client = new OpenAI({ apiKey: KEY, baseURL: url, fetch: through, maxRetries: 0, logLevel: "off" });
      for await (const chunk of await client.chat.completions.create({ model: "x", messages: ask, stream: true })) {
        yield chunk.choices[0]?.delta.content ?? "";
      }
    },
    async generate(url, through) {
      const client = new OpenAI({ apiKey: KEY, baseURL: url, fetch: through, maxRetries: 0, logLevel: "off" });
      return (await client.chat.completions.create({ model: "x", messages: ask })).choices[0]?.message.content ?? "";
    },
    event: (text) => `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: text } }] })}\n\n`,
    frame: ["", "data: [DONE]\n\n"],
    whole: (text) => ({ choices: [{ message: { content: text } }] }),
  },
  genai: {
    async *stream(url, through) {
      const client = new GoogleGenAI({ apiKey: KEY, httpOptions: { baseUrl: url, fetch: through } });
      for await (const chunk of await client.models.generateContentStream({ model: "x", contents: "hello" })) yield chunk.text ?? "";
    },
    async generate(url, through) {
      const client = new GoogleGenAI({ apiKey: KEY, httpOptions: { baseUrl: url, fetch: through } });
      return (await client.models.generateContent({ model: "x", contents: "hello" })).text ?? "";
    },
    event: (text) => `data: ${JSON.stringify({ candidates: [{ content: { parts: [{ text }] } }] })}\n\n`,
    frame: ["", ""],
    whole: (text) => ({ candidates: [{ content: { parts: [{ text }] } }] }),
  },
};

async function allOf(parts: AsyncIterable<string>): Promise<string> {
  let all = "";
  for await (const part of parts) all += part;
  return all;
}

/** Writes, and waits where the reader is slower; ends when the socket is gone. */
async function writeEndlessly(response: ServerResponse, next: (n: number) => string | Uint8Array): Promise<void> {
  const closed = once(response, "close");
  for (let n = 0; !response.destroyed; n++) {
    if (!response.write(next(n))) await Promise.race([new Promise((resolve) => response.once("drain", resolve)), closed]);
  }
}

const streamOf = (response: ServerResponse, type = "text/event-stream"): ServerResponse =>
  response.writeHead(200, type === "" ? {} : { "content-type": type });

describe.each(Object.entries(SDKS))("guarded fetch under %s", (_, sdk) => {
  const [first, last] = sdk.frame;
  const stream = (server: WireServer, about?: Partial<FetchGuard>) => allOf(sdk.stream(server.url, guarded(about).fetch));

  it("lets characters of many bytes through, split byte by byte", async () => {
    const said = "é 🎉 日本 ß — end";
    const server = await serve(async (_request, response) => {
      streamOf(response);
      response.socket?.setNoDelay(true);
      for (const byte of Buffer.from(first + sdk.event(said) + last)) {
        await new Promise((resolve) => response.write(Buffer.of(byte), resolve));
      }
      response.end();
    });
    expect(await stream(server)).toBe(said);
  });

  it("lets lines that end in CRLF through, one huge event, and comments", async () => {
    const said = "x日".repeat(200_000);
    const server = await serve((_request, response) => {
      streamOf(response).end(`: hello\n\n${first}${sdk.event("a")}${sdk.event(said)}${last}`.replaceAll("\n", "\r\n"));
    });
    expect(await stream(server)).toBe(`a${said}`);
  });

  it("lets a whole answer through", async () => {
    const server = await serve((_request, response) => json(response, 200, sdk.whole("all of it é")));
    expect(await sdk.generate(server.url, guarded({ streaming: false }).fetch)).toBe("all of it é");
  });

  it("ends an endless stream, and frees its socket", async () => {
    const server = await serve(async (_request, response) => {
      streamOf(response).write(first);
      await writeEndlessly(response, () => sdk.event("more and more "));
    });
    expect(await faultOf(stream(server, { maxBytes: 500_000 }))).toMatchObject({
      kind: "final",
      code: "hostile-response",
      detail: /500000 bytes/,
    });
    await server.requests[0]?.closed;
  });

  it("ends a line of a gigabyte long before its end, and frees its socket", async () => {
    let written = 0;
    const piece = "x".repeat(65_536);
    const server = await serve(async (_request, response) => {
      streamOf(response).write("data: ");
      await writeEndlessly(response, () => {
        written += piece.length;
        return written < 1_073_741_824 ? piece : "\n\n";
      });
    });
    const fault = await faultOf(stream(server, { maxBytes: 1e12, maxLineBytes: 1_000_000 }));
    expect(fault).toMatchObject({ kind: "final", code: "hostile-response", detail: /line .* 1000000 bytes/ });
    await server.requests[0]?.closed;
    expect(written).toBeLessThan(100_000_000);
  });

  it("ends a whole answer that is too big", async () => {
    const server = await serve(async (_request, response) => {
      response.writeHead(200, { "content-type": "application/json" });
      await writeEndlessly(response, () => " ".repeat(10_000));
    });
    const fault = await faultOf(sdk.generate(server.url, guarded({ streaming: false, maxBytes: 500_000 }).fetch));
    expect(fault).toMatchObject({ kind: "final", code: "hostile-response" });
    await server.requests[0]?.closed;
  });

  it("takes bytes that are no UTF-8 for a broken answer", async () => {
    const server = await serve((_request, response) => {
      streamOf(response).write(first + sdk.event("good"));
      response.end(Buffer.concat([Buffer.from(sdk.event("bad").slice(0, 20)), Buffer.of(0xc3, 0x28, 0x0a)]));
    });
    expect(await faultOf(stream(server))).toMatchObject({ kind: "retryable", code: "hostile-response", detail: /UTF-8/ });
  });

  it("says which content type came, and which was expected", async () => {
    const server = await serve((_request, response) => void streamOf(response, "text/html; charset=utf-8").end("<h1>Welcome</h1>"));
    const expected = { kind: "final", code: "hostile-response", reason: "content-type text/html" };
    expect(await faultOf(stream(server))).toMatchObject({ ...expected, detail: /expected text\/event-stream/ });
    const whole = sdk.generate(server.url, guarded({ streaming: false }).fetch);
    expect(await faultOf(whole)).toMatchObject({ ...expected, detail: /expected application\/json/ });
  });

  it("reads the error that came with status 200 in place of a stream", async () => {
    const error = { type: "overloaded_error", message: "Overloaded" };
    const server = await serve((_request, response) =>
      json(response, 200, { type: "error", error }, { "request-id": "r1", "retry-after": "3" }),
    );
    expect(await faultOf(stream(server))).toEqual({
      kind: "retryable",
      reason: "overloaded_error",
      detail: "Overloaded",
      requestId: "r1",
      retryAfterMs: 3000,
    });
  });

  it("leaves an error's status to the SDK, whatever its body is", async () => {
    const server = await serve(async (_request, response) => {
      response.writeHead(503, { "content-type": "text/html" });
      await writeEndlessly(response, (n) => (n === 0 ? Buffer.of(0x80, 0xff) : "<p>down</p>".repeat(100)));
    });
    const error = await stream(server).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ status: 503 });
    await server.requests[0]?.closed;
  });

  it("never follows a redirect to another host, and never sends the key there", async () => {
    const elsewhere = await serve((_request, response) => json(response, 200, sdk.whole("stolen")));
    const server = await serve((_request, response) => {
      response.writeHead(307, { location: `${elsewhere.url.replace("http://", "http://user:pass@")}/steal?prompt=hello` }).end();
    });
    const { host } = new URL(elsewhere.url);
    for (const work of [stream(server), sdk.generate(server.url, guarded({ streaming: false }).fetch)]) {
      const fault = await faultOf(work);
      expect(fault).toMatchObject({ kind: "final", code: "hostile-response", reason: `redirect to ${host}` });
      expect(JSON.stringify(fault)).not.toMatch(/steal|pass|prompt=/);
    }
    expect(elsewhere.requests).toEqual([]);
    expect(server.requests).toHaveLength(2);
  });

  it("follows a redirect within the same origin, with all that was sent", async () => {
    const server = await serve((request, response, n) => {
      if (n === 0) return void response.writeHead(307, { location: `/moved${request.url}` }).end("moved");
      streamOf(response).end(first + sdk.event("found") + last);
    });
    expect(await stream(server)).toBe("found");
    const [before, after] = server.requests;
    expect(after?.url).toBe(`/moved${before?.url}`);
    expect(after).toMatchObject({ method: "POST", body: before?.body });
    for (const name of ["authorization", "x-goog-api-key"]) expect(after?.headers[name]).toBe(before?.headers[name]);
  });

  it("frees the socket when its signal is aborted, whatever the SDK does", async () => {
    const server = await serve(async (_request, response) => {
      streamOf(response).write(first + sdk.event("begun"));
      await once(response, "close");
    });
    const { fetch: through, controller } = guarded();
    const parts = sdk.stream(server.url, through);
    await parts.next();
    controller.abort(new Error("enough"));
    await server.requests[0]?.closed;
    // How the iteration ends is the SDK's own; that it ends is not.
    await parts.next().catch(() => {});
  });
});

describe("guarded fetch", () => {
  const body = (server: WireServer, about?: Partial<FetchGuard>) =>
    guarded(about)
      .fetch(server.url)
      .then((response) => response.text());

  it("tells of each answer's status and headers, and of its bytes", async () => {
    const server = await serve((_request, response) => {
      response.setHeader("x-told", "yes");
      streamOf(response).end("data: 1\n\n");
    });
    const { fetch: through, seen } = guarded();
    await (await through(server.url)).text();
    expect(seen.headers).toEqual([[200, "yes"]]);
    expect(seen.bytes).toBeGreaterThan(0);
  });

  it.each(["", "text/plain", "application/octet-stream", "text/event-stream;charset=utf-8", "Text/Event-Stream"])(
    "takes a stream of the content type %j",
    async (type) => {
      const server = await serve((_request, response) => void streamOf(response, type).end("data: 1\n\n"));
      expect(await body(server)).toBe("data: 1\n\n");
    },
  );

  it.each(["", "text/plain", "application/problem+json", "application/json; charset=utf-8"])(
    "takes a whole answer of the content type %j",
    async (type) => {
      const server = await serve((_request, response) => void streamOf(response, type).end('{"a":1}'));
      expect(await (await guarded({ streaming: false }).fetch(server.url)).json()).toEqual({ a: 1 });
    },
  );

  it.each<[string, unknown, Partial<Fault>]>([
    ["of a server", { error: { type: "server_error", message: "m" } }, { kind: "retryable", reason: "server_error", detail: "m" }],
    ["of an API", { error: { type: "api_error" } }, { kind: "retryable", reason: "api_error" }],
    ["of a rate", { error: { code: "rate_limit_exceeded" } }, { kind: "retryable", reason: "rate_limit_exceeded" }],
    ["of a quota", { error: { type: "insufficient_quota", code: 429 } }, { kind: "final", status: 429, reason: "insufficient_quota" }],
    ["of a gateway", { error: { code: 402, message: "no credits" } }, { kind: "final", status: 402, detail: "no credits" }],
    [
      "of Gemini",
      [{ error: { code: 503, status: "UNAVAILABLE", message: "m" } }],
      { kind: "retryable", status: 503, reason: "UNAVAILABLE" },
    ],
    ["of a request", { error: { type: "invalid_request_error", message: "bad" } }, { kind: "final", reason: "invalid_request_error" }],
    ["of one word", { error: "model not loaded" }, { kind: "retryable", detail: "model not loaded" }],
    ["of a long prompt", { error: { message: "prompt is too long: 5 > 4" } }, { kind: "context-length" }],
    ["that is none", { error: null }, { kind: "final", code: "hostile-response", reason: "content-type application/json" }],
    ["that is missing", { id: "x" }, { kind: "final", code: "hostile-response", reason: "content-type application/json" }],
  ])("reads an error %s in place of a stream", async (_, told, expected) => {
    const server = await serve((_request, response) => json(response, 200, told));
    const fault = await faultOf(body(server));
    expect(fault).toMatchObject(expected);
    if (expected.code === undefined) expect(fault.code).toBeUndefined();
  });

  it("takes an answer that ends within a character for a broken one", async () => {
    const server = await serve((_request, response) => void streamOf(response).end(Buffer.from("data: é").subarray(0, -1)));
    expect(await faultOf(body(server))).toMatchObject({ kind: "retryable", code: "hostile-response", detail: /within a character/ });
  });

  it("shows nothing of a content type that is none", async () => {
    const server = await serve((_request, response) => void streamOf(response, "planted secret").end());
    expect(JSON.stringify(await faultOf(body(server)))).not.toContain("planted");
  });

  it("takes broken JSON for a broken answer, and repeats nothing of it", async () => {
    const server = await serve((_request, response) => void streamOf(response, "application/json").end('{"planted'));
    const fault = await faultOf(
      guarded({ streaming: false })
        .fetch(server.url)
        .then((response) => response.json()),
    );
    expect(fault).toMatchObject({ kind: "retryable", code: "hostile-response" });
    expect(JSON.stringify(fault)).not.toContain("planted");
  });

  it.each([
    [400, "final"],
    [429, "retryable"],
    [500, "retryable"],
  ])("keeps the status %d of an error whose JSON is broken", async (status, kind) => {
    const server = await serve((_request, response) => void response.writeHead(status).end('{"err'));
    const fault = await faultOf(
      guarded()
        .fetch(server.url)
        .then((response) => response.json()),
    );
    expect(fault).toMatchObject({ kind, status });
  });

  it("gives of an error's body as much as an error is worth", async () => {
    const server = await serve((_request, response) => void response.writeHead(400).end("x".repeat(200_000)));
    expect(await body(server)).toBe("x".repeat(65_536));
  });

  it("follows five redirects and no more", async () => {
    const server = await serve((request, response) => {
      const left = Number(new URL(request.url, "http://x").searchParams.get("left"));
      if (left === 0) streamOf(response).end("data: 1\n\n");
      else response.writeHead(302, { location: `?left=${left - 1}` }).end();
    });
    const at = (left: number) =>
      guarded()
        .fetch(`${server.url}/?left=${left}`)
        .then((response) => response.text());
    expect(await at(5)).toBe("data: 1\n\n");
    expect(await faultOf(at(6))).toMatchObject({ kind: "final", code: "hostile-response", detail: /more than 5/ });
  });

  it.each(["https://127.0.0.1:1/", "http://127.0.0.1.evil.example/", "//evil.example/", "file:///etc/passwd", "http://[bad"])(
    "does not follow a redirect to %s",
    async (location) => {
      const asked: string[] = [];
      const base: typeof fetch = async (input) => {
        asked.push(String(input));
        return new Response(null, { status: 301, headers: { location } });
      };
      expect(await faultOf(guarded({}, base).fetch("http://127.0.0.1:1/v1"))).toMatchObject({ kind: "final", code: "hostile-response" });
      expect(asked).toEqual(["http://127.0.0.1:1/v1"]);
    },
  );

  it("does not follow a redirect that a browser hides", async () => {
    const asked: string[] = [];
    const base: typeof fetch = async (input) => {
      asked.push(String(input));
      return Object.defineProperties(Response.error(), { type: { value: "opaqueredirect" } });
    };
    expect(await faultOf(guarded({}, base).fetch("http://127.0.0.1:1/v1"))).toMatchObject({ kind: "final", code: "hostile-response" });
    expect(asked).toHaveLength(1);
  });

  it.each([false, true])("ends a body whose fetch does not know of signals; when its reader was let go of: %s", async (isLetGo) => {
    let reason: unknown;
    const source = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(Buffer.from(": ping\n\n")),
      cancel: (why) => {
        reason = why;
      },
    });
    const deaf: typeof fetch = async () => new Response(source, { headers: { "content-type": "text/event-stream" } });
    const { fetch: through, controller } = guarded({}, deaf);
    const reader = (await through("http://127.0.0.1:1/")).body?.getReader();
    await reader?.read();
    if (isLetGo) reader?.releaseLock();
    controller.abort("enough");
    if (!isLetGo) await expect(reader?.read()).rejects.toBe("enough");
    expect(reason).toBe("enough");
  });

  it("asks nobody once its signal is aborted, and ends with the SDK's own signal too", async () => {
    const server = await serve((_request, response) => streamOf(response).flushHeaders());
    const deaf: typeof fetch = (input) => fetch(input);
    const late = guarded({}, deaf);
    late.controller.abort("before");
    await expect(late.fetch(server.url)).rejects.toBe("before");
    expect(server.requests).toHaveLength(0);
    const own = new AbortController();
    const response = await guarded().fetch(server.url, { signal: own.signal });
    own.abort();
    await expect(response.text()).rejects.toMatchObject({ name: "AbortError" });
    await server.requests[0]?.closed;
  });

  it("frees the socket when a reader leaves", async () => {
    const server = await serve(async (_request, response) => {
      streamOf(response);
      await writeEndlessly(response, () => ": ping\n\n");
    });
    const response = await guarded().fetch(server.url);
    for await (const chunk of response.body as ReadableStream<Uint8Array>) {
      expect(chunk.length).toBeGreaterThan(0);
      break;
    }
    await server.requests[0]?.closed;
  });

  it("does not judge the tokens that an SDK fetches on its way by what a model's answer is", async () => {
    const server = await serve((_request, response) => json(response, 200, { access_token: "t" }));
    const { fetch: through, seen } = guarded();
    expect(await (await through(`${server.url}/oauth/token`)).json()).toEqual({ access_token: "t" });
    expect(seen.headers).toEqual([]);
  });
});

describe("law of bytes", () => {
  const limits = { maxBytes: 1e9, maxLineBytes: 1e9 };
  const isLawful = (chunks: readonly Uint8Array[]): boolean => {
    const law = new ByteLaw(limits);
    try {
      for (const chunk of chunks) law.take(chunk);
      law.end();
      return true;
    } catch {
      return false;
    }
  };
  const isUtf8 = (bytes: Uint8Array): boolean => {
    try {
      new TextDecoder("utf-8", { fatal: true }).decode(bytes);
      return true;
    } catch {
      return false;
    }
  };
  const split = (bytes: Uint8Array, at: number): Uint8Array[] => [bytes.subarray(0, at), bytes.subarray(at)];

  it("agrees with the platform's decoder about every start of two bytes, with every sensible rest", () => {
    for (let first = 0x80; first <= 0xff; first++) {
      for (let second = 0; second <= 0xff; second += 1) {
        for (const rest of [[], [0x80], [0x80, 0x80], [0x41]]) {
          const bytes = Uint8Array.of(first, second, ...rest);
          if (isLawful([bytes]) !== isUtf8(bytes)) expect.fail(`differs for ${bytes.toString()}`);
        }
      }
    }
  });

  it("agrees with it about any bytes and any text, cut anywhere", () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.string({ unit: "binary" }).map((text) => Buffer.from(text)),
    );
    fc.assert(
      fc.property(bytes, fc.nat(40), (given, at) => {
        expect(isLawful(split(given, at))).toBe(isUtf8(given));
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    ["\n", true],
    ["\r", true],
    ["\r\n", true],
    [" ", false],
  ])("counts a line up to %j, also across chunks", (end, isEnd) => {
    for (const [length, isLawfulLength] of [
      [10, true],
      [11, false],
    ] as const) {
      const bytes = Buffer.from(`${"x".repeat(length)}${end}${"y".repeat(10)}`);
      for (let at = 0; at <= bytes.length; at++) {
        const law = new ByteLaw({ maxBytes: 1e9, maxLineBytes: 10 });
        const take = () => split(bytes, at).forEach((chunk) => void law.take(chunk));
        if (isEnd && isLawfulLength) expect(take).not.toThrow();
        else expect(take).toThrow(/more than 10 bytes/);
      }
    }
  });
});
