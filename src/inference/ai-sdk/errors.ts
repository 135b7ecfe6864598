/** What the errors of the AI SDK's packages are, told by their names: they may be installed several times, in several versions. */
import { messageOf } from "#contract/base/errors";
import type { Fault } from "#contract/chat/wire";
import { isContextOverflow } from "#inference/faults/context-overflow";
import { retryAfterOf } from "#inference/faults/retry";

/** What is read of an `APICallError`, and of what the gateway throws. */
interface CallError {
  name?: unknown;
  statusCode?: unknown;
  responseHeaders?: unknown;
  responseBody?: unknown;
  isRetryable?: unknown;
  /** The body of the refusal, as far as the package could read it. */
  data?: unknown;
  cause?: unknown;
  lastError?: unknown;
}

/** As providers write it, and packages hand it on. */
interface Told {
  type?: unknown;
  code?: unknown;
  status?: unknown;
  message?: unknown;
  error?: unknown;
}

const LASTING = /invalid_request|authentication|permission|not_found|billing|insufficient_quota|too_large|validation|accessdenied/i;
const SPENT = /insufficient_quota|spend_limit|billing|credit/i;

const UNREAD = "not as the provider's package reads it";
const BROKEN = { kind: "retryable", code: "hostile-response" } as const;
const FAULTS: Readonly<Record<string, (error: unknown) => Fault | undefined>> = {
  AI_APICallError: ofCall,
  AI_RetryError: (error) => toFault((error as CallError).lastError),
  // A key or a setting that is missing, in the package's own words.
  AI_LoadAPIKeyError: (error) => ({ kind: "final", code: "unauthorized", detail: messageOf(error), isOwnDetail: true }),
  AI_LoadSettingError: (error) => ({ kind: "final", code: "invalid-request", detail: messageOf(error), isOwnDetail: true }),
  AI_UnsupportedFunctionalityError: (error) => ({ kind: "final", code: "unsupported", detail: messageOf(error) }),
  AI_NoSuchModelError: (error) => ({ kind: "final", code: "model-not-found", detail: messageOf(error) }),
  AI_InvalidPromptError: (error) => ({ kind: "final", code: "invalid-request", detail: messageOf(error) }),
  AI_InvalidArgumentError: (error) => ({ kind: "final", code: "invalid-request", detail: messageOf(error) }),
  AI_EmptyResponseBodyError: () => ({ kind: "retryable", code: "empty-response" }),
  AI_NoContentGeneratedError: () => ({ kind: "retryable", code: "empty-response" }),
  // Their messages hold a piece of the answer.
  AI_JSONParseError: () => ({ ...BROKEN, reason: "broken JSON" }),
  AI_TypeValidationError: (error) => toldIn((error as { value?: unknown }).value) ?? { ...BROKEN, reason: UNREAD },
  AI_InvalidResponseDataError: () => ({ ...BROKEN, reason: UNREAD }),
};

/** `undefined` for errors of the network, and for what is none of the AI SDK's. */
export function toFault(error: unknown): Fault | undefined {
  if (typeof error !== "object" || error === null) return undefined;
  const { name, statusCode } = error as CallError;
  const known = typeof name === "string" && Object.hasOwn(FAULTS, name) ? FAULTS[name] : undefined;
  return known === undefined ? (typeof statusCode === "number" ? ofCall(error) : undefined) : known(error);
}

function ofCall(error: unknown): Fault | undefined {
  const { statusCode, responseHeaders, responseBody, isRetryable, data, cause } = error as CallError;
  // A connection that failed, or an answer that is none.
  const inner = toFault(cause);
  if (typeof statusCode !== "number" || statusCode < 300) return inner;
  const headers = headersOf(responseHeaders);
  const { reason, detail } = wordsOf(data);
  const said = detail ?? (responseBody === "" ? `${statusCode} (no body)` : messageOf(error));
  const advice = headers.get("x-should-retry");
  const requestId = headers.get("request-id") ?? headers.get("x-request-id");
  return {
    ...judged({ reason, detail: said }, statusCode, advice === null ? isRetryable === true : advice === "true"),
    ...retryAfterOf(headers),
    ...(requestId === null ? {} : { requestId }),
  };
}

/** Whether the package says that a stream ended without its end mark; of what it could not read it gives the data. */
export const missesEnd = (error: unknown): boolean =>
  (error as CallError | null)?.name === "AI_InvalidResponseDataError" && (error as CallError).data === undefined;

/** The error in a body that came in the place of an answer. */
function toldIn(body: unknown): Fault | undefined {
  const { error } = (typeof body === "object" && body !== null ? body : {}) as Told;
  return typeof error === "object" && error !== null ? faultOfTold(error) : undefined;
}

/** An error that a stream tells, as the provider wrote it. */
export function faultOfTold(error: unknown): Fault {
  const { reason, detail, status } = wordsOf(error);
  const mayPass = status === undefined ? !LASTING.test(reason ?? "") : status === 408 || status === 409 || status === 429 || status >= 500;
  return judged({ reason, detail }, status, mayPass);
}

function judged(
  { reason, detail }: { reason: string | undefined; detail: string | undefined },
  status: number | undefined,
  mayPass: boolean,
): Fault {
  const facts = {
    ...(status === undefined ? {} : { status }),
    ...(reason === undefined ? {} : { reason }),
    ...(detail === undefined ? {} : { detail }),
  };
  if (isContextOverflow([reason, detail].filter(Boolean).join(" "))) return { kind: "context-length", ...facts };
  // What was spent does not come back by waiting.
  if (status === 429 && SPENT.test(reason ?? "")) return { kind: "final", code: "quota-exceeded", ...facts };
  return { kind: mayPass ? "retryable" : "final", ...facts };
}

function wordsOf(value: unknown): { reason: string | undefined; detail: string | undefined; status: number | undefined } {
  const outer = (typeof value === "object" && value !== null ? value : { message: value }) as Told;
  const told = (typeof outer.error === "object" && outer.error !== null ? outer.error : outer) as Told;
  const text = (...values: unknown[]): string | undefined =>
    values.find((one) => typeof one === "string" && one !== "") as string | undefined;
  const status = [told.status, told.code].find((one) => typeof one === "number" && one >= 300 && one < 600) as number | undefined;
  return { reason: text(told.status, told.code, told.type), detail: text(told.message, outer.error, outer.message), status };
}

/** As a package tells them: what no header can be is left out. */
export function headersOf(value: unknown): Headers {
  const headers = new Headers();
  for (const [name, held] of Object.entries(value ?? {})) {
    if (typeof held !== "string") continue;
    try {
      headers.append(name, held);
    } catch {
      // No name of one, or not what one can hold.
    }
  }
  return headers;
}
