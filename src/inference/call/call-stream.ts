/** A streamed call as its reader sees it: parts are pulled one by one, and a reader that leaves ends the call. */
import { AsimovError } from "#contract/base/errors";
import type { Generation, InferenceStream, StreamPart } from "#contract/chat/generation";

/** What the stream reads from. */
export interface PartSource {
  /** Tells one of the two, later. */
  pull(onPulled: (pulled: StreamPart[] | Generation) => void, onError: (error: unknown) => void): void;
  take(): StreamPart[];
  /** @returns the error that the call ends with */
  stop(reason: unknown): unknown;
}

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined };

export class CallStream implements InferenceStream {
  readonly #open: () => PartSource;
  /** Checks the whole answer, and may change it. */
  readonly #check: (generation: Generation) => Promise<Generation>;
  readonly #result: Promise<Generation>;
  #resolve: (generation: Generation) => void = () => {};
  #reject: (error: unknown) => void = () => {};
  #source: PartSource | undefined;
  #isRead = false;
  #isResultAsked = false;

  /** The error of a call that was left before it began. */
  readonly #abandoned: (reason: unknown) => unknown;

  /** @param open starts the call, when somebody reads */
  constructor(open: () => PartSource, check: (generation: Generation) => Promise<Generation>, abandoned: (reason: unknown) => unknown) {
    this.#open = open;
    this.#check = check;
    this.#abandoned = abandoned;
    this.#result = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // Whoever reads the parts alone learns of the failure there.
    this.#result.catch(() => {});
  }

  [Symbol.asyncIterator](): AsyncIterator<StreamPart> {
    return this.#read((part) => part);
  }

  get text(): AsyncIterable<string> {
    return { [Symbol.asyncIterator]: () => this.#read((part) => (part.type === "text-delta" ? part.text : undefined)) };
  }

  get result(): Promise<Generation> {
    if (!this.#isRead && !this.#isResultAsked) {
      this.#isResultAsked = true;
      // Later, so that asking for the result first and reading the parts then is no mistake.
      setTimeout(() => {
        if (!this.#isRead) void this.#drain();
      }, 0);
    }
    return this.#result;
  }

  async #drain(): Promise<void> {
    const parts = this[Symbol.asyncIterator]();
    try {
      while ((await parts.next()).done !== true);
    } catch {
      // The result tells.
    }
  }

  /**
   * Not an async generator: its promises for each part would be felt in a stream of ten thousand.
   *
   * @param pick what of a part the reader gets; nothing of it where that is `undefined`
   */
  #read<T>(pick: (part: StreamPart) => T | undefined): AsyncIterator<T> {
    if (this.#isRead) {
      throw new AsimovError("This stream is being read already; a stream is read once: its parts, its text, or its result.", {
        code: "stream-consumed",
      });
    }
    this.#isRead = true;
    let queue: readonly StreamPart[] = [];
    let at = 0;
    let isOver = false;
    let generation: Generation | undefined;
    const take = (): IteratorResult<T> | undefined => {
      while (at < queue.length) {
        const value = pick(queue[at++] as StreamPart);
        if (value !== undefined) return { done: false, value };
      }
      return isOver ? DONE : undefined;
    };
    const deliver = (pulled: StreamPart[] | Generation): IteratorResult<T> | Promise<IteratorResult<T>> => {
      if (isOver) return DONE;
      at = 0;
      if (Array.isArray(pulled)) {
        queue = pulled;
      } else {
        generation = pulled;
        const { finishReason, usage } = pulled;
        queue = [...(this.#source?.take() ?? []), { type: "finish", finishReason, usage }];
      }
      return take() ?? pull();
    };
    const end = async (whole: Generation): Promise<IteratorResult<T>> => {
      isOver = true;
      await this.#finish(whole);
      return DONE;
    };
    let resolve: (result: IteratorResult<T> | Promise<IteratorResult<T>>) => void;
    let reject: (error: unknown) => void;
    const onPulled = (pulled: StreamPart[] | Generation): void => resolve(deliver(pulled));
    const onError = (error: unknown): void => {
      isOver = true;
      queue = [];
      this.#reject(error);
      reject(error);
    };
    const pull = (): Promise<IteratorResult<T>> => {
      if (generation !== undefined) return end(generation);
      this.#source ??= this.#open();
      const source = this.#source;
      return new Promise((onValue, onFailure) => {
        resolve = onValue;
        reject = onFailure;
        source.pull(onPulled, onError);
      });
    };
    const step = (): Promise<IteratorResult<T>> => {
      const ready = take();
      return ready === undefined ? pull() : Promise.resolve(ready);
    };
    // Calls of `next` that do not wait for each other are answered in their order.
    let last: Promise<unknown> | undefined;
    let waiting = 0;
    const settle = (): void => {
      waiting -= 1;
    };
    return {
      next: () => {
        const ready = waiting === 0 ? take() : undefined;
        if (ready !== undefined) return Promise.resolve(ready);
        const current = waiting === 0 || last === undefined ? step() : last.then(step, step);
        waiting += 1;
        last = current;
        current.then(settle, settle);
        return current;
      },
      return: async () => {
        if (!isOver) {
          isOver = true;
          queue = [];
          const reason = new DOMException("The stream's reader left before its end.", "AbortError");
          this.#reject(this.#source?.stop(reason) ?? this.#abandoned(reason));
        }
        return DONE;
      },
    };
  }

  async #finish(generation: Generation): Promise<void> {
    try {
      this.#resolve(await this.#check(generation));
    } catch (error) {
      this.#reject(error);
      throw error;
    }
  }
}
