/** A queue that does not answer: what is stored goes on when it is back. */
import { AsimovError, messageOf } from "#contract/base/errors";
import { systemClock } from "#contract/base/services";

export const queueAway = (what: string, cause?: unknown): AsimovError =>
  new AsimovError(`${what}. What was submitted is stored, and goes on when the queue is back.`, {
    code: "queue-away",
    retryable: true,
    ...(cause === undefined ? {} : { cause }),
  });

/** @throws AsimovError `queue-away`, `missing-package` */
export async function inTime<T>(work: Promise<T>, ms: number): Promise<T> {
  let timer: unknown;
  const late = new Promise<never>((_, reject) => {
    // Another machine's server keeps no simulated time.
    timer = systemClock.setTimeout(() => reject(queueAway(`The queue did not answer within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } catch (error) {
    throw error instanceof AsimovError ? error : queueAway(`The queue refused: ${messageOf(error)}`, error);
  } finally {
    systemClock.clearTimeout(timer);
  }
}

/** Of calls that a server answers in time; while one is late the next ones are refused at once. */
export class Soon {
  readonly #ms: number;
  #late = 0;

  constructor(ms: number) {
    this.#ms = ms;
  }

  async run<T>(ask: () => Promise<T>): Promise<T> {
    if (this.#late > 0) throw queueAway(`The queue has not answered for ${this.#ms} ms`);
    const work = ask();
    try {
      return await inTime(work, this.#ms);
    } catch (error) {
      this.#late++;
      const over = (): void => void this.#late--;
      work.then(over, over);
      throw error;
    }
  }
}
