/** What a provider's rate-limit headers tell of a budget: how much there is, what is left, and when it is whole again. */
import type { Generation, ProviderLimit } from "#contract/chat/generation";

interface RateReport {
  /** NaN where it is not told. */
  limit: number;
  remaining: number;
  /** Milliseconds from now, never negative, at most two minutes. */
  resetMs: number;
}

export type Budget = "requests" | "tokens" | "input-tokens" | "output-tokens";

/** By the name that each has on a generation. */
const BUDGETS = {
  requests: "requests",
  tokens: "tokens",
  inputTokens: "input-tokens",
  outputTokens: "output-tokens",
} as const satisfies Record<keyof Generation["rateLimits"], Budget>;

/** A budget of a day that is spent is for the provider to tell; nobody waits hours for a header. */
export const MAX_WAIT_MS = 120_000;

const SPAN = /^(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?$/;

/** @param now milliseconds since 1970 */
export function rateReport(headers: Headers, budget: Budget, now: number): RateReport | undefined {
  const told = read(headers, budget, now);
  if (told?.resetMs === undefined) return undefined;
  return { ...told, resetMs: Math.min(MAX_WAIT_MS, Math.max(0, told.resetMs)) };
}

/** All that an answer's headers tell. @param now milliseconds since 1970 */
export function providerLimits(headers: Headers, now: number): Generation["rateLimits"] {
  return Object.fromEntries(
    Object.entries(BUDGETS).flatMap(([name, budget]) => {
      const told = read(headers, budget, now);
      if (told === undefined) return [];
      const { limit, remaining, resetMs } = told;
      const known: ProviderLimit = {
        ...(Number.isNaN(limit) ? {} : { limit }),
        remaining,
        ...(resetMs === undefined ? {} : { resetAt: Math.round(now + resetMs) }),
      };
      return [[name, known]];
    }),
  );
}

type Told = Omit<RateReport, "resetMs"> & { resetMs: number | undefined };

/** In Anthropic's way, else in OpenAI's, which others have too. */
function read(headers: Headers, budget: Budget, now: number): Told | undefined {
  const partsOf = (nameOf: (part: string) => string): Told | undefined => {
    const remaining = count(headers.get(nameOf("remaining")));
    if (Number.isNaN(remaining)) return undefined;
    return { limit: count(headers.get(nameOf("limit"))), remaining, resetMs: durationUntil(headers.get(nameOf("reset")), now) };
  };
  return partsOf((part) => `anthropic-ratelimit-${budget}-${part}`) ?? partsOf((part) => `x-ratelimit-${part}-${budget}`);
}

const count = (text: string | null): number => (text !== null && /^\d+(?:\.\d+)?$/.test(text) ? Number(text) : Number.NaN);

/** As RFC 3339, as seconds, or as spans such as `6m0s`, `1.5s` and `120ms`. */
function durationUntil(text: string | null, now: number): number | undefined {
  if (text === null || text === "") return undefined;
  if (/^\d+(?:\.\d+)?$/.test(text)) return Number(text) * 1000;
  const span = SPAN.exec(text);
  if (span !== null) {
    const [hours, minutes, seconds, millis] = span.slice(1).map((part) => Number(part ?? 0)) as [number, number, number, number];
    return hours * 3_600_000 + minutes * 60_000 + seconds * 1000 + millis;
  }
  const at = /^\d{4}-\d\d-\d\dT/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? undefined : at - now;
}
