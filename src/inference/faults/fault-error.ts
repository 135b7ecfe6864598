/** The one place that makes errors of faults: who failed, what happened, in the provider's words as far as they may be shown, and what to do. */

import { asimovErrorOf } from "#contract/base/errors";
import {
  ContextLengthExceededError,
  FinalInferenceError,
  InferenceError,
  type InferenceFacts,
  RetriesExceededError,
} from "#contract/chat/errors";
import type { ContentBlock } from "#contract/chat/message";
import type { Usage } from "#contract/chat/usage";
import type { Fault, ModelRequest } from "#contract/chat/wire";
import { WireFault } from "#contract/chat/wire-fault";
import { safeDetail } from "./safe-detail.ts";

/** SDKs wrap what their fetch threw. */
export function wireFaultIn(thrown: unknown): WireFault | undefined {
  let error = thrown;
  for (let depth = 0; depth < 5 && typeof error === "object" && error !== null; depth++) {
    if (error instanceof WireFault) return error;
    error = (error as { cause?: unknown }).cause;
  }
  return undefined;
}

interface FaultContext {
  provider: string;
  model: string;
  /** Nothing of it is shown, even where the provider repeats it. */
  request?: ModelRequest;
  /** Never shown either. */
  secrets?: readonly string[];
  usage?: Usage;
  partial?: ContentBlock[];
  /** Kept only when it is an error of ours: an SDK's own holds headers and bodies. */
  cause?: unknown;
}

interface Story {
  happened: string;
  advice: string;
}

/** Where each provider's client takes its key from. */
const KEYS: ReadonlyMap<string, string> = new Map([
  ["anthropic", "the option apiKey or ANTHROPIC_API_KEY"],
  ["openai", "the option apiKey or OPENAI_API_KEY"],
  ["aws.bedrock", "the option credentials, or AWS_BEARER_TOKEN_BEDROCK, AWS_ACCESS_KEY_ID with AWS_SECRET_ACCESS_KEY or AWS_PROFILE"],
  ["gcp.vertex_ai", "GOOGLE_APPLICATION_CREDENTIALS, and the options project and location"],
  ["gcp.gemini", "the option apiKey, or GEMINI_API_KEY or GOOGLE_API_KEY"],
  ["gcp.gen_ai", "the option apiKey, or GEMINI_API_KEY or GOOGLE_API_KEY"],
]);
/** What the option for another address is called. */
const ADDRESSES: ReadonlyMap<string, string> = new Map([
  ["aws.bedrock", "endpoint"],
  ["gcp.vertex_ai", "apiEndpoint"],
]);

/** @returns an error that may be logged: it holds no key, header or prompt */
export function errorOf(fault: Fault, about: FaultContext): InferenceError | FinalInferenceError | ContextLengthExceededError {
  const { provider, model, request, secrets = [], usage, partial } = about;
  const code = codeOf(fault);
  const story = storyOf(code, fault, about);
  const { happened, advice } = fault.advice === undefined ? story : { ...story, advice: fault.advice };
  const reason = safeDetail(fault.reason ?? "", secrets, request);
  const detail = safeDetail(fault.detail ?? "", secrets, fault.isOwnDetail === true ? undefined : request);
  const facts = [fault.status === undefined ? "" : `status ${fault.status}`, reason === "" ? "" : `reason ${reason}`].filter(Boolean);
  const message = `${provider} ${model}: ${happened}${facts.length === 0 ? "" : ` (${facts.join(", ")})`}${detail === "" ? "" : `: ${detail}`}`;
  const known = {
    status: fault.status,
    retryAfter: fault.retryAfterMs,
    requestId: fault.requestId && safeDetail(fault.requestId, secrets, undefined),
    usage,
    partial,
  };
  const options = {
    code,
    cause: asimovErrorOf(about.cause),
    provider,
    model,
    ...(Object.fromEntries(Object.entries(known).filter(([, value]) => value !== undefined)) as Partial<InferenceFacts>),
  };
  const text = `${message}${/[.!?…]$/.test(message) ? "" : "."} ${advice}`;
  if (fault.kind === "context-length") return new ContextLengthExceededError(text, options);
  return fault.kind === "final" ? new FinalInferenceError(text, options) : new InferenceError(text, { ...options, retryable: true });
}

/** The error of a call that was ended from outside; its cause is the signal's reason. */
export function aborted(reason: unknown, about: FaultContext): InferenceError {
  const { provider, model, usage, partial } = about;
  const error = new InferenceError(`${provider} ${model}: the call was aborted.`, {
    code: "aborted",
    cause: reason,
    provider,
    model,
    ...(usage === undefined ? {} : { usage }),
    ...(partial === undefined ? {} : { partial }),
  });
  error.name = "AbortError";
  return error;
}

function codeOf({ kind, code, status, reason = "" }: Fault): string {
  if (kind === "context-length") return "context-length-exceeded";
  if (code !== undefined) return code;
  if (kind === "retryable") {
    if (status === 429 || /rate_?limit|throttl|resource_exhausted/i.test(reason)) return "rate-limited";
    if (status === 529 || status === 503 || /overload|unavailable/i.test(reason)) return "overloaded";
    return "inference-failed";
  }
  if (status === 402 || /quota|billing|credit|spend|payment/i.test(reason)) return "quota-exceeded";
  if (status === 401 || status === 403) return "unauthorized";
  if (status === 404) return "model-not-found";
  return "invalid-request";
}

function storyOf(code: string, { status, retryAfterMs }: Fault, { provider, model }: FaultContext): Story {
  const key = KEYS.get(provider) ?? "the client's key";
  const address = ADDRESSES.get(provider) ?? "baseURL";
  const later = retryAfterMs === undefined ? "Try later" : `Try again in ${Math.ceil(retryAfterMs / 1000)} s`;
  switch (code) {
    case "context-length-exceeded":
      return { happened: "the conversation is longer than the model reads", advice: "Send fewer or shorter messages and tools." };
    case "unauthorized":
      return status === 403
        ? { happened: "the key may not do this", advice: `Check what the key may use, and that it is the right one: ${key}.` }
        : { happened: "the key was refused", advice: `Set a valid one: ${key}.` };
    case "quota-exceeded":
      return { happened: "the account has nothing left to spend", advice: "Check its plan and billing; another attempt cannot help." };
    case "model-not-found":
      return { happened: "no such model or address", advice: `Check the model's name "${model}", access to it, and ${address}.` };
    case "invalid-request":
      return status === 413
        ? { happened: "the request is too big", advice: "Send fewer or smaller messages, images and tools." }
        : { happened: "the request was refused", advice: "Change what the provider names; the same request would fail again." };
    case "unsupported":
      return { happened: "the model cannot do what was asked", advice: "Leave that option out, or use another model." };
    case "rate-limited":
      return { happened: "too many requests or tokens", advice: `${later}, or set the client's limits to those of the account.` };
    case "overloaded":
      return { happened: "the service is overloaded", advice: `${later}, or use another model.` };
    case "network":
      return { happened: "the service could not be reached, or the connection broke", advice: `Check the network and ${address}.` };
    case "hostile-response":
      return {
        happened: "the answer is not what this provider's API gives",
        advice: `Check that ${address} is the address of the API, and what stands between.`,
      };
    case "stream-truncated":
      return { happened: "the stream ended before the answer did", advice: "Try again; if it lasts, look at what stands between." };
    case "stream-idle":
      return { happened: "the service went silent", advice: "Try again, or raise idleTimeoutMs." };
    case "timeout":
      return {
        happened: retryAfterMs === undefined ? "the call took too long" : "the call would take too long",
        advice: "Ask for less, or raise timeoutMs.",
      };
    case "empty-response":
      return { happened: "the answer is empty", advice: `Try again; if it lasts, check ${address} and the model.` };
    default:
      return { happened: "the call failed", advice: `${later}; if it lasts, look at the provider's status page.` };
  }
}

/** The error of a call that is not tried again. @param about `why` follows the count of attempts */
export function exhausted(cause: InferenceError, about: { attempts: number; why: string; usage: Usage | undefined }): RetriesExceededError {
  const { provider, model, status, retryAfter, requestId } = cause;
  const { attempts, why, usage } = about;
  const known = { status, retryAfter, requestId, usage };
  const facts = Object.fromEntries(Object.entries(known).filter(([, value]) => value !== undefined));
  const count = `${attempts} ${attempts === 1 ? "attempt" : "attempts"}`;
  const message = `${provider} ${model}: no answer after ${count}${why}. The last one: ${cause.message}`;
  return new RetriesExceededError(message, { provider, model, ...facts, attempts, cause });
}
