/** The fetch that an SDK gets for one attempt: bounded, abortable whatever the SDK does, and deaf to who would lead the key elsewhere. */
import type { Fault, SentHeaders } from "#contract/chat/wire";
import { WireFault } from "#contract/chat/wire-fault";
import { isContextOverflow } from "#inference/faults/context-overflow";
import { retryAfterOf } from "#inference/faults/retry";
import { ByteLaw } from "./byte-law.ts";
import { FrameLaw } from "./frame-law.ts";
import { guardBody } from "./guarded-body.ts";
import { EVENTS, FRAMES, JSON_TYPE, MAX_ERROR_BYTES, mediaType, VAGUE_TYPES } from "./media-type.ts";

export interface FetchGuard {
  /** Of the attempt. */
  signal: AbortSignal;
  /** Whether a stream of events is asked for. */
  streaming: boolean;
  /** Bytes of one body. */
  maxBytes: number;
  /** Bytes of one line of a stream. */
  maxLineBytes: number;
  /** Called with what each request is sent with. */
  onRequest?(headers: SentHeaders): void;
  /** Called for each chunk. */
  onByte(): void;
  onHeaders(status: number, headers: Headers): void;
}

const MAX_REDIRECTS = 5;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** @throws WireFault from the fetch or from reading what it gives; SDKs may wrap it as a cause */
export function guardedFetch(base: typeof fetch, guard: FetchGuard): typeof fetch {
  return async (input, init) => {
    guard.signal.throwIfAborted();
    guard.onRequest?.(init?.headers);
    const signal = init?.signal ? AbortSignal.any([guard.signal, init.signal]) : guard.signal;
    const { response, url } = await follow(base, input, { ...init, signal, redirect: "manual" });
    // SDKs may fetch a token by the same way; it is no answer of a model.
    if (url.pathname.endsWith("/token")) return guardBody(response, { ...guard, law: new ByteLaw(guard) });
    guard.onHeaders(response.status, response.headers);
    if (!response.ok) return guardBody(response, { ...guard, cutAfter: MAX_ERROR_BYTES });
    const type = mediaType(response.headers);
    if (guard.streaming && type === FRAMES) return guardBody(response, { ...guard, law: new FrameLaw(guard.maxBytes) });
    const isExpected = guard.streaming ? type === EVENTS : type === JSON_TYPE || type.endsWith("+json");
    if (!isExpected && !VAGUE_TYPES.has(type) && response.body !== null) throw await unexpected(response, type, guard);
    const maxLineBytes = guard.streaming ? guard.maxLineBytes : guard.maxBytes;
    return guardBody(response, { ...guard, law: new ByteLaw({ maxBytes: guard.maxBytes, maxLineBytes }) });
  };
}

async function follow(
  base: typeof fetch,
  input: Parameters<typeof fetch>[0],
  init: RequestInit,
): Promise<{ response: Response; url: URL }> {
  let target = input;
  for (let redirects = 0; ; redirects++) {
    const url = new URL(typeof target === "string" || target instanceof URL ? target : target.url);
    const response = await base(target, init);
    const location = response.headers.get("location");
    // Browsers hide where it leads.
    const isHidden = response.type === "opaqueredirect";
    if (!isHidden && (location === null || !REDIRECTS.has(response.status))) return { response, url };
    response.body?.cancel().catch(() => {});
    const next = location !== null && URL.canParse(location, url) ? new URL(location, url) : undefined;
    // A Request that was sent cannot be sent again.
    if (next?.origin !== url.origin || !(typeof target === "string" || target instanceof URL)) throw strayed(next);
    if (redirects === MAX_REDIRECTS) throw hostile({ detail: `it redirects more than ${MAX_REDIRECTS} times` });
    target = next.href;
  }
}

const hostile = (about: { reason?: string; detail: string }): WireFault =>
  new WireFault({ kind: "final", code: "hostile-response", ...about, isOwnDetail: true });

const strayed = (to: URL | undefined): WireFault =>
  hostile({
    reason: `redirect to ${to?.host || "an unreadable address"}`,
    detail: "it redirects to another place, where the key is not sent",
  });

/** An answer of another kind than was asked for: what it says, if it is an error, or that it is none of this API's. */
async function unexpected(response: Response, type: string, guard: FetchGuard): Promise<WireFault> {
  const wrongType = hostile({
    reason: `content-type ${/^[\w.+-]{1,40}\/[\w.+-]{1,40}$/.test(type) ? type : "that is none"}`,
    detail: `expected ${guard.streaming ? EVENTS : JSON_TYPE}; the address may be wrong`,
  });
  if (type !== JSON_TYPE) {
    response.body?.cancel().catch(() => {});
    return wrongType;
  }
  const told = guardBody(response, { ...guard, cutAfter: MAX_ERROR_BYTES });
  const fault = faultIn(await told.json().catch(() => undefined), response.headers);
  // The body's end may have been an abort's doing.
  guard.signal.throwIfAborted();
  return fault === undefined ? wrongType : new WireFault(fault);
}

/** Where no status came: all else may pass, as it may in an answer that is no stream. */
const LASTING =
  /^(?:invalid|unauth|authenti|permission|unsupported|unimplemented|failed_precondition|bad_request)|too_large|not_found|policy/i;
const SPENT = /quota|billing|credit/i;

/** The fault that a body `{ error }` tells, as providers and gateways write it, also within a list. */
function faultIn(body: unknown, headers: Headers): Fault | undefined {
  const { error } = record(Array.isArray(body) ? body[0] : body);
  if (error === undefined || error === null || error === false) return undefined;
  const { type, code, status: told, message } = record(error);
  const status = [told, code].find((value): value is number => typeof value === "number" && value >= 100 && value <= 599);
  const words = [code, type, told].filter((value): value is string => typeof value === "string" && value !== "");
  const [reason] = words;
  const detail = [message, error].find((value): value is string => typeof value === "string");
  const requestId = headers.get("request-id") ?? headers.get("x-request-id");
  const mayPass =
    !words.some((word) => SPENT.test(word)) &&
    (status === undefined ? !words.some((word) => LASTING.test(word)) : [408, 409, 429].includes(status) || status >= 500);
  return {
    kind: isContextOverflow(`${reason ?? ""} ${detail ?? ""}`) ? "context-length" : mayPass ? "retryable" : "final",
    ...(status === undefined ? {} : { status }),
    ...(reason === undefined ? {} : { reason }),
    ...(detail === undefined ? {} : { detail }),
    ...(requestId === null ? {} : { requestId }),
    ...retryAfterOf(headers),
  };
}

const record = (value: unknown): Record<string, unknown> =>
  typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
