/** What a scripted model answers, turn by turn: written once, played by the scripted client as by the local servers. */
import * as z from "zod/mini";
import { lazily } from "#contract/base/lazily";
import { nonEmpty, parseOptions } from "#contract/base/options";
import type { FinishReason } from "#contract/chat/generation";
import type { Usage } from "#contract/chat/usage";

/** What every question has in common, wherever it was asked. */
export interface ScriptRequest {
  /** Of the call, from 1; a retry is a call of its own. */
  readonly number: number;
  /** Whether the answer was asked for as a stream. */
  readonly stream: boolean;
  /** The last message: the role as it was sent, and its text, with that of tool results. */
  readonly lastMessage: { readonly role: string; readonly text: string };
}

export interface ScriptedToolCall {
  name: string;
  /** Any JSON. Default `{}`. */
  input?: unknown;
  /** What the model writes in place of JSON of `input`: for input that is broken. */
  inputText?: string;
  /** Default `call_TURN_POSITION`, both from 1; a Gemini server then tells none, as Gemini may. */
  id?: string;
}

export interface ScriptedError {
  /** HTTP status. Default 500. */
  status?: number;
  /** The provider's own type or code. Default: what the provider says with the status. `"context-length-exceeded"` is said in its words. */
  reason?: string;
  message?: string;
  /** Milliseconds that the caller is asked to wait. */
  retryAfterMs?: number;
  /** Fails in the middle of the stream, after so many chunks. Default: instead of an answer, as does a call that is not streamed. */
  after?: number;
}

/** One answer. Its blocks come in this order: thinking, text, tool calls. An empty turn is an empty answer. */
export interface ScriptedTurn<Request extends ScriptRequest = ScriptRequest> {
  text?: string;
  /** The default signature is made of the turn's number. */
  thinking?: string | { text: string; signature?: string };
  toolCalls?: readonly ScriptedToolCall[];
  error?: ScriptedError;
  /** Headers of the answer, or of the error, such as a provider's of its limits, which the client then keeps to. Default: those of the wire format alone. */
  headers?: Readonly<Record<string, string>>;
  /** Milliseconds before the answer starts. Default 0. */
  delayMs?: number;
  /** Milliseconds between one chunk of a stream and the next. Default 0. */
  chunkDelayMs?: number;
  /** How a stream cuts the text: into so many pieces, if it has as many characters; or into these. Default: after each word. */
  chunks?: number | readonly string[];
  /** Over an estimate of four characters a token. */
  usage?: Partial<Usage>;
  /** Another word goes out as it is. Default `"tool-calls"` when there are any, else `"stop"`. */
  finishReason?: FinishReason["unified"] | (string & {});
  /** The answer stops before its end mark. */
  truncated?: true;
  /** What the last message must contain, or match; or a function that returns `true`, or what is wrong. Default: anything. */
  expect?: string | RegExp | ((request: Request) => boolean | string);
}

/** A text, a turn, or a function that answers the question with one of them. */
export type ScriptEntry<Request extends ScriptRequest = ScriptRequest> =
  | string
  | ScriptedTurn<Request>
  | ((request: Request) => string | ScriptedTurn<Request> | Promise<string | ScriptedTurn<Request>>);

/**
 * Each call takes the next entry, in the order in which calls are made; so does each retry.
 *
 * @example
 * const script: Script = [
 *   { toolCalls: [{ name: "add", input: { a: 1, b: 2 } }] },
 *   { text: "It is 3.", expect: "3" },
 *   { error: { status: 429, retryAfterMs: 10 } },
 *   (request) => `You said ${request.lastMessage.text}`,
 * ];
 */
export type Script<Request extends ScriptRequest = ScriptRequest> = readonly ScriptEntry<Request>[];

const milliseconds = z.number().check(z.gte(0), z.lte(2_147_483_647));
const tokens = z.int().check(z.gte(0));
const isFunction = z.custom((value) => typeof value === "function", { message: "expected a function" });
const isHeaderValue = z.regex(/^[\t\x20-\x7e\x80-\xff]*$/, {
  message: "expected what a header may hold: no line break, no letter beyond Latin 1",
});
const haveHeaderNames = z.refine<Record<string, string>>(
  (headers) => Object.keys(headers).every((name) => /^[\w!#$%&'*+.^`|~-]+$/.test(name)),
  {
    message: "expected names of headers",
  },
);

const turnSchema = lazily(() =>
  z
    .strictObject({
      text: z.optional(z.string()),
      thinking: z.optional(z.union([z.string(), z.strictObject({ text: z.string(), signature: z.optional(z.string()) })])),
      toolCalls: z.optional(
        z.array(
          z.strictObject({
            name: nonEmpty,
            input: z.optional(z.unknown()),
            inputText: z.optional(z.string()),
            id: z.optional(nonEmpty),
          }),
        ),
      ),
      error: z.optional(
        z.strictObject({
          status: z.optional(z.int().check(z.gte(400), z.lte(599))),
          reason: z.optional(nonEmpty),
          message: z.optional(z.string()),
          retryAfterMs: z.optional(milliseconds),
          after: z.optional(z.int().check(z.gte(0))),
        }),
      ),
      headers: z.optional(z.record(z.string(), z.string().check(isHeaderValue)).check(haveHeaderNames)),
      delayMs: z.optional(milliseconds),
      chunkDelayMs: z.optional(milliseconds),
      chunks: z.optional(z.union([z.int().check(z.gte(1)), z.array(z.string())])),
      usage: z.optional(
        z.strictObject({
          inputTokens: z.optional(tokens),
          outputTokens: z.optional(tokens),
          cacheReadTokens: z.optional(tokens),
          cacheWriteTokens: z.optional(tokens),
          cacheWriteLongTokens: z.optional(tokens),
          reasoningTokens: z.optional(tokens),
          cost: z.optional(z.number().check(z.gte(0))),
        }),
      ),
      finishReason: z.optional(nonEmpty),
      truncated: z.optional(z.literal(true)),
      expect: z.optional(z.union([z.string(), z.instanceof(RegExp), isFunction])),
    })
    .check(
      z.refine(({ text, chunks }) => text === undefined || !Array.isArray(chunks) || chunks.join("") === text, {
        path: ["chunks"],
        message: "expected pieces that add up to the text",
      }),
      z.refine(({ text, chunks }) => typeof chunks !== "number" || text !== undefined, {
        path: ["chunks"],
        message: "expected a text to cut",
      }),
    ),
);

/** @throws AsimovError `invalid-options` */
export function requireTurn<Request extends ScriptRequest>(turn: string | ScriptedTurn<Request>, what: string): ScriptedTurn<Request> {
  if (typeof turn === "string") return { text: turn };
  parseOptions(turnSchema(), turn, what);
  return turn;
}

/** A copy whose turns were checked; functions answer later. @throws AsimovError `invalid-options` */
export function requireScript<Request extends ScriptRequest>(script: Script<Request>): Script<Request> {
  parseOptions(z.array(z.unknown()), script, "script");
  return script.map((entry, index) => (typeof entry === "function" ? entry : requireTurn(entry, `script: turn ${index + 1}`)));
}
