/**
 * The receivers that wait at one mailbox: served in the order they came, and gone without a trace when they leave.
 *
 * One with a permit is called when a message is there for it, and takes one only when it has its permit: until then the message is in the
 * mailbox, left alone by those who came later.
 */

import { setLongTimeout } from "#contract/base/long-timer";
import { Queue, type QueueItem } from "#contract/base/queue";
import { type Clock, systemClock } from "#contract/base/services";
import type { ReceiveOptions, ReceivePermit } from "#contract/store/cache";

interface Waiter {
  readonly permit: ReceivePermit | undefined;
  /** Asks only for what is there. */
  readonly immediate: boolean;
  /** Absent while it is called. */
  place: { queue: Queue<Waiter>; item: QueueItem<Waiter> } | undefined;
  /** Its time is over while a message is there for it, if that stays there. */
  isExpired: boolean;
  /** Throws, and stays, when it cannot read the text. */
  serve(text: string): void;
  giveUp(): void;
  fail(reason: unknown): void;
}

interface Inbox {
  /** The last receiver has left, served or not. */
  onEmpty(): void;
  /** Somebody may take a message now, or leaves one to others. */
  onChange(): void;
}

export class Waiters {
  /** Those who are to be called, and those behind them. */
  readonly #queue = new Queue<Waiter>();
  readonly #called = new Set<Waiter>();
  /** Those who may take what comes. */
  readonly #ready = new Queue<Waiter>();
  readonly #inbox: Inbox;
  readonly #clock: Clock;

  constructor(inbox: Inbox, clock = systemClock) {
    this.#inbox = inbox;
    this.#clock = clock;
  }

  get size(): number {
    return this.#queue.size + this.#called.size + this.#ready.size;
  }

  /** So many messages are left for those who have no permit yet. */
  get called(): number {
    return this.#called.size;
  }

  get ready(): number {
    return this.#ready.size;
  }

  /** Whether `call` is to be told how many messages are there. */
  get isToCall(): boolean {
    return this.#queue.size > 0;
  }

  /** Resolves with a message, or null after the timeout. A timeout of 0 stays until it is given up. */
  wait<T>(parse: (text: string) => T, { timeoutMs, signal, permit }: ReceiveOptions): Promise<T | null> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        const wasCalled = this.#called.delete(waiter);
        waiter.place?.queue.remove(waiter.place.item);
        cancelTimer?.();
        signal?.removeEventListener("abort", onAbort);
        if (this.size === 0) this.#inbox.onEmpty();
        else if (wasCalled) this.#inbox.onChange();
      };
      const waiter: Waiter = {
        permit,
        immediate: timeoutMs === 0,
        place: undefined,
        isExpired: false,
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
      const onTime = (): void => {
        if (permit === undefined || waiter.place?.queue === this.#queue) waiter.giveUp();
        else waiter.isExpired = true;
      };
      const isReady = permit === undefined && this.#queue.size === 0 && this.#called.size === 0;
      stand(waiter, isReady ? this.#ready : this.#queue);
      const timed = timeoutMs !== undefined && timeoutMs > 0 && timeoutMs !== Number.POSITIVE_INFINITY;
      const cancelTimer = timed ? setLongTimeout(timeoutMs, onTime, this.#clock) : undefined;
      signal?.addEventListener("abort", onAbort);
    });
  }

  /** Calls those for whom there is a message, in their order. @param there how many the mailbox holds */
  call(there: number): void {
    for (let free = there - this.#called.size - this.#ready.size; free > 0; free--) {
      const waiter = this.#queue.shift();
      if (waiter === undefined) return;
      if (waiter.permit === undefined) stand(waiter, this.#ready);
      else void this.#admit(waiter, waiter.permit);
    }
  }

  async #admit(waiter: Waiter, permit: ReceivePermit): Promise<void> {
    waiter.place = undefined;
    this.#called.add(waiter);
    await permit.resume();
    // It may have left meanwhile.
    if (!this.#called.delete(waiter)) return;
    stand(waiter, this.#ready);
    this.#inbox.onChange();
  }

  /** Nothing is there for so many of those who may take it: who has a permit waits on without it, before those who came later. */
  pause(count: number): void {
    for (const waiter of [...this.#ready].slice(0, count).reverse()) {
      if (waiter.permit === undefined) continue;
      if (waiter.isExpired) {
        waiter.giveUp();
        continue;
      }
      waiter.place?.queue.remove(waiter.place.item);
      waiter.place = { queue: this.#queue, item: this.#queue.unshift(waiter) };
      waiter.permit.pause();
    }
  }

  /** Hands a message to the first who may take it. @returns false when nobody may; throws, and serves nobody, when it cannot be read */
  offer(text: string): boolean {
    const waiter = this.#ready.first;
    waiter?.serve(text);
    return waiter !== undefined;
  }

  /** Those who ask only for what is there. */
  immediate(): Waiter[] {
    return [...this.#ready, ...this.#queue].filter((waiter) => waiter.immediate);
  }

  /** Rejects every receiver. */
  fail(reason: unknown): void {
    for (const waiter of [...this.#ready, ...this.#queue, ...this.#called]) waiter.fail(reason);
  }
}

function stand(waiter: Waiter, queue: Queue<Waiter>): void {
  waiter.place = { queue, item: queue.push(waiter) };
}
