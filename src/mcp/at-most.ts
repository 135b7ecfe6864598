/** Waiting for what may never come. */
import { systemClock } from "#contract/base/services";

/** Settles with the work, however that ends, and after `ms` at the latest. */
export async function atMost(ms: number, work: Promise<unknown>): Promise<void> {
  let timer: unknown;
  const late = new Promise<void>((resolve) => {
    timer = systemClock.setTimeout(resolve, ms);
  });
  await Promise.race([work.catch(() => {}), late]);
  systemClock.clearTimeout(timer);
}
