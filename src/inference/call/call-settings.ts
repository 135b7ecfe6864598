/** What a client is made with, as users write it and as its calls read it. */
import * as z from "zod/mini";
import { lazily } from "#contract/base/lazily";
import { clockSchema, isFunction, nonEmpty } from "#contract/base/options";
import type { Services } from "#contract/base/services";
import type { Telemetry } from "#contract/base/telemetry";
import type { Generation, Thinking } from "#contract/chat/generation";
import type { Usage } from "#contract/chat/usage";
import type { ModelRequest, Wire } from "#contract/chat/wire";
import { type RetryPolicy, retrySchema } from "#inference/faults/retry";
import type { ModelPrice } from "#inference/prices/model-price";
import type { Prices } from "#inference/prices/prices";
import type { Capabilities } from "#inference/request/capabilities";
import type { RateLimiter } from "./rate-limiter.ts";

/**
 * A wait of a call before an attempt: `"retry-after"` as long as the provider asked for; `"backoff"` of our own, before another attempt;
 * `"limits"` for the client's option of that name; `"provider-limits"` since the headers of earlier answers told that little is left.
 */
export interface CallPause {
  reason: "retry-after" | "backoff" | "limits" | "provider-limits";
  /** How long it lasted: less than was asked for where the call was ended meanwhile. */
  ms: number;
}

/** One call as it went, for logs of one's own; it holds what was said. */
export interface CallRecord {
  provider: string;
  model: string;
  request: ModelRequest;
  response?: Generation;
  error?: Error;
  usage: Usage;
  /** All attempts, with the waits between them. */
  durationMs: number;
  attempts: number;
  /** The waits, in their order; those under a millisecond are none. */
  pauses: readonly CallPause[];
}

/** Of one answer, where the options do not say. */
export const MAX_RESPONSE_BYTES = 134_217_728;

/** What every client takes, besides its provider's own. */
export interface ClientOptions {
  /** Tokens that an answer may have at most, where a call does not say. */
  maxTokens?: number;
  /** Where a call does not say. */
  thinking?: Thinking;
  retry?: RetryPolicy;
  /** Calls wait so that they stay under these; none by default. */
  limits?: { requestsPerMinute?: number; tokensPerMinute?: number };
  /** Dollars per million tokens, in place of the table that comes with the library: a model that is not there has no known price. */
  prices?: Prices;
  /** What the model can do, where the table that comes with the library is wrong. */
  capabilities?: Partial<Capabilities>;
  /** What becomes of an option that the model does not know: left out with a warning, or an error. Default `"warn"`. */
  unsupported?: "warn" | "error";
  /** Milliseconds that a whole call may take, with its retries, its waits and the reading of its stream; a wait that would outlast them fails it at once. Default 3,600,000, an hour. */
  timeoutMs?: number;
  /** Bytes of one answer, at least 1. Default 134,217,728 (128 MiB). */
  maxResponseBytes?: number;
  /** Called when a call has ended. One that throws breaks nothing. */
  onTrace?: (record: CallRecord) => void;
  /** Whether spans hold what was said. Default false. */
  captureContent?: boolean;
  /** Time, ids and chance, each in place of the system's: for tests on simulated time. */
  services?: Partial<Services>;
}

const limit = z.union([z.number().check(z.gte(1)), z.literal(Number.POSITIVE_INFINITY)], {
  message: "expected a number, at least 1, or Infinity",
});

/** To be spread into a provider's own `z.strictObject({ ...clientShape, apiKey: … })`. */
export const clientShape = lazily(() => ({
  maxTokens: z.optional(z.int().check(z.gte(1))),
  thinking: z.optional(z.custom<Thinking>((value) => typeof value === "boolean" || (typeof value === "object" && value !== null))),
  retry: z.optional(retrySchema()),
  limits: z.optional(
    z.strictObject({
      requestsPerMinute: z.optional(z.number().check(z.positive())),
      tokensPerMinute: z.optional(z.number().check(z.positive())),
    }),
  ),
  prices: z.optional(
    z.union([
      z.custom<Exclude<Prices, object>>(isFunction),
      z.record(
        z.string(),
        z.custom<ModelPrice>((value) => typeof (value as ModelPrice | null)?.input === "number", {
          message: "expected a price: { input, output, … }",
        }),
      ),
    ]),
  ),
  capabilities: z.optional(z.custom<Partial<Capabilities>>((value) => typeof value === "object" && value !== null)),
  unsupported: z.optional(z.enum(["warn", "error"])),
  timeoutMs: z.optional(limit),
  maxResponseBytes: z.optional(limit),
  onTrace: z.optional(z.custom<(record: CallRecord) => void>(isFunction, { message: "expected a function" })),
  captureContent: z.optional(z.boolean()),
  services: z.optional(
    z.strictObject({
      clock: z.optional(clockSchema),
      ids: z.optional(z.custom<() => string>(isFunction, { message: "expected a function" })),
      random: z.optional(z.custom<() => number>(isFunction, { message: "expected a function" })),
    }),
  ),
}));

export const httpAddress = z.url({ protocol: /^https?$/, message: "expected an http or https address" });

/** As `clientShape`, for clients that are called by an address and a key. */
export const addressedShape = lazily(() => ({
  ...clientShape(),
  model: nonEmpty,
  apiKey: z.optional(nonEmpty),
  baseURL: z.optional(httpAddress),
  fetch: z.optional(z.custom<typeof fetch>(isFunction, { message: "expected a function" })),
}));

/** What the calls of one client share. */
export interface CallSettings {
  readonly services: Services;
  readonly wire: Wire;
  readonly model: string;
  readonly fetch: typeof fetch;
  readonly retry: Required<RetryPolicy>;
  readonly rateLimiter: RateLimiter;
  readonly prices: (provider: string, model: string) => ModelPrice | undefined;
  readonly timeoutMs: number;
  readonly limits: { maxBytes: number; maxLineBytes: number };
  readonly telemetry: Telemetry;
  readonly captureContent: boolean;
  readonly onTrace: ((record: CallRecord) => void) | undefined;
  /** Never to be shown, whoever says them. */
  readonly secrets: readonly string[];
  /** Adds to the client's running total. */
  count(usage: Usage): void;
}
