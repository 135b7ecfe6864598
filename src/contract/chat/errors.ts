/** The errors of calling models: they name provider, model, status and what to change, and hold no key, header or prompt. */

import { brand } from "#contract/base/brand";
import { AsimovError, type AsimovErrorOptions, NonRetryableError } from "#contract/base/errors";
import type { FinishReason } from "./generation.ts";
import type { ContentBlock } from "./message.ts";
import type { Usage } from "./usage.ts";

/** What is known of a call that failed. */
export interface InferenceFacts {
  /** As OpenTelemetry names it, such as `"anthropic"` or `"aws.bedrock"`. */
  provider: string;
  model: string;
  /** HTTP status, where one came. */
  status?: number;
  /** Milliseconds that the provider asked to wait. */
  retryAfter?: number;
  /** The provider's id of the request. */
  requestId?: string;
  /** What the call used although it failed; it is paid for. */
  usage?: Usage;
  /** What had streamed before it failed. */
  partial?: readonly ContentBlock[];
  /** How the answer ended that came, and did not fit. */
  finishReason?: FinishReason;
}

/** @throws nothing; sets what is known, so that an unknown status is absent, not `undefined` */
function takeFacts(error: object, { provider, model, status, retryAfter, requestId, usage, partial, finishReason }: InferenceFacts): void {
  const known = Object.entries({ provider, model, status, retryAfter, requestId, usage, finishReason }).filter(
    ([, value]) => value !== undefined,
  );
  Object.assign(error, Object.fromEntries(known));
  // Answers may be long and private: reachable by name, not printed with the error.
  if (partial !== undefined) Object.defineProperty(error, "partial", { value: partial, enumerable: false });
}

/**
 * A call of a model that failed. `retryable` says whether the same call may succeed later.
 * Codes: `inference-failed`, `stream-truncated`, `stream-idle`, `empty-response`, `hostile-response`, `rate-limited`, `overloaded`,
 * `network`, `aborted` (its name is then `AbortError`), and those of its kinds below, all of which are instances of it.
 *
 * @example
 * try { await client.generate(messages) } catch (error) {
 *   if (error instanceof InferenceError && error.status === 402) topUp(error.provider);
 * }
 */
export class InferenceError extends AsimovError implements InferenceFacts {
  declare readonly provider: string;
  declare readonly model: string;
  declare readonly status?: number;
  declare readonly retryAfter?: number;
  declare readonly requestId?: string;
  declare readonly usage?: Usage;
  declare readonly partial?: readonly ContentBlock[];
  declare readonly finishReason?: FinishReason;

  constructor(message: string, options: AsimovErrorOptions & InferenceFacts) {
    super(message, options);
    takeFacts(this, options);
  }
}

brand(InferenceError, "InferenceError");

/** A call that cannot succeed as it is: a `NonRetryableError`, so that its node fails at once. Codes: `invalid-request`, `unauthorized`, `model-not-found`, `quota-exceeded`, `unsupported`. */
export class FinalInferenceError extends NonRetryableError implements InferenceFacts {
  declare readonly provider: string;
  declare readonly model: string;
  declare readonly status?: number;
  declare readonly retryAfter?: number;
  declare readonly requestId?: string;
  declare readonly usage?: Usage;
  declare readonly partial?: readonly ContentBlock[];

  constructor(message: string, options: { code: string; cause?: unknown } & InferenceFacts) {
    super(message, options);
    takeFacts(this, options);
  }
}

// Whoever retries takes it for a NonRetryableError; whoever asks for errors of models finds it, too.
brand(FinalInferenceError, "FinalInferenceError", "InferenceError");

/** The conversation is longer than the model reads. Code `context-length-exceeded`. */
export class ContextLengthExceededError extends FinalInferenceError {}

brand(ContextLengthExceededError, "ContextLengthExceededError");

/** Every attempt failed, or the provider asks for a longer wait than is allowed; `cause` is the last error. Code `retries-exceeded`. */
export class RetriesExceededError extends InferenceError {
  readonly attempts: number;

  constructor(message: string, options: InferenceFacts & { attempts: number; cause: InferenceError }) {
    super(message, { ...options, code: "retries-exceeded", retryable: true });
    this.attempts = options.attempts;
  }
}

brand(RetriesExceededError, "RetriesExceededError");
