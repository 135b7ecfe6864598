/** What is told of one call: its span, its figures and the caller's own record; ended once, on every way out. */
import type { AsimovError } from "#contract/base/errors";
import { monotonicOf } from "#contract/base/services";
import type { Attributes, Span } from "#contract/base/telemetry";
import type { InferenceError } from "#contract/chat/errors";
import type { Generation } from "#contract/chat/generation";
import type { Usage } from "#contract/chat/usage";
import {
  CHAT,
  callAttributes,
  ERROR_TYPE,
  firstChunkAttributes,
  inputContent,
  OPERATION_DURATION,
  outputContent,
  requestAttributes,
  responseAttributes,
  TIME_TO_FIRST_CHUNK,
  TOKEN_TYPE,
  TOKEN_USAGE,
  usageAttributes,
} from "#telemetry/gen-ai";
import type { CallOrder } from "./call-order.ts";
import type { CallPause, CallSettings } from "./call-settings.ts";

export class CallTrace {
  readonly #settings: CallSettings;
  readonly #order: CallOrder;
  readonly #startedAt: number;
  readonly #span: Span;
  readonly #pauses: CallPause[] = [];
  #paused: { reason: CallPause["reason"]; at: number } | undefined;

  constructor(settings: CallSettings, order: CallOrder) {
    this.#settings = settings;
    this.#startedAt = monotonicOf(settings.services.clock);
    this.#order = order;
    const { model, telemetry, captureContent } = settings;
    const { request, isStreamed, scope } = order;
    const attributes = (): Attributes => ({ ...this.#about(), ...requestAttributes(request, isStreamed) });
    this.#span = telemetry.startSpan(`${CHAT} ${model}`, attributes, scope?.span, "client");
    if (captureContent) this.#span.set(() => inputContent(request));
  }

  run<T>(work: () => T): T {
    return this.#span.run(work);
  }

  firstPart(): void {
    const seconds = this.elapsedMs / 1_000;
    this.#span.set(() => firstChunkAttributes(seconds));
    this.#settings.telemetry.record(TIME_TO_FIRST_CHUNK, seconds, this.#about);
  }

  retry(error: InferenceError, delayMs: number): void {
    this.#span.event("retry", { [ERROR_TYPE]: error.code, "asimov.retry.delay_ms": delayMs });
  }

  /** A wait begins: until `resume`, or the call's end. */
  pause(reason: CallPause["reason"]): void {
    this.#paused = { reason, at: this.elapsedMs };
  }

  /** Tells of the wait, by how long it was. */
  resume(): void {
    if (this.#paused === undefined) return;
    const { reason, at } = this.#paused;
    this.#paused = undefined;
    const ms = Math.round(this.elapsedMs - at);
    if (ms === 0) return;
    this.#pauses.push({ reason, ms });
    this.#span.event("pause", { "asimov.pause.reason": reason, "asimov.pause.ms": ms });
  }

  succeed(response: Generation, id: string | undefined, attempts: number): void {
    const { usage } = response;
    this.#span.set(() => ({ ...responseAttributes(response, id), ...resends(attempts) }));
    if (this.#settings.captureContent) this.#span.set(() => outputContent(response));
    this.#span.end();
    this.#figures(usage, {});
    this.#record({ response, usage, attempts });
  }

  fail(error: AsimovError, usage: Usage, attempts: number): void {
    const kind = { [ERROR_TYPE]: error.code };
    this.resume();
    this.#span.set(() => ({ ...usageAttributes(usage), ...resends(attempts) }));
    this.#span.fail(error);
    this.#figures(usage, kind);
    this.#record({ error, usage, attempts });
  }

  /** What figures are told apart by. */
  readonly #about = (): Attributes => {
    const { wire, model } = this.#settings;
    return callAttributes(wire.provider, model, wire.server);
  };

  #figures({ inputTokens, outputTokens }: Usage, kind: Attributes): void {
    const { telemetry } = this.#settings;
    const tokens = (type: string) => (): Attributes => ({ ...this.#about(), [TOKEN_TYPE]: type });
    telemetry.record(OPERATION_DURATION, this.elapsedMs / 1_000, () => ({ ...this.#about(), ...kind }));
    if (inputTokens > 0) telemetry.record(TOKEN_USAGE, inputTokens, tokens("input"));
    if (outputTokens > 0) telemetry.record(TOKEN_USAGE, outputTokens, tokens("output"));
  }

  /** Since the call began. */
  get elapsedMs(): number {
    return monotonicOf(this.#settings.services.clock) - this.#startedAt;
  }

  #record(end: { response?: Generation; error?: Error; usage: Usage; attempts: number }): void {
    const { onTrace, wire, model } = this.#settings;
    if (onTrace === undefined) return;
    try {
      // The call has ended as it has, whatever its log does, at once or later.
      const told: unknown = onTrace({
        provider: wire.provider,
        model,
        request: this.#order.request,
        durationMs: this.elapsedMs,
        pauses: this.#pauses,
        ...end,
      });
      Promise.resolve(told).catch(() => {});
    } catch {}
  }
}

const resends = (attempts: number): Attributes => (attempts > 1 ? { "http.request.resend_count": attempts - 1 } : {});
