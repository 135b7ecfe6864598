/** When another attempt starts: exponential with full jitter, or as the provider asks, within a cap. */
import * as z from "zod/mini";
import { someMs } from "#contract/base/durations";
import { lazily } from "#contract/base/lazily";
import { setLongTimeout } from "#contract/base/long-timer";
import type { Clock } from "#contract/base/services";
import type { Fault } from "#contract/chat/wire";

const MOST_DOUBLINGS = 50;

/** How often a call is made again, after what may succeed later. */
export interface RetryPolicy {
  /** All attempts, the first one too; at least 1. Default 3. */
  maxAttempts?: number;
  /** Milliseconds before the second attempt at most; doubles from attempt to attempt. Default 500. */
  initialDelayMs?: number;
  /** Milliseconds that the doubling ends at, at least a given `initialDelayMs`. Default 30,000, or `initialDelayMs` where that is longer. */
  maxDelayMs?: number;
  /** Milliseconds that a provider may ask to wait; the call fails at once when it asks for more. Default 120,000. */
  maxRetryAfterMs?: number;
}

/** What a policy leaves open. */
export function retryPolicyOf({
  maxAttempts = 3,
  initialDelayMs = 500,
  maxRetryAfterMs = 120_000,
  maxDelayMs,
}: RetryPolicy = {}): Required<RetryPolicy> {
  return { maxAttempts, initialDelayMs, maxRetryAfterMs, maxDelayMs: maxDelayMs ?? Math.max(30_000, initialDelayMs) };
}

export const retrySchema = lazily(() =>
  z
    .strictObject({
      maxAttempts: z.optional(z.int().check(z.gte(1))),
      initialDelayMs: z.optional(someMs(0)),
      maxDelayMs: z.optional(someMs(0)),
      maxRetryAfterMs: z.optional(someMs(0)),
    })
    .check(
      z.refine(({ initialDelayMs = 0, maxDelayMs = initialDelayMs }) => maxDelayMs >= initialDelayMs, {
        path: ["maxDelayMs"],
        message: "expected at least initialDelayMs",
      }),
    ),
);

/**
 * @param failedAttempts at least 1
 * @param retryAfterMs what the provider asked for; 0 and what is no duration count as nothing
 * @param random from 0 up to, not with, 1
 * @returns milliseconds, or that the provider asks for more than the policy allows
 */
export function delayBeforeRetry(
  failedAttempts: number,
  policy: RetryPolicy,
  retryAfterMs: number | undefined,
  random: () => number,
): number | "too-long" {
  const { initialDelayMs, maxDelayMs, maxRetryAfterMs } = retryPolicyOf(policy);
  if (retryAfterMs !== undefined && retryAfterMs > 0) return retryAfterMs > maxRetryAfterMs ? "too-long" : retryAfterMs;
  // Nothing doubled for ever would be no number.
  return Math.min(maxDelayMs, initialDelayMs * 2 ** Math.min(failedAttempts - 1, MOST_DOUBLINGS)) * random();
}

/** What `retry-after-ms` or `retry-after`, in seconds or as a date, asks for; nothing where nothing readable is asked. */
export function retryAfterOf(headers: Headers): Pick<Fault, "retryAfterMs" | "retryAt"> {
  const asked = headers.get("retry-after")?.trim();
  const retryAfterMs = [numberIn(headers.get("retry-after-ms")), numberIn(asked, 1000)].find((ms) => ms !== undefined && ms >= 0);
  if (retryAfterMs !== undefined) return { retryAfterMs };
  const retryAt = dateIn(asked);
  return retryAt === undefined ? {} : { retryAt };
}

/** The fault with a wait in place of a moment. @param now milliseconds since 1970 */
export function waitOf({ retryAt, ...fault }: Fault, now: number): Fault {
  return retryAt === undefined || fault.retryAfterMs !== undefined ? fault : { ...fault, retryAfterMs: Math.max(0, retryAt - now) };
}

function numberIn(text: string | null | undefined, unitMs = 1): number | undefined {
  // `Number` alone would take "", "0x10" and "Infinity".
  return text != null && /^-?\d+(?:\.\d+)?$/.test(text.trim()) ? Number(text) * unitMs : undefined;
}

/** `Date.parse` takes almost anything with a number in it: only what starts as an HTTP date does, by its weekday, is read. */
function dateIn(text: string | undefined): number | undefined {
  const at = text !== undefined && /^(?:mon|tue|wed|thu|fri|sat|sun)/i.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? undefined : at;
}

/** Waits. Rejects with the signal's reason once that is aborted, at once when it is already. */
export function pause(ms: number, signal: AbortSignal, clock: Clock): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const onAbort = (): void => {
      cancel();
      reject(signal.reason);
    };
    const fire = (): void => {
      signal.removeEventListener("abort", onAbort);
      resolve();
    };
    const cancel = setLongTimeout(ms, fire, clock);
    signal.addEventListener("abort", onAbort, { once: true });
  });
}
