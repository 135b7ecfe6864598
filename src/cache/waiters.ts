/** The receivers that wait at one mailbox: served in the order they came, and gone without a trace when they leave. */

import { setLongTimeout } from "#contract/base/long-timer";
import { Queue } from "#contract/base/queue";
import type { ReceiveOptions } from "#contract/store/cache";

interface Waiter {
  /** Asks only for what is there. */
  readonly immediate: boolean;
  settle(text: string | null): void;
  fail(reason: unknown): void;
}

export class Waiters {
  readonly #queue = new Queue<Waiter>();
  readonly #onEmpty: () => void;

  /** @param onEmpty called when the last receiver has left, served or not */
  constructor(onEmpty: () => void) {
    this.#onEmpty = onEmpty;
  }

  get size(): number {
    return this.#queue.size;
  }

  /** Resolves with a message's text, or null after the timeout. A timeout of 0 stays until `dismiss`. */
  wait({ timeoutMs, signal }: ReceiveOptions): Promise<string | null> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#queue.remove(item);
        cancelTimer?.();
        signal?.removeEventListener("abort", onAbort);
        if (this.#queue.size === 0) this.#onEmpty();
      };
      const waiter: Waiter = {
        immediate: timeoutMs === 0,
        settle(text) {
          leave();
          resolve(text);
        },
        fail(reason) {
          leave();
          reject(reason);
        },
      };
      const onAbort = (): void => waiter.fail(signal?.reason);
      const item = this.#queue.push(waiter);
      const timed = timeoutMs !== undefined && timeoutMs > 0 && timeoutMs !== Number.POSITIVE_INFINITY;
      const cancelTimer = timed ? setLongTimeout(timeoutMs, () => waiter.settle(null)) : undefined;
      signal?.addEventListener("abort", onAbort);
    });
  }

  /** Hands a message to the first receiver. @returns false when nobody waits */
  offer(text: string): boolean {
    const waiter = this.#queue.first;
    waiter?.settle(text);
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
