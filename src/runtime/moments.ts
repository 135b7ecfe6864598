/** The moments that sleeps, deadlines and timeouts name. */
import type { Clock } from "#contract/base/services";
import { requireDate } from "#contract/node/take-waits";

/** So many milliseconds from now, in milliseconds since 1970, a whole number. */
export const momentIn = (ms: number, clock: Pick<Clock, "now">): number => Math.trunc(clock.now() + ms);

/** In milliseconds since 1970. @throws AsimovError `invalid-options` */
export function momentOf(what: string, moment: Date): number {
  requireDate(what, moment);
  return moment.getTime();
}
