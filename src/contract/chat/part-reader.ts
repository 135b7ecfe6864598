/** The reader of what comes in parts: it asks for more when it has read what came, and answers its own reader in the order in which that asked. */

/** What of a part a reader gets; nothing of it where that is `undefined`. */
export type Pick<Part, T> = (part: Part) => T | undefined;

/** As its origin sees the reader. */
export interface PartTaker<Part> {
  take(parts: readonly Part[]): void;
  /** There is no more. */
  end(): void;
  fail(error: unknown): void;
}

/** Where the parts come from. */
export interface PartOrigin<Part> {
  /** Tells the reader what comes next, at once or later: one of the three, once. */
  pull(reader: PartTaker<Part>): void;
  /** Nobody reads on. It is asked for nothing more. */
  leave(reason: unknown): void;
}

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined };

const NOTHING = (): void => {};

/** Not an async generator: its promises for each part would be felt in a stream of ten thousand. */
export class PartReader<Part, T> implements AsyncIterator<T>, PartTaker<Part> {
  readonly #origin: PartOrigin<Part>;
  readonly #what: string;
  readonly #pick: Pick<Part, T>;
  /** Several that came together are read without asking for each. */
  #parts: readonly Part[] = [];
  #at = 0;
  #isOver = false;
  #resolve: (result: IteratorResult<T>) => void = NOTHING;
  #reject: (error: unknown) => void = NOTHING;
  /** Calls of `next` that do not wait for each other are answered in their order. */
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  /** @param what is read, for whoever is told that its reader left */
  constructor(origin: PartOrigin<Part>, what: string, pick: Pick<Part, T>) {
    this.#origin = origin;
    this.#what = what;
    this.#pick = pick;
  }

  next(): Promise<IteratorResult<T>> {
    const ready = this.#waiting === 0 ? this.#ready() : undefined;
    if (ready !== undefined) return Promise.resolve(ready);
    const current = this.#waiting === 0 ? this.#ask() : this.#last.then(this.#step, this.#step);
    this.#waiting += 1;
    this.#last = current;
    current.then(this.#answered, this.#answered);
    return current;
  }

  async return(value?: unknown): Promise<IteratorReturnResult<unknown>> {
    this.#leave(new DOMException(`The ${this.#what}'s reader left before its end.`, "AbortError"));
    return { done: true, value: await value };
  }

  async throw(error?: unknown): Promise<never> {
    this.#leave(error);
    throw error;
  }

  take(parts: readonly Part[]): void {
    if (this.#isOver) return;
    this.#parts = parts;
    this.#at = 0;
    const ready = this.#ready();
    if (ready === undefined) this.#origin.pull(this);
    else this.#resolve(ready);
  }

  end(): void {
    this.#isOver = true;
    this.#resolve(DONE);
  }

  fail(error: unknown): void {
    this.#isOver = true;
    this.#reject(error);
  }

  #ready(): IteratorResult<T> | undefined {
    while (this.#at < this.#parts.length) {
      const value = this.#pick(this.#parts[this.#at++] as Part);
      if (value !== undefined) return { done: false, value };
    }
    return this.#isOver ? DONE : undefined;
  }

  #ask(): Promise<IteratorResult<T>> {
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
      this.#origin.pull(this);
    });
  }

  readonly #step = (): Promise<IteratorResult<T>> => {
    const ready = this.#ready();
    return ready === undefined ? this.#ask() : Promise.resolve(ready);
  };

  readonly #answered = (): void => {
    this.#waiting -= 1;
  };

  #leave(reason: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#parts = [];
    this.#origin.leave(reason);
    // Whoever waits for a part that nobody will see.
    this.#resolve(DONE);
  }
}
