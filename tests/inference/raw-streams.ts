/** Streams of each provider as they are on the wire, frame by frame, and a server that sends them; told in one vocabulary, so that one test asks all. */
import type { ServerResponse } from "node:http";
import { onTestFinished } from "vitest";
import type { InferenceServerFormat } from "#testing/servers/inference-server";
import { EVENT_STREAM, eventFrame, exceptionFrame } from "../support/event-stream.ts";
import { json, serveWire, type WireServer } from "../support/wire-server.ts";
import * as anthropic from "./anthropic/messages-server.ts";
import * as bedrock from "./bedrock/converse-server.ts";
import * as gemini from "./gemini/gemini-server.ts";
import * as openai from "./openai/openai-server.ts";

export type Json = Record<string, unknown>;
/** An event as it is sent; text where the wire is text. */
export type Frame = string | Buffer;

export interface RawStream {
  contentType: string;
  /** What stands before the first piece. */
  open: Frame[];
  text(piece: string): Frame;
  /** A word of the provider's own for the end, or its plain one. */
  end(reason?: string): Frame[];
  /** An error of an overloaded service, as an event. */
  fault: Frame;
  /** A body of the same error, as some services send it with status 200. */
  faultBody: Json;
  /** A call whose input never ends. */
  cutCall: Frame[];
  /** The calls `a` with `{"a":1}` and `b` with `{"b":2}`, as much in turns as the wire allows, with the end. */
  twoCalls: Frame[];
  /** The call `now` with no input at all, and with an empty one where the wire can tell the two apart; with the end. */
  emptyCalls: Frame[];
  /** An event, a block and a delta that nobody knows yet. */
  strange: { event: Frame; block: Frame[]; delta: Frame };
  /** What says nothing: signs of life, and pieces without a text. */
  quiet: Frame[];
  /** Ten fresh tokens, sixty from the cache, and where they are told thirty written to it; with the end. */
  counted: Frame[];
  /** An attempt that fails before any content, after it told of three tokens that went in; where the wire can tell so. */
  failedCounted?: Frame[];
  /** Usage of a whole answer: a thousand fresh tokens, two thousand from the cache, one written for minutes, two for hours, five hundred out. */
  priced?: Json;
  /** Two thoughts with what proves them, a text and a call, with the end; and those proofs, in their order. */
  thoughts: Frame[];
  proofs: string[];
  /** A whole answer that says "Hi". */
  whole: Json;
  /** The same, with a block and a field that nobody knows yet. */
  strangeWhole: Json;
  refusal(status: number, message?: string): Json;
}

const REDACTED = Buffer.from("redacted thought").toString("base64");
const HALF_INPUT = '{"a": 1, "b';

const messages = (...events: Json[]): Frame[] => events.map((event) => anthropic.sseText([event]));
const message = (event: Json): Frame => anthropic.sseText([event]);

const ANTHROPIC: RawStream = {
  contentType: "text/event-stream; charset=utf-8",
  open: messages(anthropic.START, anthropic.blockStart({ type: "text", text: "" })),
  text: (piece) => message(anthropic.text(piece)),
  end: (reason) => messages(anthropic.stop(), ...anthropic.end(reason)),
  fault: message(anthropic.errorEvent("overloaded_error", "Overloaded")),
  faultBody: anthropic.errorEvent("overloaded_error", "Overloaded"),
  cutCall: messages(anthropic.stop(), anthropic.tool("toolu_cut", "add", 1), anthropic.input(HALF_INPUT, 1)),
  twoCalls: messages(
    ...[anthropic.stop(), anthropic.tool("call_a", "a", 1), anthropic.tool("call_b", "b", 2)],
    ...[anthropic.input('{"a"', 1), anthropic.input('{"b":', 2), anthropic.input(":1}", 1), anthropic.input("2}", 2)],
    ...[anthropic.stop(2), anthropic.stop(1), ...anthropic.end("tool_use")],
  ),
  emptyCalls: messages(
    ...[anthropic.stop(), anthropic.tool("call_a", "now", 1), anthropic.stop(1)],
    ...[anthropic.tool("call_b", "now", 2), anthropic.input("", 2), anthropic.stop(2), ...anthropic.end("tool_use")],
  ),
  strange: {
    event: message({ type: "message_weather", mood: "sunny" }),
    block: messages(
      anthropic.blockStart({ type: "hologram", text: "unread" }, 7),
      anthropic.text("unread", 7),
      anthropic.input('{"un', 7),
      anthropic.stop(7),
    ),
    delta: message(anthropic.delta({ type: "aroma_delta", aroma: "pine" })),
  },
  quiet: messages({ type: "ping" }, anthropic.text("")),
  counted: messages(
    {
      ...anthropic.START,
      message: { usage: { input_tokens: 10, output_tokens: 1, cache_read_input_tokens: 60, cache_creation_input_tokens: 30 } },
    },
    ...[anthropic.blockStart({ type: "text", text: "Hi" }), anthropic.stop()],
    { type: "message_delta", delta: { stop_reason: "end_turn" }, usage: { output_tokens: 20 } },
    { type: "message_stop" },
  ),
  thoughts: messages(
    anthropic.START,
    anthropic.blockStart({ type: "thinking", thinking: "", signature: "" }),
    anthropic.delta({ type: "thinking_delta", thinking: "Hm. " }),
    anthropic.delta({ type: "signature_delta", signature: "c2lnbmF0dXJlIG9uZQ==" }),
    ...[anthropic.stop(), anthropic.blockStart({ type: "redacted_thinking", data: REDACTED }, 1), anthropic.stop(1)],
    ...[anthropic.blockStart({ type: "text", text: "" }, 2), anthropic.text("Let me.", 2), anthropic.stop(2)],
    ...[anthropic.tool("call_a", "add", 3), anthropic.input('{"a":1}', 3), anthropic.stop(3), ...anthropic.end("tool_use")],
  ),
  proofs: ["c2lnbmF0dXJlIG9uZQ==", REDACTED],
  failedCounted: messages(anthropic.START, anthropic.errorEvent("overloaded_error")),
  priced: {
    ...{ input_tokens: 1000, output_tokens: 500, cache_read_input_tokens: 2000, cache_creation_input_tokens: 3000 },
    cache_creation: { ephemeral_5m_input_tokens: 1000, ephemeral_1h_input_tokens: 2000 },
  },
  whole: anthropic.answerOf("Hi"),
  strangeWhole: {
    ...anthropic.answerOf("Hi"),
    content: [
      { type: "hologram", depth: 3 },
      { type: "text", text: "Hi" },
    ],
    weather: "sunny",
  },
  refusal: (_status, text = "No.") => ({ type: "error", error: { type: "invalid_request_error", message: text } }),
};

const toolFrames = (index: number, id: string, name: string): Buffer =>
  eventFrame("contentBlockStart", { contentBlockIndex: index, start: { toolUse: { toolUseId: id, name } } });
const pieceFrame = (index: number, delta: unknown): Buffer => eventFrame("contentBlockDelta", { contentBlockIndex: index, delta });
const inputFrame = (index: number, input: string): Buffer => pieceFrame(index, { toolUse: { input } });

const BEDROCK: RawStream = {
  contentType: EVENT_STREAM,
  open: [bedrock.START],
  text: (piece) => bedrock.textFrame(piece),
  end: (reason) => [bedrock.stopFrame(), ...bedrock.endFrames(reason)],
  fault: exceptionFrame("serviceUnavailableException", { message: "Busy" }),
  faultBody: { __type: "com.amazonaws.bedrock#ServiceUnavailableException", message: "Busy" },
  cutCall: [bedrock.stopFrame(), toolFrames(1, "tooluse_cut", "add"), inputFrame(1, HALF_INPUT)],
  twoCalls: [
    ...[toolFrames(1, "call_a", "a"), toolFrames(2, "call_b", "b")],
    ...[inputFrame(1, '{"a"'), inputFrame(2, '{"b":'), inputFrame(1, ":1}"), inputFrame(2, "2}")],
    ...[bedrock.stopFrame(2), bedrock.stopFrame(1), ...bedrock.endFrames("tool_use")],
  ],
  emptyCalls: [
    ...[toolFrames(1, "call_a", "now"), bedrock.stopFrame(1), toolFrames(2, "call_b", "now"), inputFrame(2, ""), bedrock.stopFrame(2)],
    ...bedrock.endFrames("tool_use"),
  ],
  strange: {
    event: eventFrame("weather", { mood: "sunny" }),
    block: [eventFrame("contentBlockStart", { contentBlockIndex: 7, start: { hologram: { depth: 3 } } }), bedrock.stopFrame(7)],
    delta: pieceFrame(0, { aroma: "pine" }),
  },
  quiet: [bedrock.textFrame("")],
  counted: [
    ...[bedrock.START, bedrock.textFrame("Hi"), bedrock.stopFrame()],
    ...bedrock.endFrames("end_turn", { inputTokens: 10, outputTokens: 20, cacheReadInputTokens: 60, cacheWriteInputTokens: 30 }),
  ],
  thoughts: [
    ...[bedrock.START, pieceFrame(0, { reasoningContent: { text: "Hm. " } })],
    ...[pieceFrame(0, { reasoningContent: { signature: "c2lnbmF0dXJlIHR3bw==" } }), bedrock.stopFrame(0)],
    ...[pieceFrame(1, { reasoningContent: { redactedContent: REDACTED } }), bedrock.stopFrame(1)],
    ...[bedrock.textFrame("Let me.", 2), bedrock.stopFrame(2), toolFrames(3, "call_a", "add"), inputFrame(3, '{"a":1}')],
    ...[bedrock.stopFrame(3), ...bedrock.endFrames("tool_use")],
  ],
  proofs: ["c2lnbmF0dXJlIHR3bw==", REDACTED],
  failedCounted: [bedrock.START, ...bedrock.endFrames("malformed_model_output")],
  priced: {
    ...{ inputTokens: 1000, outputTokens: 500, totalTokens: 6500, cacheReadInputTokens: 2000, cacheWriteInputTokens: 3000 },
    cacheDetails: [
      { ttl: "5m", inputTokens: 1000 },
      { ttl: "1h", inputTokens: 2000 },
    ],
  },
  whole: bedrock.answerOf("Hi") as Json,
  strangeWhole: {
    ...(bedrock.answerOf("Hi") as Json),
    output: { message: { role: "assistant", content: [{ hologram: { depth: 3 } }, { text: "Hi" }] } },
  },
  refusal: (_status, text = "No.") => ({ message: text }),
};

const events = (...list: Json[]): Frame[] => list.map((event) => `event: ${String(event.type)}\ndata: ${JSON.stringify(event)}\n\n`);
const event = (one: Json): Frame => events(one).join("");
const said = (delta: string): Json => ({ type: "response.output_text.delta", item_id: "msg_1", output_index: 0, delta });
const added = (output_index: number, item: Json): Json => ({ type: "response.output_item.added", output_index, item });
const done = (output_index: number, item: Json): Json => ({ type: "response.output_item.done", output_index, item });
const functionCall = (id: string, name: string, input = ""): Json => ({
  ...{ id: `fc_${id}`, type: "function_call", call_id: id, name },
  arguments: input,
});
const piece = (output_index: number, delta: string): Json => ({ type: "response.function_call_arguments.delta", output_index, delta });
const reasoning = (id: string, encrypted_content: string): Json => ({ id, type: "reasoning", summary: [], encrypted_content });

const RESPONSES: RawStream = {
  contentType: "text/event-stream; charset=utf-8",
  open: events(
    { type: "response.created", response: { id: "resp_1", model: openai.MODEL } },
    added(0, { id: "msg_1", type: "message", content: [] }),
  ),
  text: (delta) => event(said(delta)),
  end: (reason) =>
    events(
      reason === undefined ? openai.completed() : openai.completed({ incomplete_details: { reason }, status: "incomplete" }, "incomplete"),
    ),
  fault: event({ type: "error", code: "server_error", message: "Overloaded" }),
  faultBody: { error: { type: "server_error", message: "Overloaded" } },
  cutCall: events(added(1, functionCall("call_cut", "add")), piece(1, HALF_INPUT)),
  twoCalls: events(
    ...[added(1, functionCall("call_a", "a")), added(2, functionCall("call_b", "b"))],
    ...[piece(1, '{"a"'), piece(2, '{"b":'), piece(1, ":1}"), piece(2, "2}")],
    ...[done(2, functionCall("call_b", "b", '{"b":2}')), done(1, functionCall("call_a", "a", '{"a":1}')), openai.completed()],
  ),
  emptyCalls: events(
    ...[added(1, functionCall("call_a", "now")), done(1, functionCall("call_a", "now"))],
    ...[added(2, functionCall("call_b", "now")), piece(2, ""), done(2, functionCall("call_b", "now")), openai.completed()],
  ),
  strange: {
    event: event({ type: "response.weather", mood: "sunny" }),
    block: events(added(7, { id: "ho_1", type: "hologram" }), done(7, { id: "ho_1", type: "hologram", text: "unread" })),
    delta: event({ type: "response.aroma.delta", item_id: "msg_1", output_index: 0, delta: "pine" }),
  },
  quiet: events({ type: "keepalive" }, said("")),
  counted: events(
    said("Hi"),
    openai.completed({
      usage: { input_tokens: 100, output_tokens: 20, input_tokens_details: { cached_tokens: 60, cache_write_tokens: 30 } },
    }),
  ),
  thoughts: events(
    ...[added(0, { id: "rs_1", type: "reasoning", summary: [] }), done(0, reasoning("rs_1", "ZW5jcnlwdGVkIG9uZQ=="))],
    ...[added(1, { id: "rs_2", type: "reasoning", summary: [] }), done(1, reasoning("rs_2", "ZW5jcnlwdGVkIHR3bw=="))],
    done(2, { id: "msg_1", type: "message", content: [{ type: "output_text", text: "Let me." }] }),
    done(3, functionCall("call_a", "add", '{"a":1}')),
    openai.completed(),
  ),
  proofs: ["ZW5jcnlwdGVkIG9uZQ==", "ZW5jcnlwdGVkIHR3bw=="],
  failedCounted: events(openai.completed({ usage: { input_tokens: 3, output_tokens: 1 }, error: { code: "server_error" } }, "failed")),
  priced: {
    ...{ input_tokens: 6000, output_tokens: 500 },
    input_tokens_details: {
      ...{ cached_tokens: 2000, cache_write_tokens: 3000 },
      cache_write_tokens_details: { ttl_30m_tokens: 1000, ttl_12h_tokens: 2000 },
    },
  },
  whole: openai.hiAnswer("responses"),
  strangeWhole: {
    ...openai.hiAnswer("responses"),
    output: [{ type: "hologram", depth: 3 }, ...(openai.hiAnswer("responses").output as Json[])],
    weather: "sunny",
  },
  refusal: (_status, text = "No.") => ({ error: { message: text } }),
};

const chunks = (...list: Json[]): Frame[] => list.map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`);
const A = { id: "call_a", name: "a" };
const B = { id: "call_b", name: "b" };

const CHAT: RawStream = {
  contentType: "text/event-stream",
  open: chunks(openai.chunk({ role: "assistant", content: "" })),
  text: (content) => chunks(openai.text(content)).join(""),
  end: (reason) => chunks(openai.end(reason)),
  fault: chunks({ error: { type: "server_error", message: "Overloaded" } }).join(""),
  faultBody: { error: { type: "server_error", message: "Overloaded" } },
  cutCall: chunks(openai.tools(openai.call(0, HALF_INPUT, { id: "call_cut", name: "add" }))),
  twoCalls: chunks(
    ...[openai.tools(openai.call(0, "", A)), openai.tools(openai.call(1, "", B))],
    ...[openai.tools(openai.call(0, '{"a":'), openai.call(1, '{"b":')), openai.tools(openai.call(1, "2}"), openai.call(0, "1}"))],
    openai.end("tool_calls"),
  ),
  emptyCalls: chunks(
    openai.tools(openai.call(0, undefined, { id: "call_a", name: "now" })),
    openai.tools(openai.call(1, "", { id: "call_b", name: "now" })),
    openai.end("tool_calls"),
  ),
  strange: {
    event: chunks({ object: "weather", mood: "sunny" }).join(""),
    block: chunks({ ...openai.chunk({}), choices: [{ index: 0, delta: null, hologram: { depth: 3 } }] }),
    delta: chunks(openai.chunk({ aroma: "pine" })).join(""),
  },
  quiet: chunks({ ...openai.chunk({}), choices: [] }, { choices: null }, openai.text("")),
  counted: chunks(openai.text("Hi"), openai.end(), {
    choices: [],
    usage: { prompt_tokens: 100, completion_tokens: 20, prompt_tokens_details: { cached_tokens: 60, cache_write_tokens: 30 } },
  }),
  thoughts: chunks(
    openai.chunk({
      reasoning_details: [
        { type: "reasoning.text", index: 0, text: "Hm. ", signature: "c2lnbmF0dXJlIGNoYXQ=" },
        { type: "reasoning.encrypted", index: 1, data: REDACTED },
      ],
    }),
    ...[openai.text("Let me."), openai.tools(openai.call(0, '{"a":1}', { id: "call_a", name: "add" })), openai.end("tool_calls")],
  ),
  proofs: ["c2lnbmF0dXJlIGNoYXQ=", REDACTED],
  whole: openai.hiAnswer("chat"),
  strangeWhole: { ...openai.hiAnswer("chat"), weather: "sunny" },
  refusal: (_status, text = "No.") => ({ error: { message: text } }),
};

const pieces = (...list: Json[]): Frame[] => list.map((chunk) => gemini.sseText([chunk]));
const called = (name: string, args?: Json): Json => ({
  functionCall: { id: `call_${name}`, name, ...(args === undefined ? {} : { args }) },
});

const GEMINI: RawStream = {
  contentType: "text/event-stream",
  open: [],
  text: (text) => gemini.sseText([gemini.chunk([{ text }])]),
  end: (reason) => pieces(gemini.end([], reason)),
  fault: gemini.sseText([gemini.errorBody(503, "UNAVAILABLE", "Overloaded")]),
  faultBody: gemini.errorBody(503, "UNAVAILABLE", "Overloaded"),
  // A call comes whole, so that it breaks off within its event.
  cutCall: [gemini.sseText([gemini.chunk([called("add", { a: 1, b: 2 })])]).slice(0, -40)],
  twoCalls: pieces(gemini.chunk([called("a", { a: 1 }), called("b", { b: 2 })]), gemini.end()),
  emptyCalls: pieces(gemini.chunk([called("now")]), gemini.chunk([called("now", {})]), gemini.end()),
  strange: {
    event: gemini.sseText([{ weather: "sunny" }]),
    block: pieces(gemini.chunk([{ hologram: { depth: 3 } }])),
    delta: gemini.sseText([gemini.chunk([{ text: null, aroma: "pine" }])]),
  },
  quiet: pieces(gemini.chunk([]), gemini.chunk([{ text: "" }]), { candidates: null }),
  counted: pieces({
    ...gemini.end([{ text: "Hi" }]),
    usageMetadata: { promptTokenCount: 100, cachedContentTokenCount: 60, candidatesTokenCount: 20 },
  }),
  thoughts: pieces(
    gemini.chunk([{ text: "Hm. ", thought: true, thoughtSignature: "c2lnbmF0dXJlIGdlbWluaQ==" }]),
    gemini.chunk([{ text: "Let me." }]),
    gemini.chunk([{ ...called("add", { a: 1 }), thoughtSignature: "c2lnbmF0dXJlIG9mIGNhbGw=" }]),
    gemini.end(),
  ),
  failedCounted: pieces(gemini.end([], "MALFORMED_FUNCTION_CALL")),
  proofs: ["c2lnbmF0dXJlIGdlbWluaQ==", "c2lnbmF0dXJlIG9mIGNhbGw="],
  whole: gemini.end([{ text: "Hi" }]),
  strangeWhole: { ...gemini.end([{ hologram: { depth: 3 } }, { text: "Hi" }]), weather: "sunny" },
  refusal: (status, text) => gemini.errorBody(status, status === 429 ? "RESOURCE_EXHAUSTED" : "INVALID_ARGUMENT", text),
};

export const RAW: Readonly<Record<InferenceServerFormat, RawStream>> = {
  anthropic: ANTHROPIC,
  bedrock: BEDROCK,
  "openai-responses": RESPONSES,
  "openai-chat": CHAT,
  gemini: GEMINI,
};

/** A whole stream of one text. */
export const textStream = ({ open, text, end }: RawStream, ...texts: string[]): Frame[] => [...open, ...texts.map(text), ...end()];

export const bytesOf = (frames: readonly Frame[]): Buffer =>
  Buffer.concat(frames.map((frame) => (typeof frame === "string" ? Buffer.from(frame) : frame)));

/** Frames that are a whole answer to a request for a stream, or what does as it likes. */
export type Play = readonly Frame[] | ((response: ServerResponse, n: number) => void | Promise<void>);

/** Starts the stream, and leaves it open. */
export function begin(response: ServerResponse, { contentType }: RawStream, frames: readonly Frame[] = []): void {
  response.writeHead(200, { "content-type": contentType });
  response.flushHeaders();
  if (frames.length > 0) response.write(bytesOf(frames));
}

/** Answers each request with the play of its turn; the last one serves all that follow. */
export async function servePlays(raw: RawStream, ...plays: Play[]): Promise<WireServer> {
  const server = await serveWire(async (_request, response, n) => {
    response.on("error", () => {});
    const play = plays[Math.min(n, plays.length - 1)] as Play;
    if (typeof play === "function") return play(response, n);
    begin(response, raw, play);
    response.end();
  });
  onTestFinished(() => server.close());
  return server;
}

/** Writes in pieces of one byte, each read before the next is sent: client and server share one loop, whose turns are awaited. */
export async function byteByByte(response: ServerResponse, raw: RawStream, frames: readonly Frame[]): Promise<void> {
  begin(response, raw);
  response.socket?.setNoDelay(true);
  for (const byte of bytesOf(frames)) {
    await new Promise((resolve) => response.write(Uint8Array.of(byte), resolve));
    await new Promise((resolve) => setImmediate(resolve));
  }
  response.end();
}

/** An error of a service, in its words; AWS tells the kind by a header. */
export const refuseAs =
  (raw: RawStream, status: number, headers: Record<string, string> = {}, text?: string): Play =>
  (response) =>
    json(response, status, raw.refusal(status, text), headers);
