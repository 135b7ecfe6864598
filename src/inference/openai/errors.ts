/** What the SDK's errors are, told by their fields: it may be installed twice, and its classes with it. */
import { messageOf } from "#contract/base/errors";
import type { Fault } from "#contract/chat/wire";
import { isContextOverflow } from "#inference/faults/context-overflow";
import { retryAfterOf } from "#inference/faults/retry";

/** What is read of an APIError of the SDK. */
interface SdkError {
  status?: unknown;
  headers?: unknown;
  /** The member `error` of the body; in a stream, all that was told. */
  error?: unknown;
  requestID?: unknown;
}

/** As OpenAI writes it; other servers put a status where a code should be. */
interface ErrorBody {
  code?: unknown;
  type?: unknown;
  message?: unknown;
  status?: unknown;
}

const NO_KEY = /^Missing credentials|OPENAI_API_KEY environment variable is missing/;
const QUOTA = /insufficient_quota|billing/;
/** In the middle of a stream no status comes: only these cannot pass. */
const LASTING =
  /^(?:invalid|authenti|permission|unsupported|image_|empty_image|failed_to_download|bad_request)|not_found|quota|billing|policy/i;

/** `undefined` for errors of the network, and for what is none of the SDK's. */
export function toFault(error: unknown): Fault | undefined {
  if (typeof error !== "object" || error === null) return undefined;
  if (NO_KEY.test(messageOf(error))) {
    return { kind: "final", code: "unauthorized", detail: "no key was given, and none was found", isOwnDetail: true };
  }
  const { status, headers, error: body, requestID } = error as SdkError;
  const told = headers instanceof Headers ? headers : undefined;
  if (typeof status !== "number") return body === undefined || body === null ? undefined : faultOfBody(body);
  return {
    ...faultOfBody(body ?? messageOf(error), { status, advice: told?.get("x-should-retry") ?? null }),
    ...(told === undefined ? {} : retryAfterOf(told)),
    ...(typeof requestID === "string" ? { requestId: requestID } : {}),
  };
}

/** @param about what is known beside the body; in a stream there is nothing */
export function faultOfBody(body: unknown, about: { status?: number; advice?: string | null } = {}): Fault {
  const { code, type, message, status: own } = (typeof body === "object" && body !== null ? body : { message: body }) as ErrorBody;
  const status = about.status ?? [code, own].find((value): value is number => typeof value === "number" && value >= 400 && value <= 599);
  // In a stream the type says no more than that it is an error.
  const words = [code, type].filter((value): value is string => typeof value === "string" && value !== "" && value !== "error");
  const [reason] = words;
  const facts = {
    ...(status === undefined ? {} : { status }),
    ...(reason === undefined ? {} : { reason }),
    ...(typeof message === "string" && message !== "" ? { detail: message } : {}),
  };
  if ((status ?? 400) < 500 && status !== 429 && isContextOverflow([...words, facts.detail].join(" "))) {
    return { kind: "context-length", ...facts };
  }
  if (words.some((word) => QUOTA.test(word))) return { kind: "final", code: "quota-exceeded", ...facts };
  if (mayPass(status, words, about.advice)) return { kind: "retryable", ...facts };
  // Told not to try again: what was spent does not come back by waiting.
  return { kind: "final", ...(status === 429 ? { code: "quota-exceeded" } : {}), ...facts };
}

/** @param advice the header x-should-retry, which says it outright */
function mayPass(status: number | undefined, words: readonly string[], advice: string | null | undefined): boolean {
  if (status === undefined) return !words.some((word) => LASTING.test(word));
  if (advice === "true" || advice === "false") return advice === "true";
  return status === 408 || status === 409 || status === 429 || status >= 500;
}
