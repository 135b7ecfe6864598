/** A run, a chain or a streamed answer as the UI message stream that `useChat` of the AI SDK reads. */
import * as z from "zod/mini";
import { AsimovError } from "#contract/base/errors";
import { lazily } from "#contract/base/lazily";
import { isFunction, nonEmpty, parseOptions } from "#contract/base/options";
import type { StreamPart } from "#contract/chat/generation";
import type { ChainPart } from "#contract/chat/tool-chain";
import type { AgentEvent } from "#contract/run/events";
import type { ModelDelta } from "#contract/run/model-delta";
import type { RunView } from "#contract/run/run-view";
import { ChainChunks } from "./chain-chunks.ts";
import type { UiMessageChunk, UiMetadata, UiRun } from "./chunks.ts";
import { type ErrorWords, errorWords } from "./error-words.ts";
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
  | (AsyncIterable<ChainPart> & { readonly result: Promise<object> })
  | AsyncIterable<AgentEvent | ModelDelta>;

export interface UiMessageStreamOptions {
  /** Of the message: the same for a page that reads a run again, so that it replaces what it has. Default: the page makes one up; of a run, the task's id. */
  messageId?: string;
  /**
   * Of a run: the first event that is told. Default 1, the run's beginning, as far as its store keeps it. A page that has the message up to an event, and goes on
   * with it, is given the next one: `run.view().seq + 1` right after `agent.resume`.
   */
  from?: number;
  /**
   * What the page is told of a failure: of the answer or the run, of a node, of a tool; asked for each place where it shows. Default, and where it gives undefined: the
   * error's own words where it is one of the library's, else "The tool failed." of a tool, and "The answer failed." of all others.
   */
  onError?: (error: unknown) => string | undefined;
}

const schema = lazily(() =>
  z.strictObject({
    messageId: z.optional(nonEmpty),
    from: z.optional(z.int().check(z.gte(1))),
    onError: z.optional(z.custom<(error: unknown) => string | undefined>(isFunction, { message: "expected a function" })),
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
  const shown = isRun ? shownRun(source as UiRunSource, asked) : new ShownSource(source as Parts, asked);
  return new ReadableStream<UiMessageChunk>(
    {
      async pull(controller) {
        const chunks = await shown.next();
        if (chunks === undefined) controller.close();
        else for (const chunk of chunks) controller.enqueue(chunk);
      },
      cancel: () => shown.leave(),
    },
    { highWaterMark: 0 },
  );
}

type Parts = Exclude<UiSource, UiRunSource>;

function shownRun(run: UiRunSource, options: UiMessageStreamOptions): ShownSource {
  const { from = 1, messageId = run.task.id } = options;
  const { id: taskId, objective } = run.task;
  const known = from === 1 ? undefined : { taskId, objective, agent: run.view().agent, status: run.view().status };
  const events: Parts = { [Symbol.asyncIterator]: () => run.events({ from, deltas: true })[Symbol.asyncIterator]() };
  return new ShownSource(events, { ...options, messageId }, { known, whyFailed: () => run.task.error });
}

interface AboutRun {
  /** What the page has heard of it before. */
  known?: UiRun | undefined;
  /** What it says of its failure, when it has ended. */
  whyFailed?(): string | undefined;
}

/** No generator: that could not be left while it waits for what comes next. */
class ShownSource {
  readonly #source: Parts;
  readonly #words: ErrorWords;
  readonly #about: AboutRun;
  readonly #chain: ChainChunks;
  readonly #run: RunChunks;
  #isRun = false;
  #items: AsyncIterator<ChainPart | StreamPart | AgentEvent | ModelDelta> | undefined;
  #isOver = false;
  #batch: UiMessageChunk[];

  constructor(source: Parts, { messageId, onError }: UiMessageStreamOptions, about: AboutRun = {}) {
    this.#source = source;
    this.#words = errorWords(onError);
    this.#about = about;
    this.#batch = [{ type: "start", ...(messageId === undefined ? {} : { messageId }) }];
    const tell = (chunk: UiMessageChunk): void => void this.#batch.push(chunk);
    this.#chain = new ChainChunks(tell, this.#words);
    this.#run = new RunChunks(tell, this.#words, about.known);
  }

  /** At least one, or nothing at the end. */
  async next(): Promise<UiMessageChunk[] | undefined> {
    if (this.#isOver) return undefined;
    try {
      this.#items ??= (this.#source as AsyncIterable<never>)[Symbol.asyncIterator]();
      do {
        const { done, value } = await this.#items.next();
        if (done === true) await this.#end();
        else this.#take(value);
      } while (this.#batch.length === 0 && !this.#isOver);
    } catch (error) {
      this.#isOver = true;
      this.#chain.close();
      this.#run.close();
      this.#batch.push(failureOf(error, this.#words));
    }
    return this.#batch.splice(0);
  }

  /** Not awaited: a generator does not end while it waits. */
  leave(): void {
    this.#isOver = true;
    this.#items?.return?.()?.then(undefined, () => {});
  }

  #take(item: ChainPart | StreamPart | AgentEvent | ModelDelta): void {
    // Kinds of events have a dot, those of parts have none.
    this.#isRun ||= item.type.includes(".");
    if (this.#isRun) this.#run.take(item as AgentEvent | ModelDelta);
    else this.#chain.take(item as ChainPart | StreamPart);
  }

  async #end(): Promise<void> {
    this.#isOver = true;
    const tell = (chunk: UiMessageChunk): void => void this.#batch.push(chunk);
    if (this.#isRun) endRun(this.#run, this.#words, tell, this.#about.whyFailed?.());
    else await endChain(this.#chain, this.#source as { result?: Promise<unknown> }, tell);
  }
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

function endRun(run: RunChunks, words: ErrorWords, tell: (chunk: UiMessageChunk) => void, why: string | undefined): void {
  run.close();
  const { end, usage } = run;
  if (end?.code === "cancelled") return tell({ type: "abort", ...(why === undefined ? {} : { reason: why }) });
  if (end?.status === "FAILED") {
    const error = new AsimovError(why ?? `The run ended as FAILED${end.code === undefined ? "" : ` (${end.code})`}.`, {
      code: end.code ?? run.failureCode,
    });
    return tell({ type: "error", errorText: words(error) });
  }
  const finishReason = end?.status === "COMPLETE" || end?.status === "PARTIAL" ? "stop" : "other";
  tell({ type: "finish", finishReason, messageMetadata: { usage, ...(end === undefined ? {} : { status: end.status }) } });
}

function failureOf(error: unknown, words: ErrorWords): UiMessageChunk {
  const isAborted = (error as { name?: unknown } | null)?.name === "AbortError";
  if (isAborted) return { type: "abort" };
  return { type: "error", errorText: words(error) };
}
