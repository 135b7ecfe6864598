/** The moments that sleeps, deadlines and timeouts name. */
import type { Clock } from "#contract/base/services";
import { requireDate, requireMs } from "#contract/node/take-waits";

/** So many milliseconds from now, in milliseconds since 1970, a whole number. @throws AsimovError `invalid-options` */
export function momentIn(what: string, ms: number, clock: Pick<Clock, "now">): number {
  const now = clock.now();
  requireMs(what, ms, now);
  return Math.trunc(now + ms);
}

/** In milliseconds since 1970. @throws AsimovError `invalid-options` */
export function momentOf(what: string, moment: Date): number {
  requireDate(what, moment);
  return moment.getTime();
}
