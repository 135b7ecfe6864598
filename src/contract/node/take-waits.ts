/** What a module says of its sleeps and receives, checked. */
import * as z from "zod/mini";
import { someMs } from "#contract/base/durations";
import { AsimovError } from "#contract/base/errors";
import { lazily } from "#contract/base/lazily";
import { parseOptions } from "#contract/base/options";
import type { ReceiveWaitOptions, SleepOptions } from "./module.ts";

const SCHEMAS = lazily(() => ({
  sleep: z.strictObject({ name: z.optional(z.string()) }),
  receive: z.strictObject({
    timeoutMs: z.optional(
      z.union([someMs(0), z.literal(Number.POSITIVE_INFINITY)], {
        message: "expected milliseconds, 0 or more, or Infinity",
      }),
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

/** @throws AsimovError `invalid-options` */
export function requireDate(what: string, moment: unknown): asserts moment is Date {
  if (moment instanceof Date && !Number.isNaN(moment.getTime())) return;
  throw new AsimovError(`${what}: expected a valid Date; got ${String(moment)}.`, { code: "invalid-options" });
}
