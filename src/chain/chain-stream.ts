/** A chain as its reader sees it: it begins when somebody reads, works as far ahead as a buffer holds, and ends when its reader leaves. */
import { Queue } from "#contract/base/queue";
import { DONE, type Pick, ReadOnce } from "#contract/chat/read-once";
import type { ChainPart, ChainStream, ToolChainResult } from "#contract/chat/tool-chain";
import type { Watch } from "./host.ts";

/** Parts that wait for their reader before the chain does. */
const AHEAD = 64;

interface Call<T> {
  resolve(result: IteratorResult<T>): void;
  reject(error: unknown): void;
}

export class ShownChain extends ReadOnce<ChainPart, ToolChainResult> implements ChainStream {
  readonly #run: (watch: Watch) => Promise<ToolChainResult>;
  readonly #left = new AbortController();

  /** @param run starts the chain, when somebody reads */
  constructor(run: (watch: Watch) => Promise<ToolChainResult>) {
    super("chain");
    this.#run = run;
  }

  protected override drain(): Promise<unknown> {
    return this.#begin();
  }

  #begin(show?: Watch["show"]): Promise<ToolChainResult> {
    const { signal } = this.#left;
    const work = this.#run(show === undefined ? { signal } : { signal, show });
    work.then(this.resolve, this.reject);
    return work;
  }

  protected override read<T>(pick: Pick<ChainPart, T>): AsyncIterator<T> {
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
