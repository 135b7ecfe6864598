/** Whatever fails ends as one error that says who, what and what to do, and that holds no key, header or prompt. */
import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { AsimovError, NonRetryableError } from "#contract/base/errors";
import { ChatRole } from "#contract/base/vocabulary";
import { ContextLengthExceededError, FinalInferenceError, InferenceError } from "#contract/chat/errors";
import type { Fault, ModelRequest } from "#contract/chat/wire";
import { isContextOverflow } from "#inference/faults/context-overflow";
import { aborted, errorOf } from "#inference/faults/fault-error";
import { networkFault } from "#inference/faults/network-fault";
import { serveWire } from "../../support/wire-server.ts";

const ABOUT = { provider: "anthropic", model: "claude-x" };
const textOf = (fault: Fault, about: Partial<Parameters<typeof errorOf>[1]> = {}) => errorOf(fault, { ...ABOUT, ...about }).message;

function requestOf(text: string): ModelRequest {
  const said = (role: ChatRole) => ({ role, blocks: [{ type: "text", text } as const], cacheMarker: false });
  return { model: "claude-x", system: [], messages: [said(ChatRole.USER)], tools: [], toolsMarker: false, toolChoice: "auto" };
}

describe("context overflow", () => {
  it.each([
    "prompt is too long: 213462 tokens > 200000 maximum",
    "request_too_large: Request exceeds the maximum size",
    "ValidationException: Input is too long for requested model.",
    "The input token count (1196265) exceeds the maximum number of tokens allowed (1048575).",
    "context_length_exceeded",
    "Context length exceeded",
    "This model's maximum context length is 8192 tokens. However, your messages resulted in 10000 tokens.",
    "Your input exceeds the context window of this model.",
    "Prompt exceeds the model's maximum context length of 4096",
    "prompt exceeds maximum context length",
    "the request exceeds the available context size. try increasing the context size or enable context shift",
    "tokens to keep from the initial prompt is greater than the context length",
    "prompt too long; exceeded max context length by 17 tokens",
    "prompt too long; exceeded context length by 17 tokens",
    "This model's maximum prompt length is 131072 but the request contains 537812 tokens.",
    "Please reduce the length of the messages or completion.",
    "Input length 90000 is longer than the model's context length",
    "Prompt contains 40000 tokens, too large for model with 32768 maximum context length",
    "400 status code (no body)",
    "413 status code (no body)",
  ])("is told by: %s", (text) => {
    expect(isContextOverflow(text)).toBe(true);
  });

  it.each([
    "ThrottlingException: Too many tokens, please wait before trying again.",
    "Too many tokens, please wait before trying again.",
    "Rate limit reached: maximum context length is 8192 tokens",
    "rate_limit_error: prompt is too long for your tokens per minute",
    "429 Too Many Requests: reduce the length of the messages",
    "500 status code (no body)",
    "max_tokens: 900000 > 64000, which is the maximum allowed number of output tokens",
    "messages: text content blocks must be non-empty",
    "",
  ])("is not told by: %s", (text) => {
    expect(isContextOverflow(text)).toBe(false);
  });

  it("reads the start of a text of any length, in linear time", () => {
    expect(isContextOverflow(`prompt is too long ${"x".repeat(10_000_000)}`)).toBe(true);
    expect(isContextOverflow("input token count ".repeat(500_000))).toBe(false);
  });
});

describe("network fault", () => {
  it("is what a real fetch throws when nobody listens", async () => {
    const server = await serveWire(() => {});
    await server.close();
    const error = await fetch(server.url).catch((thrown: unknown) => thrown);
    expect(networkFault(error)).toMatchObject({ kind: "retryable", code: "network", reason: "ECONNREFUSED" });
  });

  it("is what a real fetch throws when the connection breaks, before and within the answer", async () => {
    const server = await serveWire((request, response) => {
      if (request.url === "/before") return void response.destroy();
      response.writeHead(200);
      response.write("half", () => response.destroy());
    });
    try {
      const before = await fetch(`${server.url}/before`).catch((thrown: unknown) => thrown);
      const within = await fetch(`${server.url}/within`)
        .then((response) => response.text())
        .catch((thrown: unknown) => thrown);
      expect(within).toMatchObject({ name: "TypeError", message: "terminated" });
      for (const error of [before, within]) expect(networkFault(error)).toMatchObject({ kind: "retryable", code: "network" });
    } finally {
      await server.close();
    }
  });

  it.each(["no address", "ftp://127.0.0.1", "http://127.0.0.1:1"])("is final for an address that no retry mends: %s", async (url) => {
    const error = await fetch(url).catch((thrown: unknown) => thrown);
    expect(networkFault(error)).toMatchObject({ kind: "final", code: "network" });
  });

  it("is told by codes, names and messages, not by classes, however deep", () => {
    class APIConnectionError extends Error {}
    const coded = (code: string) => Object.assign(new Error("x"), { code });
    const errors = [
      ...["ECONNRESET", "EPIPE", "ETIMEDOUT", "ENOTFOUND", "EAI_AGAIN", "UND_ERR_SOCKET", "UND_ERR_CONNECT_TIMEOUT"].map(coded),
      Object.assign(new Error("aborted"), { code: "ECONNRESET" }),
      new TypeError("terminated"),
      { name: "TimeoutError", message: "Socket timed out" },
      new APIConnectionError("Something of the kind"),
      new Error("a", { cause: new Error("b", { cause: coded("ECONNRESET") }) }),
    ];
    for (const error of errors) expect(networkFault(error), inspect(error)).toMatchObject({ kind: "retryable", code: "network" });
  });

  it.each(["UND_ERR_HEADERS_TIMEOUT", "UND_ERR_BODY_TIMEOUT"])(
    "of a fetch that waits no longer by itself (%s) says whose limit it is",
    (code) => {
      const fault = networkFault(new TypeError("fetch failed", { cause: Object.assign(new Error("Timeout"), { code }) })) as Fault;
      expect(fault).toMatchObject({ kind: "retryable", code: "stream-idle" });
      expect(textOf(fault)).toMatch(/went silent: the fetch gave up by a time limit of its own.*idleTimeoutMs/);
    },
  );

  it("is told in the words of whoever saw it first", () => {
    const inner = new TypeError("fetch failed", { cause: new Error("other side closed") });
    expect(networkFault(new Error("Connection error.", { cause: inner }))).toMatchObject({ detail: "other side closed" });
  });

  it("is final for a certificate", () => {
    const cause = Object.assign(new Error("self-signed certificate"), { code: "DEPTH_ZERO_SELF_SIGNED_CERT" });
    expect(networkFault(new TypeError("fetch failed", { cause }))).toMatchObject({ kind: "final", code: "network" });
  });

  it("takes broken JSON for a broken answer, and does not repeat it", () => {
    const error = (() => {
      try {
        return JSON.parse('{"secret sauce"');
      } catch (thrown) {
        return thrown;
      }
    })();
    expect(networkFault(error)).toEqual({ kind: "retryable", code: "hostile-response", reason: "broken JSON" });
  });

  it("is not what has nothing to do with networks, nor what goes round in circles", () => {
    const circle = new Error("round");
    circle.cause = circle;
    for (const thrown of [new Error("boom"), new TypeError("x is not a function"), circle, "text", undefined, null, 5]) {
      expect(networkFault(thrown)).toBeUndefined();
    }
  });
});

describe("error of a fault", () => {
  it("names provider, model, status, reason and the provider's words, and says what to do", () => {
    const error = errorOf(
      { kind: "final", status: 401, reason: "authentication_error", detail: "invalid bearer token", requestId: "req_1" },
      ABOUT,
    );
    expect(error.message).toBe(
      "anthropic claude-x: the key was refused (status 401, reason authentication_error): invalid bearer token. " +
        "Set a valid one: the option apiKey or ANTHROPIC_API_KEY.",
    );
    expect(error).toMatchObject({ code: "unauthorized", status: 401, provider: "anthropic", model: "claude-x", requestId: "req_1" });
  });

  it.each<[Fault, string, RegExp]>([
    [{ kind: "final", status: 400 }, "invalid-request", /refused.*would fail again/],
    [{ kind: "final", status: 401 }, "unauthorized", /apiKey or ANTHROPIC_API_KEY/],
    [{ kind: "final", status: 402 }, "quota-exceeded", /billing/],
    [{ kind: "final", status: 403 }, "unauthorized", /may not do this.*what the key may use/],
    [{ kind: "final", status: 404 }, "model-not-found", /name "claude-x".*baseURL/],
    [{ kind: "final", status: 413 }, "invalid-request", /too big/],
    [{ kind: "final", status: 422 }, "invalid-request", /refused/],
    [{ kind: "final", status: 429, reason: "insufficient_quota" }, "quota-exceeded", /plan and billing/],
    [{ kind: "final", code: "unsupported" }, "unsupported", /another model/],
    [{ kind: "retryable", status: 429 }, "rate-limited", /limits/],
    [{ kind: "retryable", status: 429, retryAfterMs: 1500 }, "rate-limited", /Try again in 2 s/],
    [{ kind: "retryable", reason: "ThrottlingException" }, "rate-limited", /limits/],
    [{ kind: "retryable", status: 500 }, "inference-failed", /status page/],
    [{ kind: "retryable", status: 503 }, "overloaded", /overloaded/],
    [{ kind: "retryable", status: 529 }, "overloaded", /overloaded/],
    [{ kind: "retryable", reason: "overloaded_error" }, "overloaded", /another model/],
    [{ kind: "retryable", code: "network", reason: "ECONNREFUSED" }, "network", /could not be reached.*ECONNREFUSED.*baseURL/],
    [{ kind: "retryable", code: "stream-truncated" }, "stream-truncated", /ended before/],
    [{ kind: "retryable", code: "stream-idle" }, "stream-idle", /idleTimeoutMs/],
    [{ kind: "retryable", code: "timeout" }, "timeout", /timeoutMs/],
    [{ kind: "retryable", code: "empty-response" }, "empty-response", /empty/],
    [{ kind: "final", code: "hostile-response" }, "hostile-response", /baseURL/],
    [{ kind: "context-length", status: 400 }, "context-length-exceeded", /longer than the model reads/],
  ])("has a class, a code and an advice: %j", (fault, code, text) => {
    const error = errorOf(fault, ABOUT);
    expect(error.code).toBe(code);
    expect(error.message).toMatch(text);
    expect(error.retryable).toBe(fault.kind === "retryable");
    expect(error).toBeInstanceOf(InferenceError);
    expect(error instanceof NonRetryableError).toBe(fault.kind !== "retryable");
    expect(error instanceof FinalInferenceError).toBe(fault.kind !== "retryable");
    expect(error instanceof ContextLengthExceededError).toBe(fault.kind === "context-length");
    expect(error.message).not.toMatch(/undefined|: \.|\.\./);
  });

  it.each([
    ["openai", "OPENAI_API_KEY"],
    ["aws.bedrock", "AWS_BEARER_TOKEN_BEDROCK"],
    ["gcp.vertex_ai", "GOOGLE_APPLICATION_CREDENTIALS"],
    ["gcp.gemini", "GEMINI_API_KEY"],
    ["my.own", "the client's key"],
  ])("says of %s where its key comes from: %s", (provider, from) => {
    expect(textOf({ kind: "final", status: 401 }, { provider })).toContain(from);
  });

  it("carries what the call used and what had streamed, the latter unprinted", () => {
    const usage = { inputTokens: 5, outputTokens: 1, cacheReadTokens: 0, cacheWriteTokens: 0 };
    const partial = [{ type: "text", text: "private" } as const];
    const error = errorOf({ kind: "retryable", status: 500, retryAfterMs: 7 }, { ...ABOUT, usage, partial });
    expect(error).toMatchObject({ usage, retryAfter: 7 });
    expect(error.partial).toEqual(partial);
    expect(inspect(error) + JSON.stringify(error)).not.toContain("private");
  });

  it("never keeps an SDK's error as its cause, and keeps one of ours", () => {
    const foreign = Object.assign(new Error("SDK"), { headers: { authorization: "Bearer planted" } });
    expect(errorOf({ kind: "final" }, { ...ABOUT, cause: foreign }).cause).toBeUndefined();
    const own = new AsimovError("ours", { code: "x" });
    expect(errorOf({ kind: "final" }, { ...ABOUT, cause: own }).cause).toBe(own);
  });
});

describe("the provider's words in an error", () => {
  const shown = (detail: string, about: Partial<Parameters<typeof errorOf>[1]> = {}) =>
    textOf({ kind: "final", status: 400, detail }, about);

  it("are cut", () => {
    const text = shown("a b ".repeat(100_000));
    expect(text).toContain("a b a b");
    expect(text.length).toBeLessThan(500);
  });

  it("hold no control characters, nor marks that turn or hide text", () => {
    expect(shown("one\r\ntwo\u001b[31mred\u202eder\u200bend\0")).toContain(": one two [31mred der end.");
  });

  it.each([
    "sk-ant-api03-planted-secret-1",
    "AIzaSyPlantedSecretPlantedSecret12",
    "AKIAPLANTEDSECRET123",
    "Bearer planted-secret-of-some-length",
    "sk-proj-pl***************et",
    "api_key=planted-secret-9",
  ])("hold nothing that looks like a key: %s", (key) => {
    const text = shown(`Incorrect key provided: ${key} was not found`);
    expect(text).not.toContain(key);
    expect(text).not.toMatch(/planted|PLANTED|Planted|sk-proj/);
    expect(text).toContain("was not found");
  });

  it("hold no key of the client's, whatever it looks like, also in other cases and where the cut goes through it", () => {
    const secrets = ["hunter2.(planted)", ""];
    for (const detail of ["no: hunter2.(planted)!", "no: HUNTER2.(PLANTED)!", `${"é ".repeat(145)}hunter2.(planted) end`]) {
      const error = errorOf({ kind: "final", detail, reason: detail, requestId: "hunter2.(planted)" }, { ...ABOUT, secrets });
      expect(error.message + error.requestId).not.toMatch(/hunter2|planted/i);
    }
  });

  it("keep their letters when a local server's key is one letter", () => {
    expect(shown("no such model", { secrets: ["o"] })).toContain("no such model");
  });

  it("hold no word of five letters or more that was said to the model, and keep the rest", () => {
    const request = requestOf("My password is Swordfish, tell nobody");
    expect(shown("field messages.0 is bad: 'swordfish' by my father", { request })).toContain("field messages.0 is bad: '…' by my father");
  });

  it.each<[string, string]>([
    ["of short words", "at the bar we met Al in May"],
    ["with line ends, as JSON", "the\nred\ncow\nhas\nfun"],
    ["of digits", "the pin is 12 34 56 78 90"],
    ["without spaces", "秘密の合言葉は山と川です"],
  ])("hold no piece of the prompt %s", (_, said) => {
    const text = shown(`invalid content ${JSON.stringify(said)} at index 3`, { request: requestOf(`Listen: ${said}. Thanks.`) });
    expect(text).toContain("invalid ");
    for (let at = 0; at + 12 <= said.length; at++) expect(text).not.toContain(JSON.stringify(said.slice(at, at + 12)).slice(1, -1));
  });

  it("hold nothing of tool inputs, tool results, thoughts and system messages", () => {
    const planted = ["inputplanted", "resultplanted", "thoughtplanted", "systemplanted"] as const;
    const base = requestOf("hello");
    const request: ModelRequest = {
      ...base,
      system: [{ role: ChatRole.SYSTEM, blocks: [{ type: "text", text: planted[3] }], cacheMarker: false }],
      messages: [
        ...base.messages,
        {
          role: ChatRole.ASSISTANT,
          cacheMarker: false,
          blocks: [
            { type: "thinking", text: planted[2] },
            { type: "tool-use", id: "1", name: "find", input: { deep: [planted[0]] } },
          ],
        },
        { role: ChatRole.TOOL_RESULT, cacheMarker: false, blocks: [{ type: "tool-result", toolUseId: "1", content: planted[1] }] },
      ],
    };
    for (const word of planted) {
      expect(textOf({ kind: "final", detail: `bad ${word}`, reason: word }, { request })).not.toContain("planted");
    }
  });

  it("are shown as they are when they are the library's own", () => {
    const request = requestOf("silence for longer than expected");
    const fault: Fault = { kind: "retryable", code: "stream-idle", detail: "silence for 60000 ms", isOwnDetail: true };
    expect(textOf(fault, { request })).toContain("silence for 60000 ms");
  });
});

describe("error of an aborted call", () => {
  it("is an InferenceError named AbortError, with the reason as its cause", () => {
    const reason = new Error("the user left");
    const error = aborted(reason, ABOUT);
    expect(error).toBeInstanceOf(InferenceError);
    expect(error).toMatchObject({ name: "AbortError", code: "aborted", retryable: false, cause: reason, provider: "anthropic" });
    expect(error.message).toBe("anthropic claude-x: the call was aborted.");
  });
});
