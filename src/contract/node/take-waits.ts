/** What a module says of its sleeps and receives, checked. */
import * as z from "zod/mini";
import { AsimovError } from "#contract/base/errors";
import { lazily } from "#contract/base/lazily";
import { parseOptions } from "#contract/base/options";
import type { ReceiveWaitOptions, SleepOptions } from "./module.ts";

const SCHEMAS = lazily(() => ({
  sleep: z.strictObject({ name: z.optional(z.string()) }),
  receive: z.strictObject({
    timeoutMs: z.optional(
      z.union([z.number().check(z.gte(0)), z.literal(Number.POSITIVE_INFINITY)], { message: "expected milliseconds, 0 or more" }),
    ),
  }),
}));

/** @throws AsimovError `invalid-options` */
export const takeSleep = (options: SleepOptions): SleepOptions => parseOptions(SCHEMAS().sleep, options, "sleep") as SleepOptions;

/** @throws AsimovError `invalid-options` */
export function takeReceive(options: ReceiveWaitOptions): ReceiveWaitOptions {
  const { timeoutMs = Number.POSITIVE_INFINITY } = parseOptions(SCHEMAS().receive, options, "receive");
  return timeoutMs === Number.POSITIVE_INFINITY ? {} : { timeoutMs };
}

/** The last moment that a `Date` can hold, in milliseconds since 1970. */
const LAST_MS = 8.64e15;

/** @param now from when on, in milliseconds since 1970. @throws AsimovError `invalid-options` */
export function requireMs(what: string, ms: unknown, now = 0): asserts ms is number {
  if (typeof ms === "number" && ms >= 0 && now + ms <= LAST_MS) return;
  throw invalid(what, "milliseconds, 0 or more, that end before the year 275760", ms);
}

/** @throws AsimovError `invalid-options` */
export function requireDate(what: string, moment: unknown): asserts moment is Date {
  if (moment instanceof Date && !Number.isNaN(moment.getTime())) return;
  throw invalid(what, "a valid Date", moment);
}

const invalid = (what: string, expected: string, got: unknown): AsimovError =>
  new AsimovError(`${what}: expected ${expected}; got ${String(got)}.`, { code: "invalid-options" });
