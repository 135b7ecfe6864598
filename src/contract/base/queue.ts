/** A first-in, first-out queue from whose middle anything can leave in constant time. */

export interface QueueItem<T> {
  readonly value: T;
  next: QueueItem<T> | undefined;
  previous: QueueItem<T> | undefined;
  queued: boolean;
}

export class Queue<T> {
  #first: QueueItem<T> | undefined;
  #last: QueueItem<T> | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get first(): T | undefined {
    return this.#first?.value;
  }

  /** @returns the item, for `remove` */
  push(value: T): QueueItem<T> {
    const item: QueueItem<T> = { value, next: undefined, previous: this.#last, queued: true };
    if (this.#last === undefined) this.#first = item;
    else this.#last.next = item;
    this.#last = item;
    this.#size += 1;
    return item;
  }

  /** @returns the item, for `remove` */
  unshift(value: T): QueueItem<T> {
    const item: QueueItem<T> = { value, next: this.#first, previous: undefined, queued: true };
    if (this.#first === undefined) this.#last = item;
    else this.#first.previous = item;
    this.#first = item;
    this.#size += 1;
    return item;
  }

  shift(): T | undefined {
    const item = this.#first;
    if (item !== undefined) this.remove(item);
    return item?.value;
  }

  /** Does nothing when the item has left already. */
  remove(item: QueueItem<T>): void {
    if (!item.queued) return;
    item.queued = false;
    if (item.previous === undefined) this.#first = item.next;
    else item.previous.next = item.next;
    if (item.next === undefined) this.#last = item.previous;
    else item.next.previous = item.previous;
    this.#size -= 1;
  }

  *[Symbol.iterator](): Iterator<T> {
    for (let item = this.#first; item !== undefined; item = item.next) yield item.value;
  }
}
