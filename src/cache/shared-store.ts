/** What all views of one cache share: its driver, what takes several steps, and whether it is closed. */
import type { Answer, CacheDriver } from "./driver.ts";
import { cacheClosed } from "./failures.ts";

export class SharedStore {
  readonly driver: CacheDriver;
  readonly #unfinished = new Set<Promise<unknown>>();
  #closing: Promise<void> | undefined;

  constructor(driver: CacheDriver) {
    this.driver = driver;
  }

  /** @throws AsimovError `cache-closed` */
  assertOpen(): void {
    if (this.#closing !== undefined) throw cacheClosed();
  }

  /** Keeps the store open until the answer is there, for which it is asked more than once. */
  hold<T>(answer: Answer<T>): Answer<T> {
    if (!(answer instanceof Promise)) return answer;
    this.#unfinished.add(answer);
    const done = (): unknown => this.#unfinished.delete(answer);
    answer.then(done, done);
    return answer;
  }

  close(): Promise<void> {
    this.#closing ??= Promise.resolve(this.driver.close(this.#unfinished));
    return this.#closing;
  }
}
