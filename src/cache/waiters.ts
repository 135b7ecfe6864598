/** The receivers that wait at one mailbox: served in the order they came, and gone without a trace when they leave. */

import { setLongTimeout } from "#contract/base/long-timer";
import { Queue } from "#contract/base/queue";
import { type Clock, systemClock } from "#contract/base/services";
import type { ReceiveOptions } from "#contract/store/cache";

interface Waiter {
  /** Asks only for what is there. */
  readonly immediate: boolean;
  /** Throws, and stays, when it cannot read the text. */
  serve(text: string): void;
  giveUp(): void;
  fail(reason: unknown): void;
}

export class Waiters {
  readonly #queue = new Queue<Waiter>();
  readonly #onEmpty: () => void;
  readonly #clock: Clock;

  /** @param onEmpty called when the last receiver has left, served or not */
  constructor(onEmpty: () => void, clock = systemClock) {
    this.#onEmpty = onEmpty;
    this.#clock = clock;
  }

  get size(): number {
    return this.#queue.size;
  }

  /** Resolves with a message, or null after the timeout. A timeout of 0 stays until it is given up. */
  wait<T>(parse: (text: string) => T, { timeoutMs, signal }: ReceiveOptions): Promise<T | null> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#queue.remove(item);
        cancelTimer?.();
        signal?.removeEventListener("abort", onAbort);
        if (this.#queue.size === 0) this.#onEmpty();
      };
      const waiter: Waiter = {
        immediate: timeoutMs === 0,
        serve(text) {
          const message = parse(text);
          leave();
          resolve(message);
        },
        giveUp() {
          leave();
          resolve(null);
        },
        fail(reason) {
          leave();
          reject(reason);
        },
      };
      const onAbort = (): void => waiter.fail(signal?.reason);
      const item = this.#queue.push(waiter);
      const timed = timeoutMs !== undefined && timeoutMs > 0 && timeoutMs !== Number.POSITIVE_INFINITY;
      const cancelTimer = timed ? setLongTimeout(timeoutMs, waiter.giveUp, this.#clock) : undefined;
      signal?.addEventListener("abort", onAbort);
    });
  }

  /** Hands a message to the first receiver. @returns false when nobody waits; throws, and serves nobody, when it cannot be read */
  offer(text: string): boolean {
    const waiter = this.#queue.first;
    waiter?.serve(text);
    return waiter !== undefined;
  }

  /** Those who ask only for what is there. */
  immediate(): Waiter[] {
    return [...this.#queue].filter((waiter) => waiter.immediate);
  }

  /** Rejects every receiver. */
  fail(reason: unknown): void {
    for (const waiter of [...this.#queue]) waiter.fail(reason);
  }
}
