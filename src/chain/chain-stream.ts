/** A chain as its reader sees it: it begins when somebody reads, works as far ahead as a buffer holds, and ends when its reader leaves. */
import { AsimovError } from "#contract/base/errors";
import { Queue } from "#contract/base/queue";
import type { ChainPart, ChainStream, ToolChainResult } from "#contract/chat/tool-chain";
import type { Watch } from "./host.ts";

/** Parts that wait for their reader before the chain does. */
const AHEAD = 64;
const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined };

interface Call<T> {
  resolve(result: IteratorResult<T>): void;
  reject(error: unknown): void;
}

export class ShownChain implements ChainStream {
  readonly #run: (watch: Watch) => Promise<ToolChainResult>;
  readonly #result = Promise.withResolvers<ToolChainResult>();
  readonly #left = new AbortController();
  #isRead = false;
  #isResultAsked = false;

  /** @param run starts the chain, when somebody reads */
  constructor(run: (watch: Watch) => Promise<ToolChainResult>) {
    this.#run = run;
    // Whoever reads the parts alone learns of the failure there.
    this.#result.promise.catch(() => {});
  }

  [Symbol.asyncIterator](): AsyncIterator<ChainPart> {
    return this.#read((part) => part);
  }

  get text(): AsyncIterable<string> {
    return { [Symbol.asyncIterator]: () => this.#read((part) => (part.type === "text-delta" ? part.text : undefined)) };
  }

  get result(): Promise<ToolChainResult> {
    if (!this.#isRead && !this.#isResultAsked) {
      this.#isResultAsked = true;
      // Later, so that asking for the result first and reading the parts then is no mistake.
      void Promise.resolve().then(() => {
        if (!this.#isRead) void this.#begin();
      });
    }
    return this.#result.promise;
  }

  #begin(show?: Watch["show"]): Promise<ToolChainResult> {
    this.#isRead = true;
    const { signal } = this.#left;
    const work = this.#run(show === undefined ? { signal } : { signal, show });
    work.then(this.#result.resolve, this.#result.reject);
    return work;
  }

  /** @param pick what of a part the reader gets; nothing of it where that is `undefined` */
  #read<T>(pick: (part: ChainPart) => T | undefined): AsyncIterator<T> {
    if (this.#isRead) {
      throw new AsimovError("This chain is being read already; it is read once: its parts, its text, or its result.", {
        code: "stream-consumed",
      });
    }
    this.#isRead = true;
    const unread = new Queue<T>();
    const waiting = new Queue<Call<T>>();
    let room: PromiseWithResolvers<void> | undefined;
    let work: Promise<unknown> | undefined;
    let isOver = false;
    let failure: { error: unknown } | undefined;
    const drained = (): void => {
      room?.resolve();
      room = undefined;
    };
    const show = (part: ChainPart): Promise<void> | undefined => {
      const value = isOver ? undefined : pick(part);
      if (value === undefined) return undefined;
      const call = waiting.shift();
      if (call !== undefined) {
        call.resolve({ done: false, value });
        return undefined;
      }
      unread.push(value);
      if (unread.size < AHEAD) return undefined;
      room ??= Promise.withResolvers<void>();
      return room.promise;
    };
    const end = (): void => {
      isOver = true;
      for (let call = waiting.shift(); call !== undefined; call = waiting.shift()) {
        if (failure === undefined) call.resolve(DONE);
        else call.reject(failure.error);
        failure = undefined;
      }
    };
    const fail = (error: unknown): void => {
      failure = isOver ? undefined : { error };
      end();
    };
    return {
      next: () => {
        const value = unread.shift();
        if (unread.size === 0) drained();
        if (value !== undefined) return Promise.resolve({ done: false, value });
        if (isOver) {
          const failed = failure;
          failure = undefined;
          return failed === undefined ? Promise.resolve(DONE) : Promise.reject(failed.error);
        }
        const told = new Promise<IteratorResult<T>>((resolve, reject) => waiting.push({ resolve, reject }));
        if (work === undefined) {
          work = this.#begin(show);
          work.then(end, fail);
        }
        return told;
      },
      return: async () => {
        while (unread.shift() !== undefined);
        end();
        drained();
        this.#left.abort(new DOMException("The chain's reader left before its end.", "AbortError"));
        if (work === undefined) {
          work = this.#begin();
          work.catch(() => {});
        }
        return DONE;
      },
    };
  }
}
