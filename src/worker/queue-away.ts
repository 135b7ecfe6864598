/** A queue that does not answer: what is stored goes on when it is back. */
import { setAnswerTimeout } from "#contract/base/answer-timer";
import { AsimovError, messageOf } from "#contract/base/errors";

export const queueAway = (what: string, cause?: unknown): AsimovError =>
  new AsimovError(`${what}. What was submitted is stored, and goes on when the queue is back.`, {
    code: "queue-away",
    retryable: true,
    ...(cause === undefined ? {} : { cause }),
  });

/** @throws AsimovError `queue-away`, `missing-package` */
export async function inTime<T>(work: Promise<T>, ms: number): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const cancel = setAnswerTimeout(ms, () => reject(queueAway(`The queue did not answer within ${ms} ms`)));
  try {
    return await Promise.race([work, late]);
  } catch (error) {
    throw error instanceof AsimovError ? error : queueAway(`The queue refused: ${messageOf(error)}`, error);
  } finally {
    cancel();
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
