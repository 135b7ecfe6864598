/** What all views of one cache share: its driver, what takes several steps, and whether it is closed. */
import type { Answer, CacheDriver } from "./driver.ts";
import { cacheClosed } from "./failures.ts";

interface Standing {
  readonly unfinished: Set<Promise<unknown>>;
  closing: Promise<void> | undefined;
}

export class SharedStore {
  readonly driver: CacheDriver;
  readonly #standing: Standing;

  constructor(driver: CacheDriver, standing: Standing = { unfinished: new Set(), closing: undefined }) {
    this.driver = driver;
    this.#standing = standing;
  }

  /** The same store by another driver: closed when this one is. */
  by(driver: CacheDriver): SharedStore {
    return new SharedStore(driver, this.#standing);
  }

  /** @throws AsimovError `cache-closed` */
  assertOpen(): void {
    if (this.#standing.closing !== undefined) throw cacheClosed();
  }

  /** Keeps the store open until the answer is there, for which it is asked more than once. */
  hold<T>(answer: Answer<T>): Answer<T> {
    if (!(answer instanceof Promise)) return answer;
    this.#standing.unfinished.add(answer);
    const done = (): unknown => this.#standing.unfinished.delete(answer);
    answer.then(done, done);
    return answer;
  }

  close(): Promise<void> {
    this.#standing.closing ??= Promise.resolve(this.driver.close(this.#standing.unfinished));
    return this.#standing.closing;
  }
}
