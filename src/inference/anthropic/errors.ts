/** What the SDK's errors are, told by their fields: it may be installed twice, and its classes with it. */
import { messageOf } from "#contract/base/errors";
import type { Fault } from "#contract/chat/wire";
import { isContextOverflow } from "#inference/faults/context-overflow";
import { retryAfterOf } from "#inference/faults/retry";
import { frameFault } from "#inference/transport/frame-law";

/** What is read of an APIError of the SDK. */
interface SdkError {
  name?: unknown;
  status?: unknown;
  headers?: unknown;
  /** The body. */
  error?: unknown;
  type?: unknown;
  errorCode?: unknown;
  requestID?: unknown;
}

/** As the body of an error says it; other clouds write theirs without a type. */
interface ErrorBody {
  error?: { type?: unknown; status?: unknown; message?: unknown; details?: { error_code?: unknown } | null } | null;
  message?: unknown;
}

const NO_KEY = /^Could not resolve authentication method/;
/** In the middle of a stream no status comes: only these, by Anthropic's names and by those of Bedrock, cannot pass. */
const LASTING = /^(?:invalid_request|authentication|permission|not_found|billing|request_too_large)|validation|accessdenied|notfound/i;
const SPENT = /spend_limit/;
/** What the client for Bedrock says of a frame, with a piece of the answer after it. */
const BROKEN_CHUNK = /^Could not parse a Bedrock chunk into JSON/;

/** `undefined` for errors of the network, and for what is none of the SDK's. */
export function toFault(error: unknown): Fault | undefined {
  if (typeof error !== "object" || error === null) return undefined;
  if (NO_KEY.test(messageOf(error))) {
    return { kind: "final", code: "unauthorized", detail: "no key was given, and none was found", isOwnDetail: true };
  }
  const { name, status, headers, error: body, type, errorCode, requestID } = error as SdkError;
  const hasStatus = typeof status === "number";
  if (!hasStatus && name !== "APIError" && typeof type !== "string") {
    const message = messageOf(error);
    return BROKEN_CHUNK.test(message) ? { kind: "retryable", code: "hostile-response", reason: "broken JSON" } : frameFault(message);
  }
  const told = headers instanceof Headers ? headers : undefined;
  const given = typeof type === "string" && type !== "" ? { type } : {};
  const fault = faultOfBody(body, { ...given, ...(hasStatus ? { status, advice: told?.get("x-should-retry") ?? null } : {}), errorCode });
  return {
    ...fault,
    ...(hasStatus && told !== undefined ? retryAfterOf(told) : {}),
    ...(typeof requestID === "string" ? { requestId: requestID } : {}),
  };
}

/** @param about what is known beside the body, such as its status; in a stream there is none */
export function faultOfBody(
  body: unknown,
  about: { status?: number; type?: string; errorCode?: unknown; advice?: string | null } = {},
): Fault {
  const { error, message } = (typeof body === "object" && body !== null ? body : {}) as ErrorBody;
  const { status } = about;
  const reason = [about.type, error?.type, error?.status].find((value) => typeof value === "string" && value !== "") as string | undefined;
  const detail = [error?.message, message].find((value) => typeof value === "string" && value !== "") as string | undefined;
  const errorCode = String(about.errorCode ?? error?.details?.error_code ?? "");
  const facts = {
    ...(status === undefined ? {} : { status }),
    ...(reason === undefined ? {} : { reason }),
    ...(detail === undefined ? {} : { detail }),
  };
  if (isContextOverflow(`${reason ?? ""} ${detail ?? ""}`)) {
    return { kind: "context-length", ...facts };
  }
  if (SPENT.test(errorCode)) return { kind: "final", code: "quota-exceeded", ...facts };
  if (mayPass(status, reason ?? "", about.advice)) return { kind: "retryable", ...facts };
  // Told not to try again: what was spent does not come back by waiting.
  return { kind: "final", ...(status === 429 ? { code: "quota-exceeded" } : {}), ...facts };
}

/** @param advice the header x-should-retry, which says it outright */
function mayPass(status: number | undefined, reason: string, advice: string | null | undefined): boolean {
  if (status === undefined) return !LASTING.test(reason);
  if (advice === "true" || advice === "false") return advice === "true";
  return status === 408 || status === 409 || status === 429 || status >= 500;
}
