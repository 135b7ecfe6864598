/** A scripted turn worked out: the blocks of an answer, cut into chunks, with its usage; the same for every wire. */
import { systemClock } from "#contract/base/services";
import type { FinishReason } from "#contract/chat/generation";
import type { Usage } from "#contract/chat/usage";
import { pause } from "#inference/faults/retry";
import type { ScriptedError, ScriptedToolCall, ScriptedTurn } from "./script.ts";

/** `pieces` add up to the block's text, or to the JSON text of its input; there is at least one. */
export type AnswerBlock =
  | { type: "thinking"; text: string; signature: string; pieces: readonly string[] }
  | { type: "text"; text: string; pieces: readonly string[] }
  | { type: "tool-use"; id: string; hasOwnId: boolean; name: string; input: unknown; text: string; pieces: readonly string[] };

export interface Answer {
  /** Of its turn, from 1. */
  number: number;
  blocks: readonly AnswerBlock[];
  usage: Usage;
  /** `raw` where the script says a word of its own. */
  finish: { unified: FinishReason["unified"]; raw?: string };
  error?: ScriptedError;
  headers: Readonly<Record<string, string>>;
  delayMs: number;
  chunkDelayMs: number;
  isTruncated: boolean;
}

/** One step of a stream; each wire says it in its own events. */
export type AnswerStep =
  | { type: "open" }
  | { type: "start"; block: AnswerBlock; index: number }
  | { type: "delta"; block: AnswerBlock; index: number; piece: string; isFirst: boolean }
  | { type: "end"; block: AnswerBlock; index: number }
  | { type: "finish" }
  | { type: "fail"; error: ScriptedError };

const UNIFIED: readonly string[] = ["stop", "length", "tool-calls", "content-filter", "other"] satisfies FinishReason["unified"][];
const isUnified = (word: string): word is FinishReason["unified"] => UNIFIED.includes(word);

/** Deterministic, so that a test may compare sums; no provider counts so. */
const estimateTokens = (characters: number): number => Math.ceil(characters / 4);

/** @param asked the number of characters that went in */
export function answerOf(turn: ScriptedTurn<never>, number: number, asked: number): Answer {
  const blocks = [
    ...thinkingOf(turn, number),
    ...textOf(turn),
    ...(turn.toolCalls ?? []).map((call, index) => toolOf(call, number, index)),
  ];
  const { finishReason, error } = turn;
  const byDefault = (turn.toolCalls ?? []).length > 0 ? "tool-calls" : "stop";
  const finish = finishReason === undefined ? { unified: byDefault } : isUnified(finishReason) ? { unified: finishReason } : undefined;
  return {
    number,
    blocks,
    usage: usageOf(turn, blocks, asked),
    finish: (finish ?? { unified: "other", raw: finishReason }) as Answer["finish"],
    ...(error === undefined ? {} : { error }),
    headers: turn.headers ?? {},
    delayMs: turn.delayMs ?? 0,
    chunkDelayMs: turn.chunkDelayMs ?? 0,
    isTruncated: turn.truncated ?? false,
  };
}

function thinkingOf({ thinking }: ScriptedTurn<never>, number: number): AnswerBlock[] {
  if (thinking === undefined) return [];
  const { text, signature } = typeof thinking === "string" ? { text: thinking } : thinking;
  // Some wires carry a signature as bytes, so that it has to be base64.
  return [{ type: "thinking", text, signature: signature ?? btoa(`scripted signature ${number}`), pieces: words(text) }];
}

function textOf({ text, chunks }: ScriptedTurn<never>): AnswerBlock[] {
  const pieces = typeof chunks === "object" ? chunks : typeof chunks === "number" ? evenly(text ?? "", chunks) : words(text ?? "");
  const whole = text ?? pieces.join("");
  return whole === "" ? [] : [{ type: "text", text: whole, pieces }];
}

function toolOf({ name, input, inputText, id }: ScriptedToolCall, number: number, index: number): AnswerBlock {
  const text = inputText ?? JSON.stringify(input ?? {});
  const hasOwnId = id !== undefined;
  const value = inputText === undefined ? (input ?? {}) : parsed(inputText);
  return {
    type: "tool-use",
    id: id ?? `call_${number}_${index + 1}`,
    hasOwnId,
    name,
    input: value,
    text,
    pieces: evenly(text, Math.ceil(text.length / 12)),
  };
}

/** Wires that carry a value can tell broken JSON only as a string. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

const words = (text: string): string[] => text.match(/\S*\s+|\S+/g) ?? [""];

/** Never within a character; `chunks` of the user's own may do that. */
function evenly(text: string, count: number): string[] {
  const cut = (step: number): number => {
    const at = Math.floor((step * text.length) / count);
    return /[\udc00-\udfff]/.test(text.charAt(at)) ? at + 1 : at;
  };
  const pieces = Array.from({ length: count }, (_, step) => text.slice(cut(step), cut(step + 1))).filter((piece) => piece !== "");
  return pieces.length === 0 ? [""] : pieces;
}

function usageOf({ usage = {} }: ScriptedTurn<never>, blocks: readonly AnswerBlock[], asked: number): Usage {
  const length = (of: (block: AnswerBlock) => boolean): number =>
    blocks.reduce((sum, block) => sum + (of(block) ? block.text.length : 0), 0);
  const { cacheReadTokens = 0, cacheWriteLongTokens = 0 } = usage;
  const cacheWriteTokens = usage.cacheWriteTokens ?? cacheWriteLongTokens;
  const reasoningTokens = usage.reasoningTokens ?? estimateTokens(length(({ type }) => type === "thinking"));
  return {
    inputTokens: usage.inputTokens ?? estimateTokens(asked) + cacheReadTokens + cacheWriteTokens,
    outputTokens: usage.outputTokens ?? estimateTokens(length(({ type }) => type !== "thinking")) + reasoningTokens,
    cacheReadTokens,
    cacheWriteTokens,
    ...(cacheWriteLongTokens === 0 ? {} : { cacheWriteLongTokens }),
    ...(reasoningTokens === 0 ? {} : { reasoningTokens }),
    ...(usage.cost === undefined ? {} : { cost: usage.cost }),
  };
}

/** The steps in turn; a script's error or cut ends them early. */
export function* stepsOf(answer: Answer): Generator<AnswerStep> {
  const { blocks, error, isTruncated } = answer;
  let left = error?.after ?? Number.POSITIVE_INFINITY;
  yield { type: "open" };
  for (const [index, block] of blocks.entries()) {
    if (left === 0) break;
    yield { type: "start", block, index };
    for (const [at, piece] of block.pieces.entries()) {
      if (left === 0) break;
      left -= 1;
      yield { type: "delta", block, index, piece, isFirst: at === 0 };
    }
    if (left === 0 || (isTruncated && index === blocks.length - 1)) break;
    yield { type: "end", block, index };
  }
  if (error !== undefined) yield { type: "fail", error };
  else if (!isTruncated) yield { type: "finish" };
}

/** The steps in their time. @throws the signal's reason */
export async function* pacedSteps(answer: Answer, signal: AbortSignal): AsyncGenerator<AnswerStep> {
  let isFirst = true;
  for (const step of stepsOf(answer)) {
    if (step.type === "delta") {
      if (!isFirst && answer.chunkDelayMs > 0) await pause(answer.chunkDelayMs, signal, systemClock);
      isFirst = false;
    }
    yield step;
  }
}

/** Waits for as long as the script says, before the answer starts. @throws the signal's reason */
export async function untilAnswer({ delayMs }: Answer, signal: AbortSignal): Promise<void> {
  if (delayMs > 0) await pause(delayMs, signal, systemClock);
}
