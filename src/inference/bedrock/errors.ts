/** What the errors of the SDK are, told by their names and statuses: it may be installed twice. */
import { messageOf } from "#contract/base/errors";
import type { Fault } from "#contract/chat/wire";
import { isContextOverflow } from "#inference/faults/context-overflow";
import { retryAfterOf } from "#inference/faults/retry";
import { frameFault } from "#inference/transport/frame-law";

/** The subset of a smithy exception that is read. */
interface SdkError {
  name?: unknown;
  $fault?: unknown;
  $metadata?: { httpStatusCode?: number; requestId?: string; clockSkewCorrected?: boolean };
  $response?: { headers?: Record<string, string> };
  originalStatusCode?: number;
  originalMessage?: string;
}

/** Passing by nature, whatever status they come with; in a stream they come with none. */
const PASSING =
  /^(?:Throttling|ThrottledException|TooManyRequests|RequestThrottled|ServiceUnavailable|InternalServer|InternalFailure|ModelNotReady|ModelTimeout|ModelError|ModelStreamError)/i;
const FINAL = /^(?:AccessDenied|Validation|ResourceNotFound|ServiceQuotaExceeded|Conflict)/i;
/** Nobody to sign as, or a signature that is refused. */
const UNAUTHORIZED =
  /^(?:CredentialsProviderError|TokenProviderError|ProviderError|ExpiredToken|UnrecognizedClient|InvalidSignature|IncompleteSignature|MissingAuthentication|InvalidClientToken|NotAuthorized|SignatureDoesNotMatch|RequestExpired)/;
/** What the two HTTP handlers say of a connection that ended under them. */
const DISCONNECTED = /^(?:HTTP\/2 stream is abnormally aborted|Unexpected error: http2 request did not get a response|Frame type id )/;
const PASSING_STATUS = new Set([408, 409, 425, 429]);

/** `undefined` for errors of the network, and for what is none of the SDK's. */
export function toFault(error: unknown): Fault | undefined {
  if (typeof error !== "object" || error === null) return undefined;
  const { name: named, $metadata, $response, originalStatusCode, originalMessage } = error as SdkError;
  const name = typeof named === "string" ? named : "";
  const detail = originalMessage ?? ownWords(messageOf(error));
  const httpStatus = $metadata?.httpStatusCode;
  const status = httpStatus !== undefined && httpStatus >= 300 ? httpStatus : undefined;
  const facts = {
    ...(status === undefined ? {} : { status }),
    ...($response?.headers === undefined ? {} : retryAfterOf(headersOf($response.headers))),
    ...($metadata?.requestId === undefined ? {} : { requestId: $metadata.requestId }),
  };
  const isThrottled = /throttl|TooManyRequests/i.test(name);
  if (!isThrottled && (status ?? originalStatusCode ?? 400) < 500 && isContextOverflow(detail)) {
    return { ...facts, kind: "context-length", reason: name, detail };
  }
  // The SDK has set its clock by the answer; the same call is signed well now.
  if ($metadata?.clockSkewCorrected === true) return { ...facts, kind: "retryable", reason: name, detail };
  if (UNAUTHORIZED.test(name)) return { ...facts, kind: "final", code: "unauthorized", reason: name, detail };
  if (/^Region is missing/.test(detail)) {
    return { kind: "final", code: "invalid-request", detail: "no AWS region: set the option region, or AWS_REGION", isOwnDetail: true };
  }
  if (DISCONNECTED.test(detail)) return { kind: "retryable", code: "network", detail };
  const broken = status === undefined ? frameFault(detail) : undefined;
  if (broken !== undefined) return broken;
  const isOriginallyFinal = originalStatusCode !== undefined && isFinalStatus(originalStatusCode);
  if (PASSING.test(name)) return { ...facts, kind: isOriginallyFinal ? "final" : "retryable", reason: name, detail };
  if (FINAL.test(name)) return { ...facts, kind: "final", ...codeOf(name, detail), reason: name, detail };
  if (status !== undefined) {
    const reason = name === "" || name === "Error" || name === "SyntaxError" ? {} : { reason: name };
    return { ...facts, kind: isFinalStatus(status) ? "final" : "retryable", ...reason, ...(name === "SyntaxError" ? {} : { detail }) };
  }
  // In the middle of a stream, a kind that the SDK does not know yet.
  if (/Exception$/i.test(name)) return { kind: "retryable", reason: name, detail };
  return undefined;
}

/** The fault that a JSON body tells which came with a status of success. */
export function toldFault(text: string, headers: Headers): Fault | undefined {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return undefined;
  }
  const { __type: type, message } = (body ?? {}) as { __type?: unknown; message?: unknown };
  if (typeof message !== "string") return undefined;
  // Such as `com.amazonaws.bedrock#ThrottlingException:http://…`
  const name = (typeof type === "string" ? type : (headers.get("x-amzn-errortype") ?? "")).replace(/^.*#|[:;].*$/g, "");
  return toFault({ name, message }) ?? { kind: "retryable", code: "empty-response", detail: message };
}

const isFinalStatus = (status: number): boolean => status < 500 && !PASSING_STATUS.has(status);

function codeOf(name: string, detail: string): { code?: string } {
  if (/^AccessDenied/i.test(name)) return { code: "unauthorized" };
  if (/^ServiceQuotaExceeded/i.test(name)) return { code: "quota-exceeded" };
  if (/^ResourceNotFound/i.test(name) || /model identifier is invalid/i.test(detail)) return { code: "model-not-found" };
  return {};
}

/** The SDK adds advice for its own users, and hands on the JSON of what it does not know. */
function ownWords(message: string): string {
  const text = message.split("\n  Deserialization error:")[0] as string;
  if (!text.startsWith("{")) return text;
  try {
    const { message: inner } = JSON.parse(text) as { message?: unknown };
    return typeof inner === "string" ? inner : "";
  } catch {
    return "";
  }
}

/** Pseudo-headers of HTTP/2 are no headers to `Headers`. */
export const headersOf = (raw: Readonly<Record<string, string>>): Headers =>
  new Headers(Object.entries(raw).filter(([name]) => !name.startsWith(":")));
