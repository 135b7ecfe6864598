/** A streamed call as its reader sees it: parts are pulled one by one, and a reader that leaves ends the call. */
import { AsimovError } from "../contract/errors.ts";
import type { Generation, InferenceStream, StreamPart } from "../contract/generation.ts";

/** What the stream reads from. */
export interface PartSource {
  pull(): Promise<StreamPart[] | Generation>;
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

  /** @param open starts the call, when somebody reads */
  constructor(open: () => PartSource, check: (generation: Generation) => Promise<Generation>) {
    this.#open = open;
    this.#check = check;
    this.#result = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // Whoever reads the parts alone learns of the failure there.
    this.#result.catch(() => {});
  }

  [Symbol.asyncIterator](): AsyncIterator<StreamPart> {
    if (this.#isRead) {
      throw new AsimovError("This stream is being read already; a stream is read once: its parts, its text, or its result.", {
        code: "stream-consumed",
      });
    }
    this.#isRead = true;
    return this.#parts();
  }

  get text(): AsyncIterable<string> {
    const parts = (): AsyncIterator<StreamPart> => this[Symbol.asyncIterator]();
    return {
      [Symbol.asyncIterator]() {
        const inner = parts();
        return {
          async next(): Promise<IteratorResult<string>> {
            for (;;) {
              const { done, value } = await inner.next();
              if (done === true) return DONE;
              if (value.type === "text-delta") return { done: false, value: value.text };
            }
          },
          async return(): Promise<IteratorResult<string>> {
            await inner.return?.();
            return DONE;
          },
        };
      },
    };
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

  /** Not an async generator: its promises for each part would be felt in a stream of ten thousand. */
  #parts(): AsyncIterator<StreamPart> {
    let queue: readonly StreamPart[] = [];
    let at = 0;
    let isOver = false;
    let generation: Generation | undefined;
    const take = (): IteratorResult<StreamPart> | undefined => {
      const part = queue[at];
      if (part === undefined) return isOver ? DONE : undefined;
      at += 1;
      return { done: false, value: part };
    };
    const deliver = (pulled: StreamPart[] | Generation): IteratorResult<StreamPart> => {
      if (isOver) return DONE;
      at = 0;
      if (Array.isArray(pulled)) {
        queue = pulled;
      } else {
        generation = pulled;
        const { finishReason, usage } = pulled;
        queue = [...(this.#source?.take() ?? []), { type: "finish", finishReason, usage }];
      }
      return take() as IteratorResult<StreamPart>;
    };
    const fail = (error: unknown): never => {
      isOver = true;
      queue = [];
      this.#reject(error);
      throw error;
    };
    const end = async (whole: Generation): Promise<IteratorResult<StreamPart>> => {
      isOver = true;
      await this.#finish(whole);
      return DONE;
    };
    const step = (): Promise<IteratorResult<StreamPart>> => {
      const ready = take();
      if (ready !== undefined) return Promise.resolve(ready);
      if (generation !== undefined) return end(generation);
      this.#source ??= this.#open();
      return this.#source.pull().then(deliver, fail);
    };
    // Calls of `next` that do not wait for each other are answered in their order.
    let last: Promise<unknown> | undefined;
    let waiting = 0;
    const settle = (): void => {
      waiting -= 1;
    };
    return {
      next: () => {
        if (waiting === 0 && at < queue.length) return step();
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
          this.#reject(this.#source?.stop(reason) ?? reason);
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
