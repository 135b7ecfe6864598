/** A run, a chain or a streamed answer as the UI message stream that `useChat` of the AI SDK reads. */
import * as z from "zod/mini";
import { AsimovError } from "#contract/base/errors";
import { lazily } from "#contract/base/lazily";
import { isFunction, nonEmpty, parseOptions } from "#contract/base/options";
import type { Generation, StreamPart } from "#contract/chat/generation";
import type { ChainPart, ToolChainResult } from "#contract/chat/tool-chain";
import type { AgentEvent } from "#contract/run/events";
import type { ModelDelta } from "#contract/run/model-delta";
import type { RunView } from "#contract/run/run-view";
import { ChainChunks } from "./chain-chunks.ts";
import type { UiMessageChunk, UiMetadata, UiRun } from "./chunks.ts";
import { RunChunks } from "./run-chunks.ts";

/** What is used of an `AgentRun`. */
export interface UiRunSource {
  readonly task: { readonly id: string; readonly objective: string; readonly error?: string | undefined };
  events(options: { from?: number; deltas?: boolean }): AsyncIterable<AgentEvent | ModelDelta>;
  view(): Pick<RunView, "agent" | "status">;
}

/** A `ChainStream`, an `InferenceStream`, an `AgentRun`, or the events of a run as `runs.events(id, { deltas: true })` gives them. */
export type UiSource =
  | UiRunSource
  | (AsyncIterable<ChainPart> & { readonly result: Promise<ToolChainResult> })
  | (AsyncIterable<StreamPart> & { readonly result: Promise<Generation> })
  | AsyncIterable<AgentEvent | ModelDelta>;

export interface UiMessageStreamOptions {
  /** Of the message: the same for a page that reads a run again, so that it replaces what it has. Default: the page makes one up; of a run, the task's id. */
  messageId?: string;
  /**
   * Of a run: the first event that is told. Default 1, the run's beginning, as far as its store keeps it. A page that has the message up to an event, and goes on
   * with it, is given the next one: `run.view().seq + 1` right after `agent.resume`.
   */
  from?: number;
  /** What the page is told of a failure. Default: the error's own words where it is one of the library's or the run's, else "The answer failed." */
  onError?: (error: unknown) => string;
}

const schema = lazily(() =>
  z.strictObject({
    messageId: z.optional(nonEmpty),
    from: z.optional(z.int().check(z.gte(1))),
    onError: z.optional(z.custom<(error: unknown) => string>(isFunction, { message: "expected a function" })),
  }),
);

/**
 * Gives the chunks of one message: text, thoughts, calls of tools with their inputs and results, sources, steps, and the end with its usage. Of a run also how it
 * and its nodes stand (`data-run`, `data-node`), what it asks (`data-question`; calls of tools that need approval as the AI SDK's own approvals, whose id is
 * the question's), and what modules emit (`data-emitted`, transient). Send it by `createUIMessageStreamResponse({ stream })` of the package `ai`.
 *
 * It begins when it is read. Whoever stops reading ends a chain or an answer; a run goes on, and may be read anew from its beginning.
 * A failure is an `error` chunk, an abort an `abort` chunk; the stream itself does not fail.
 *
 * @throws AsimovError `invalid-options`
 * @example
 * import { createUIMessageStreamResponse } from "ai";
 * const response = createUIMessageStreamResponse({ stream: toUiMessageStream(client.streamChain(messages, tools)) });
 */
export function toUiMessageStream(source: UiSource, options: UiMessageStreamOptions = {}): ReadableStream<UiMessageChunk> {
  const asked = parseOptions(schema(), options, "toUiMessageStream") as UiMessageStreamOptions;
  const isRun = isFunction((source as Partial<UiRunSource> | null)?.events);
  if (!isRun && !isFunction((source as Partial<AsyncIterable<unknown>> | null)?.[Symbol.asyncIterator])) {
    throw new AsimovError(
      `toUiMessageStream: expected a run, a chain by streamChain, a stream, or the events of a run; got ${source === null ? "null" : typeof source}.`,
      { code: "invalid-options" },
    );
  }
  const chunks = isRun ? ofRun(source as UiRunSource, asked) : ofParts(source as Exclude<UiSource, UiRunSource>, asked);
  return new ReadableStream<UiMessageChunk>(
    {
      async pull(controller) {
        const { done, value } = await chunks.next();
        if (done === true) controller.close();
        else for (const chunk of value) controller.enqueue(chunk);
      },
      async cancel() {
        await chunks.return(undefined);
      },
    },
    { highWaterMark: 0 },
  );
}

type Batches = AsyncGenerator<UiMessageChunk[], undefined>;

async function* ofRun(run: UiRunSource, options: UiMessageStreamOptions): Batches {
  const { from = 1, messageId = run.task.id } = options;
  const { id: taskId, objective } = run.task;
  const known = from === 1 ? undefined : { taskId, objective, agent: run.view().agent, status: run.view().status };
  yield* told(run.events({ from, deltas: true }), { ...options, messageId }, { known, whyFailed: () => run.task.error });
}

async function* ofParts(source: Exclude<UiSource, UiRunSource>, options: UiMessageStreamOptions): Batches {
  yield* told(source, options);
}

interface AboutRun {
  /** What the page has heard of it before. */
  known?: UiRun | undefined;
  /** What it says of its failure, when it has ended. */
  whyFailed?(): string | undefined;
}

async function* told(source: Exclude<UiSource, UiRunSource>, options: UiMessageStreamOptions, about: AboutRun = {}): Batches {
  let batch: UiMessageChunk[] = [{ type: "start", ...(options.messageId === undefined ? {} : { messageId: options.messageId }) }];
  const tell = (chunk: UiMessageChunk): void => void batch.push(chunk);
  const take = (): UiMessageChunk[] => {
    const taken = batch;
    batch = [];
    return taken;
  };
  const chain = new ChainChunks(tell);
  const run = new RunChunks(tell, about.known);
  let isRun = false;
  try {
    for await (const item of source) {
      // Kinds of events have a dot, those of parts have none.
      isRun ||= item.type.includes(".");
      if (isRun) run.take(item as AgentEvent | ModelDelta);
      else chain.take(item as ChainPart | StreamPart);
      if (batch.length > 0) yield take();
    }
    if (isRun) endRun(run, options, tell, about.whyFailed?.());
    else await endChain(chain, source as { result?: Promise<unknown> }, tell);
  } catch (error) {
    chain.close();
    run.close();
    tell(failureOf(error, options));
  }
  yield take();
}

async function endChain(
  chain: ChainChunks,
  { result }: { result?: Promise<unknown> },
  tell: (chunk: UiMessageChunk) => void,
): Promise<void> {
  const finishReason = chain.close();
  const { usage, warnings, stopReason } = ((await result) ?? {}) as UiMetadata;
  const known = Object.entries({ usage, warnings, stopReason }).filter(([, value]) => value !== undefined);
  tell({
    type: "finish",
    ...(finishReason === undefined ? {} : { finishReason }),
    ...(known.length === 0 ? {} : { messageMetadata: Object.fromEntries(known) }),
  });
}

function endRun(run: RunChunks, { onError }: UiMessageStreamOptions, tell: (chunk: UiMessageChunk) => void, why: string | undefined): void {
  run.close();
  const { end, usage } = run;
  if (end?.code === "cancelled") return tell({ type: "abort", ...(why === undefined ? {} : { reason: why }) });
  if (end?.status === "FAILED") {
    const error = new AsimovError(why ?? `The run ended as FAILED${end.code === undefined ? "" : ` (${end.code})`}.`, {
      code: end.code ?? "run-failed",
    });
    return tell({ type: "error", errorText: onError?.(error) ?? error.message });
  }
  const finishReason = end?.status === "COMPLETE" || end?.status === "PARTIAL" ? "stop" : "other";
  tell({ type: "finish", finishReason, messageMetadata: { usage, ...(end === undefined ? {} : { status: end.status }) } });
}

function failureOf(error: unknown, { onError }: UiMessageStreamOptions): UiMessageChunk {
  const isAborted = (error as { name?: unknown } | null)?.name === "AbortError";
  if (isAborted) return { type: "abort" };
  return { type: "error", errorText: onError?.(error) ?? (error instanceof AsimovError ? error.message : "The answer failed.") };
}
