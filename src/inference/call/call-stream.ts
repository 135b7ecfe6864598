/** A streamed call as its reader sees it: parts are pulled as they come, and a reader that leaves ends the call. */
import type { Generation, StreamPart } from "#contract/chat/generation";
import { DONE, type Pick, ReadOnce } from "#contract/chat/read-once";
import type { WatchedStream } from "#contract/chat/tool-chain";

/** What the stream reads from. */
export interface PartSource {
  /** Tells one of the two, later. */
  pull(onPulled: (pulled: StreamPart[] | Generation) => void, onError: (error: unknown) => void): void;
  take(): StreamPart[];
  /** @returns the error that the call ends with */
  stop(reason: unknown): unknown;
}

export class CallStream extends ReadOnce<StreamPart, Generation> implements WatchedStream {
  readonly #open: () => PartSource;
  /** Checks the whole answer, and may change it. */
  readonly #check: (generation: Generation) => Promise<Generation>;
  #source: PartSource | undefined;

  /** The error of a call that was left before it began. */
  readonly #abandoned: (reason: unknown) => unknown;

  /** @param open starts the call, when somebody reads */
  constructor(open: () => PartSource, check: (generation: Generation) => Promise<Generation>, abandoned: (reason: unknown) => unknown) {
    super("stream");
    this.#open = open;
    this.#check = check;
    this.#abandoned = abandoned;
  }

  each(visit: (part: StreamPart) => Promise<void> | undefined): Promise<Generation> {
    this.claim();
    return this.#each(visit);
  }

  protected override drain(): Promise<unknown> {
    return this.#each(() => undefined);
  }

  /** By callbacks: a promise for each part would be felt in a stream of ten thousand. */
  #each(visit: (part: StreamPart) => Promise<void> | undefined): Promise<Generation> {
    this.#source = this.#open();
    const source = this.#source;
    return new Promise((resolve, reject) => {
      const fail = (error: unknown): void => {
        this.reject(error);
        reject(error);
      };
      const leave = (error: unknown): void => {
        source.stop(error);
        fail(error);
      };
      const visitFrom = (parts: readonly StreamPart[], from: number, next: () => void): void => {
        for (let at = from; at < parts.length; at++) {
          const wait = visit(parts[at] as StreamPart);
          if (wait === undefined) continue;
          wait.then(() => visitFrom(parts, at + 1, next)).catch(leave);
          return;
        }
        next();
      };
      const onPulled = (pulled: StreamPart[] | Generation): void => {
        try {
          if (Array.isArray(pulled)) visitFrom(pulled, 0, pull);
          else visitFrom(this.#lastParts(pulled), 0, () => void this.#finish(pulled).then(resolve, reject));
        } catch (error) {
          leave(error);
        }
      };
      const pull = (): void => source.pull(onPulled, fail);
      pull();
    });
  }

  /** Not an async generator, as above. */
  protected override read<T>(pick: Pick<StreamPart, T>): AsyncIterator<T> {
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
        queue = this.#lastParts(pulled);
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
      this.reject(error);
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
          this.reject(this.#source?.stop(reason) ?? this.#abandoned(reason));
        }
        return DONE;
      },
    };
  }

  #lastParts({ finishReason, usage }: Generation): StreamPart[] {
    return [...(this.#source?.take() ?? []), { type: "finish", finishReason, usage }];
  }

  async #finish(generation: Generation): Promise<Generation> {
    try {
      const checked = await this.#check(generation);
      this.resolve(checked);
      return checked;
    } catch (error) {
      this.reject(error);
      throw error;
    }
  }
}
