/** The moments that sleeps, deadlines and timeouts name. */
import { AsimovError } from "#contract/base/errors";
import type { Clock } from "#contract/base/services";

/** The last moment that a `Date` can hold, in milliseconds since 1970. */
const LAST = 8.64e15;

/** @param given a moment, or milliseconds from now. @throws AsimovError `invalid-options` */
export function momentOf(what: string, given: Date | number, clock: Pick<Clock, "now">): Date {
  const moment = given instanceof Date ? given.getTime() : typeof given === "number" && given >= 0 ? clock.now() + given : Number.NaN;
  if (Number.isFinite(moment) && moment <= LAST) return new Date(moment);
  const expected =
    given instanceof Date || typeof given === "object" ? "a valid Date" : "milliseconds, 0 or more, that end before the year 275760";
  throw new AsimovError(`${what}: expected ${expected}; got ${String(given)}.`, { code: "invalid-options" });
}
