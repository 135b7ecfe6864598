/** The waits of one call before its attempts: each is told, and none begins that would outlast the call's time limit. */
import { WireFault } from "#contract/chat/wire-fault";
import { delayBeforeRetry, pause } from "#inference/faults/retry";
import type { CallPause, CallSettings } from "./call-settings.ts";
import type { CallTrace } from "./call-trace.ts";

export class CallWaits {
  readonly #settings: CallSettings;
  readonly #trace: CallTrace;

  constructor(settings: CallSettings, trace: CallTrace) {
    this.#settings = settings;
    this.#trace = trace;
  }

  /** Why a request of about so many tokens cannot wait for its turn; nothing where it can. */
  whyNotInLine(tokens: number): WireFault | undefined {
    const { rateLimiter, timeoutMs } = this.#settings;
    const { ms, reason } = rateLimiter.expect(tokens);
    const leftMs = this.#leftMs;
    if (ms < leftMs) return undefined;
    const whose = reason === "limits" ? "the client's limits let" : "the provider's limits, as its headers tell them, let";
    const detail = `${whose} it pass in ${ms} ms, and timeoutMs (${timeoutMs}) leaves it ${whole(leftMs)} ms`;
    return new WireFault({ kind: "retryable", code: "timeout", detail, isOwnDetail: true, retryAfterMs: ms });
  }

  /** Until the limits let a request of about so many tokens pass. Rejects with the signal's reason. */
  inLine(tokens: number, signal: AbortSignal): Promise<void> {
    const { rateLimiter } = this.#settings;
    const { reason } = rateLimiter.expect(tokens);
    return this.#tell(reason, rateLimiter.admit(tokens, signal));
  }

  /** How long the next attempt waits, or why there is none. @param retryAfterMs what the provider asked for */
  beforeRetry(failedAttempts: number, retryAfterMs: number | undefined): { ms: number; reason: CallPause["reason"] } | { why: string } {
    const { retry, services, timeoutMs } = this.#settings;
    const isAsked = retryAfterMs !== undefined && retryAfterMs > 0;
    const ms = delayBeforeRetry(failedAttempts, retry, retryAfterMs, services.random);
    if (ms === "too-long") {
      return { why: `; the provider asks to wait ${retryAfterMs} ms, which is over maxRetryAfterMs (${retry.maxRetryAfterMs})` };
    }
    const leftMs = this.#leftMs;
    if (ms < leftMs) return { ms, reason: isAsked ? "retry-after" : "backoff" };
    const wait = isAsked ? `the provider asks to wait ${ms} ms` : `the next attempt would wait ${Math.ceil(ms)} ms`;
    return { why: `; ${wait}, and timeoutMs (${timeoutMs}) leaves ${whole(leftMs)} ms` };
  }

  /** Rejects with the signal's reason. */
  pause(ms: number, reason: CallPause["reason"], signal: AbortSignal): Promise<void> {
    const wait = pause(ms, signal, this.#settings.services.clock);
    return ms < 1 ? wait : this.#tell(reason, wait);
  }

  /** One that is cut short is told by the call's end. */
  async #tell(reason: CallPause["reason"], wait: Promise<void>): Promise<void> {
    this.#trace.pause(reason);
    await wait;
    this.#trace.resume();
  }

  get #leftMs(): number {
    return this.#settings.timeoutMs - this.#trace.elapsedMs;
  }
}

const whole = (ms: number): number => Math.max(0, Math.floor(ms));
