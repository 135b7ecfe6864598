/** One logical call of a model: attempts until one answers, never another after something was yielded; booked, traced and ended once. */

import { AsimovError, messageOf, NonRetryableError } from "#contract/base/errors";
import type { SettleCall } from "#contract/chat/call-scope";
import { InferenceError, type RetriesExceededError } from "#contract/chat/errors";
import type { Generation, StreamPart } from "#contract/chat/generation";
import { addUsage, NO_USAGE, totalTokens, UNTOLD_USAGE, type Usage } from "#contract/chat/usage";
import { aborted, errorOf, exhausted, wireFaultIn } from "#inference/faults/fault-error";
import { networkFault } from "#inference/faults/network-fault";
import { waitOf } from "#inference/faults/retry";
import { costOf, unusedAt } from "#inference/prices/prices";
import { answerHeaders } from "./answer-headers.ts";
import { Attempt } from "./attempt.ts";
import { endsOf } from "./call-ends.ts";
import type { CallOrder } from "./call-order.ts";
import type { CallSettings } from "./call-settings.ts";
import { CallTrace } from "./call-trace.ts";
import { CallWaits } from "./call-waits.ts";
import { type BuiltAnswer, GenerationBuilder } from "./generation-builder.ts";
import { providerLimits } from "./rate-headers.ts";

export class ModelCall {
  readonly #settings: CallSettings;
  readonly #order: CallOrder;
  readonly #trace: CallTrace;
  readonly #waits: CallWaits;
  /** Why the call was ended from outside. */
  #stopped: { reason: unknown } | undefined;
  /** Made when somebody waits: a controller for each call would be felt. */
  #stopper: AbortController | undefined;
  #attempt: Attempt | undefined;
  #builder: GenerationBuilder;
  #attempts = 0;
  /** Tokens that the rate limiter was told of, over all attempts. */
  #booked = 0;
  /** What ended attempts used. */
  #spent: Usage | undefined;
  #settle: SettleCall | undefined;
  #unlink: () => void = () => {};
  #hasYielded = false;
  #hasStarted = false;
  /** Nobody is shown what came: it may be asked for again. */
  #isUnread = false;
  #isEnded = false;
  #lastEvent: unknown;
  /** What ends the attempt, as soon as the parts before it are taken. */
  #held: { error: unknown } | undefined;
  #requestId: string | undefined;
  /** Of the latest answer, with the moment at which they came. */
  #headers: { told: Headers; at: number } | undefined;
  #resolve: (pulled: StreamPart[] | Generation) => void = () => {};
  #reject: (error: unknown) => void = () => {};

  constructor(settings: CallSettings, order: CallOrder) {
    this.#settings = settings;
    this.#order = order;
    this.#builder = this.#newBuilder();
    this.#trace = new CallTrace(settings, order);
    this.#waits = new CallWaits(settings, this.#trace);
    this.#unlink = endsOf(
      settings.timeoutMs,
      [order.signal, order.scope?.signal],
      (reason) => void this.stop(reason),
      settings.services.clock,
    );
  }

  /** A whole answer by one request. @throws InferenceError and its kinds */
  async generate(): Promise<Generation> {
    for (;;) {
      try {
        const attempt = await this.#begin();
        const raw = await attempt.send(this.#order.request);
        return this.#succeed(this.#builder.complete(), raw);
      } catch (error) {
        await this.#recover(error);
      }
    }
  }

  /** A whole answer by a stream whose parts nobody reads. @throws InferenceError and its kinds */
  answer(): Promise<Generation> {
    this.#isUnread = true;
    return new Promise((resolve, reject) => this.pull((whole) => resolve(whole as Generation), reject));
  }

  /** Tells the parts that came next, at least one, or the answer at the end; else an InferenceError. */
  pull(onPulled: (pulled: StreamPart[] | Generation) => void, onError: (error: unknown) => void): void {
    this.#resolve = onPulled;
    this.#reject = onError;
    this.#readOn();
  }

  #readOn(): void {
    const held = this.#held;
    if (held !== undefined) {
      this.#held = undefined;
      return this.#onError(held.error);
    }
    const attempt = this.#attempt;
    if (attempt !== undefined) return attempt.next(this.#onEvent, this.#onError);
    this.#open().then(() => this.#readOn(), this.#onError);
  }

  async #open(): Promise<void> {
    const attempt = await this.#begin();
    await attempt.open(this.#order.request);
  }

  readonly #onEvent = ({ done, value }: IteratorResult<unknown>): void => {
    try {
      if (done === true) {
        const answer = this.#builder.complete();
        if (this.#builder.parts.length > 0) this.#started();
        this.#tell(this.#builder.parts);
        const generation = this.#succeed(answer, this.#lastEvent);
        const { finishReason, usage } = generation;
        this.#tell([{ type: "finish", finishReason, usage }]);
        return this.#resolve(generation);
      }
      this.#lastEvent = this.#attempt?.read(value);
    } catch (error) {
      if (this.#builder.parts.length === 0) return this.#onError(error);
      // What came before the error is told before it, however they were cut into chunks.
      this.#held = { error };
    }
    if (this.#builder.parts.length === 0) return this.#readOn();
    this.#tell(this.#builder.parts);
    if (!this.#isUnread) return this.#resolve(this.take());
    this.#builder.parts = [];
    this.#started();
    this.#readOn();
  };

  /** What came to its end mark is an answer, whatever becomes of the connection then. */
  #isWhole(thrown: unknown): boolean {
    if (!this.#builder.isFinished || this.#stopped !== undefined) return false;
    const own = wireFaultIn(thrown);
    return own === undefined ? networkFault(thrown) !== undefined : own.fault.code === "stream-idle";
  }

  readonly #onError = (thrown: unknown): void => {
    if (this.#isWhole(thrown)) return this.#onEvent({ done: true, value: undefined });
    this.#recover(thrown).then(
      () => this.#readOn(),
      (error: unknown) => this.#reject(error),
    );
  };

  /** To whoever follows the run, whether anybody here reads them or not. */
  #tell(parts: readonly StreamPart[]): void {
    const tell = this.#order.scope?.deltas;
    if (tell !== undefined) for (const part of parts) tell(part);
  }

  /** The parts that nobody has taken yet. */
  take(): StreamPart[] {
    const { parts } = this.#builder;
    if (parts.length > 0) {
      this.#builder.parts = [];
      this.#yielded();
    }
    return parts;
  }

  /** Ends the call since nobody reads on; also while it waits. */
  stop(reason: unknown): AsimovError | undefined {
    if (this.#isEnded) return undefined;
    this.#stopped = { reason };
    this.#stopper?.abort(reason);
    this.#attempt?.abort(reason);
    const error = this.#errorOf(reason);
    this.#spent = this.#usage();
    this.#builder.used = {};
    return this.#fail(error);
  }

  #yielded(): void {
    this.#hasYielded = true;
    this.#started();
  }

  #started(): void {
    if (this.#hasStarted) return;
    this.#hasStarted = true;
    this.#trace.firstPart();
  }

  #signal(): AbortSignal {
    this.#stopper ??= new AbortController();
    if (this.#stopped !== undefined) this.#stopper.abort(this.#stopped.reason);
    return this.#stopper.signal;
  }

  #throwIfStopped(): void {
    if (this.#stopped !== undefined) throw this.#stopped.reason;
  }

  async #begin(): Promise<Attempt> {
    const { wire, rateLimiter, prices, model, limits } = this.#settings;
    const { request, estimate, scope, isStreamed, idleTimeoutMs } = this.#order;
    this.#throwIfStopped();
    if (this.#settle === undefined) {
      const price = prices(wire.provider, model);
      const tokens = estimate + (request.maxTokens ?? 0);
      const worst: Usage = { ...NO_USAGE, inputTokens: estimate, outputTokens: request.maxTokens ?? 0 };
      this.#settle = scope?.admit({ model, tokens, cost: price === undefined ? undefined : costOf(worst, price) }) ?? (() => {});
    }
    if (!rateLimiter.tryAdmit(estimate)) await this.#waitInLine();
    this.#booked += estimate;
    this.#throwIfStopped();
    this.#attempts += 1;
    this.#requestId = undefined;
    this.#headers = undefined;
    this.#builder = this.#newBuilder();
    this.#attempt = this.#trace.run(
      () =>
        new Attempt(wire, this.#builder, {
          fetch: this.#settings.fetch,
          clock: this.#settings.services.clock,
          limits: { ...limits, idleTimeoutMs },
          streaming: isStreamed,
          onHeaders: (_status, headers) => {
            this.#requestId = headers.get("request-id") ?? headers.get("x-request-id") ?? undefined;
            this.#headers = { told: headers, at: this.#settings.services.clock.now() };
            rateLimiter.observe(headers);
          },
        }),
    );
    return this.#attempt;
  }

  /** Until the limits let the next attempt pass. @throws WireFault `timeout` where that would be too late */
  async #waitInLine(): Promise<void> {
    const { estimate } = this.#order;
    const reason = this.#waits.whyNotInLine(estimate);
    if (reason !== undefined) this.#stopped = { reason };
    this.#throwIfStopped();
    await this.#waits.inLine(estimate, this.#signal());
  }

  #newBuilder(): GenerationBuilder {
    const { wire, model, services } = this.#settings;
    return new GenerationBuilder({ provider: wire.provider, model, takenIds: this.#order.toolUseIds, ids: services.ids });
  }

  #succeed(answer: BuiltAnswer, raw: unknown): Generation {
    const told = this.#usage();
    const usage = told ?? UNTOLD_USAGE;
    const { id, warnings } = this.#builder;
    const generation: Generation = {
      ...answer,
      ...this.#toldBeside(),
      output: undefined,
      usage,
      warnings: [...this.#order.warnings, ...warnings],
      raw,
    };
    this.#end(usage, told === undefined);
    this.#trace.succeed(generation, id, this.#attempts);
    return generation;
  }

  /** What came with the answer, not in it. */
  #toldBeside(): Pick<Generation, "headers" | "rateLimits"> {
    if (this.#headers === undefined) return { headers: {}, rateLimits: {} };
    const { told, at } = this.#headers;
    return { headers: answerHeaders(told, this.#secrets), rateLimits: providerLimits(told, at) };
  }

  /** Never to be shown, whoever says them. */
  get #secrets(): string[] {
    return [...this.#settings.secrets, ...(this.#attempt?.secrets ?? [])];
  }

  /** Returns when another attempt may start. @throws the error that the call ends with */
  async #recover(thrown: unknown): Promise<void> {
    const { retry, rateLimiter } = this.#settings;
    const error = this.#errorOf(thrown);
    this.#attempt?.close();
    this.#attempt = undefined;
    this.#spent = this.#usage();
    this.#builder.used = {};
    const isLast = !error.retryable || this.#hasYielded || this.#stopped !== undefined;
    if (isLast || !(error instanceof InferenceError)) throw this.#fail(error);
    const { retryAfter } = error;
    if (retryAfter !== undefined && retryAfter > 0) rateLimiter.heed(retryAfter);
    if (this.#attempts >= retry.maxAttempts) throw this.#fail(this.#attempts === 1 ? error : this.#exhausted(error, ""));
    const wait = this.#waits.beforeRetry(this.#attempts, retryAfter);
    if ("why" in wait) throw this.#fail(this.#exhausted(error, wait.why));
    this.#trace.retry(error, wait.ms);
    try {
      await this.#waits.pause(wait.ms, wait.reason, this.#signal());
    } catch (reason) {
      throw this.#fail(this.#errorOf(reason));
    }
  }

  #exhausted(cause: InferenceError, why: string): RetriesExceededError {
    return exhausted(cause, { attempts: this.#attempts, why, usage: this.#spent });
  }

  #errorOf(thrown: unknown): AsimovError {
    const { wire, model } = this.#settings;
    const usage = this.#usage();
    const partial = this.#builder.blocks();
    const about = {
      provider: wire.provider,
      model,
      request: this.#order.request,
      secrets: this.#secrets,
      ...(usage === undefined ? {} : { usage }),
      ...(partial.length === 0 ? {} : { partial }),
    };
    const stopped = this.#stopped === undefined ? undefined : wireFaultIn(this.#stopped.reason);
    // A budget that is exceeded stops the run, and so this call, before it says so.
    if (thrown instanceof NonRetryableError && thrown.code === "budget-exceeded") return thrown;
    if (this.#stopped !== undefined && stopped === undefined) return aborted(this.#stopped.reason, about);
    const own = stopped ?? wireFaultIn(thrown);
    if (own === undefined && thrown instanceof AsimovError) return thrown;
    const fault = own?.fault ?? wire.toFault(thrown) ?? networkFault(thrown);
    const told = waitOf(
      fault ?? { kind: "final", code: "inference-failed", detail: messageOf(thrown) },
      this.#settings.services.clock.now(),
    );
    return errorOf(this.#requestId === undefined ? told : { requestId: this.#requestId, ...told }, about);
  }

  /** All that the call has used so far, priced; `undefined` as long as the provider has told nothing. */
  #usage(): Usage | undefined {
    const { used } = this.#builder;
    if (Object.keys(used).length === 0) return this.#spent;
    const tokens: Usage = { ...UNTOLD_USAGE, ...used };
    const { prices, wire, model } = this.#settings;
    const price = prices(wire.provider, model);
    const cost = used.cost ?? (price === undefined ? undefined : costOf(tokens, price));
    const usage = cost === undefined ? tokens : { ...tokens, cost };
    return this.#spent === undefined ? usage : addUsage(this.#spent, usage);
  }

  #fail(error: AsimovError): AsimovError {
    if (!this.#isEnded) {
      const { prices, wire, model } = this.#settings;
      const usage = this.#spent ?? unusedAt(prices(wire.provider, model));
      this.#end(usage, false);
      this.#trace.fail(error, usage, this.#attempts);
    }
    return error;
  }

  /** An answer whose provider tells no usage counts as estimated: else no limit would hold there. */
  #end(usage: Usage, isUntold: boolean): void {
    this.#isEnded = true;
    this.#unlink();
    this.#attempt?.close();
    this.#attempt = undefined;
    this.#settings.rateLimiter.settle(this.#booked, isUntold ? this.#booked : totalTokens(usage));
    this.#settings.count(usage);
    this.#settle?.(usage, isUntold);
  }
}
