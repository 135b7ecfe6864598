/** What Google's APIs tell when they fail: one body for all of them, whichever SDK carries it, and the failures of signing in. */
import { messageOf } from "#contract/base/errors";
import type { Fault } from "#contract/chat/wire";
import { WireFault } from "#contract/chat/wire-fault";
import { isContextOverflow } from "#inference/faults/context-overflow";
import { networkFault } from "#inference/faults/network-fault";
import { retryAfterOf } from "#inference/faults/retry";

interface ErrorBody {
  code?: unknown;
  message?: unknown;
  status?: unknown;
  details?: unknown;
}

interface Detail {
  "@type"?: unknown;
  reason?: unknown;
  retryDelay?: unknown;
  violations?: unknown;
}

/** By name, where no status came. */
const PASSING = /^(?:UNAVAILABLE|RESOURCE_EXHAUSTED|INTERNAL|DEADLINE_EXCEEDED|ABORTED|CANCELLED|UNKNOWN)$/;
/** In the name of a quota. It is spent until tomorrow, whatever wait the provider asks for. */
const DAILY = /per_?day/i;
const BAD_KEY: ReadonlySet<unknown> = new Set(["API_KEY_INVALID", "API_KEY_EXPIRED"]);

/** @param body `{ error }`, also within a list, as Vertex writes it at times */
export function faultOfBody(body: unknown, about: { status?: number; headers?: Headers } = {}): Fault {
  const { error } = record(Array.isArray(body) ? body[0] : body);
  const { code, message, status: name, details } = record(error) as ErrorBody;
  const status = about.status ?? (typeof code === "number" && code >= 400 && code <= 599 ? code : undefined);
  const reason = typeof name === "string" && name !== "" ? name : undefined;
  const detail = [message, error].find((value): value is string => typeof value === "string" && value !== "");
  const known = (Array.isArray(details) ? details : []).map((value) => record(value) as Detail);
  const retryAfterMs = known.map(({ retryDelay }) => durationOf(retryDelay)).find((ms) => ms !== undefined);
  const facts = {
    ...(status === undefined ? {} : { status }),
    ...(reason === undefined ? {} : { reason }),
    ...(detail === undefined ? {} : { detail }),
    ...(about.headers === undefined ? {} : retryAfterOf(about.headers)),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
  if ((status ?? 400) < 500 && status !== 429 && isContextOverflow(detail ?? "")) return { kind: "context-length", ...facts };
  if (known.some((entry) => BAD_KEY.has(entry.reason))) return { kind: "final", code: "unauthorized", ...facts };
  if (known.some(isDaily)) return { kind: "final", code: "quota-exceeded", ...facts };
  const mayPass = status === undefined ? PASSING.test(reason ?? "") : [408, 409, 429, 499].includes(status) || status >= 500;
  return { kind: mayPass ? "retryable" : "final", ...facts };
}

function isDaily({ violations }: Detail): boolean {
  return Array.isArray(violations) && violations.some((violation) => DAILY.test(String(record(violation).quotaId)));
}

/** "2s", "1.5s", or seconds and nanos. */
function durationOf(value: unknown): number | undefined {
  const [, seconds] = /^(\d+(?:\.\d+)?)s$/.exec(typeof value === "string" ? value : "") ?? [];
  if (seconds !== undefined) return Number(seconds) * 1000;
  const { seconds: whole, nanos } = record(value);
  return whole === undefined && nanos === undefined ? undefined : Number(whole ?? 0) * 1000 + Number(nanos ?? 0) / 1e6;
}

/** The SDKs throw away an error's headers, and fall over bodies of another form: what is no answer is read before they see it. */
export function faultingFetch(fetch: typeof globalThis.fetch): typeof globalThis.fetch {
  return async (input, init) => {
    const response = await fetch(input, init);
    if (response.ok) return response;
    const { status, headers } = response;
    throw new WireFault(faultOfBody(jsonIn(await response.text()), { status, headers }));
  };
}

/** The JSON that a text holds from its first bracket on. */
export function jsonIn(text: string): unknown {
  const start = text.search(/[{[]/);
  try {
    return start < 0 ? undefined : JSON.parse(text.slice(start));
  } catch {
    return undefined;
  }
}

const NO_CREDENTIALS = /default credentials|unable to detect a project|no credentials/i;
const REFUSED = /invalid_grant|invalid_client|invalid_rapt|unauthorized_client|no refresh token|refresh[_ ]token|private key/i;

/** What google-auth-library failed with, wherever it is among the causes; `undefined` for anything else. */
export function authFault(error: unknown): Fault | undefined {
  let isAuth = false;
  let status: number | undefined;
  for (let seen = error, depth = 0; depth < 5 && typeof seen === "object" && seen !== null; depth++) {
    const { name, cause, status: own, response } = seen as Record<string, unknown>;
    if (NO_CREDENTIALS.test(messageOf(seen))) {
      return { kind: "final", code: "unauthorized", detail: "no credentials were given, and none were found", isOwnDetail: true };
    }
    isAuth ||= name === "GoogleAuthError" || name === "GaxiosError" || REFUSED.test(messageOf(seen));
    status ??= [own, record(response).status].find((value): value is number => typeof value === "number");
    seen = cause;
  }
  if (!isAuth) return undefined;
  const known = status === undefined ? {} : { status };
  if (status !== undefined && (status === 408 || status === 429 || status >= 500)) return { kind: "retryable", ...known };
  const refused: Fault = { kind: "final", code: "unauthorized", ...known, detail: "signing in failed", isOwnDetail: true };
  return status === undefined ? (networkFault(error) ?? refused) : refused;
}

const record = (value: unknown): Record<string, unknown> =>
  typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
