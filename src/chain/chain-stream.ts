/** A chain as its reader sees it: it begins when somebody reads, works as far ahead as a buffer holds, and ends when its reader leaves. */
import type { PartOrigin, PartTaker } from "#contract/chat/part-reader";
import { ReadOnce } from "#contract/chat/read-once";
import type { ChainPart, ChainStream, ToolChainResult } from "#contract/chat/tool-chain";
import type { Watch } from "./host.ts";

/** Parts that wait for their reader before the chain does; the reader may have as many in hand. */
const AHEAD = 32;

export class ShownChain extends ReadOnce<ChainPart, ToolChainResult> implements ChainStream {
  readonly #run: (watch: Watch) => Promise<ToolChainResult>;

  /** @param run starts the chain, when somebody reads */
  constructor(run: (watch: Watch) => Promise<ToolChainResult>) {
    super("chain");
    this.#run = run;
  }

  protected override drain(): Promise<unknown> {
    return this.#begin({ signal: new AbortController().signal });
  }

  #begin(watch: Watch): Promise<ToolChainResult> {
    const work = this.#run(watch);
    work.then(this.resolve, this.reject);
    return work;
  }

  protected override origin(): PartOrigin<ChainPart> {
    const left = new AbortController();
    const { signal } = left;
    /** Those together that came so. */
    let unread: (readonly ChainPart[])[] = [];
    let ahead = 0;
    /** Has read all, and waits for more. */
    let waiting: PartTaker<ChainPart> | undefined;
    let room: PromiseWithResolvers<void> | undefined;
    let work: Promise<unknown> | undefined;
    let end: ((reader: PartTaker<ChainPart>) => void) | undefined;
    const drained = (): readonly ChainPart[] => {
      const [first = [], ...others] = unread;
      const taken = others.length === 0 ? first : unread.flat();
      unread = [];
      ahead = 0;
      room?.resolve();
      room = undefined;
      return taken;
    };
    const show = (parts: readonly ChainPart[]): Promise<void> | undefined => {
      if (signal.aborted) return undefined;
      if (waiting !== undefined) {
        const reader = waiting;
        waiting = undefined;
        reader.take(parts);
        return undefined;
      }
      unread.push(parts);
      ahead += parts.length;
      if (ahead < AHEAD) return undefined;
      room ??= Promise.withResolvers<void>();
      return room.promise;
    };
    const ended = (tell: (reader: PartTaker<ChainPart>) => void): void => {
      end = tell;
      if (waiting !== undefined) tell(waiting);
    };
    return {
      pull: (reader) => {
        if (ahead > 0) return reader.take(drained());
        if (end !== undefined) return end(reader);
        waiting = reader;
        if (work !== undefined) return;
        work = this.#begin({ signal, show });
        work.then(
          () => ended((one) => one.end()),
          (error: unknown) => ended((one) => one.fail(error)),
        );
      },
      leave: (reason) => {
        drained();
        left.abort(reason);
        work ??= this.#begin({ signal });
        work.catch(() => {});
      },
    };
  }
}
