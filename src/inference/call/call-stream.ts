/** A streamed call as its reader sees it: parts are pulled as they come, and a reader that leaves ends the call. */
import type { Generation, StreamPart } from "#contract/chat/generation";
import type { PartOrigin, PartTaker } from "#contract/chat/part-reader";
import { ReadOnce } from "#contract/chat/read-once";
import type { WatchedStream } from "#contract/chat/tool-chain";

/** What the stream reads from. */
export interface PartSource {
  /** Tells one of the two, later. */
  pull(onPulled: (pulled: StreamPart[] | Generation) => void, onError: (error: unknown) => void): void;
  take(): StreamPart[];
  /** @returns the error that the call ends with */
  stop(reason: unknown): unknown;
}

type Visit = (parts: readonly StreamPart[]) => Promise<void> | undefined;

export class CallStream extends ReadOnce<StreamPart, Generation> implements WatchedStream {
  readonly #open: () => PartSource;
  /** Checks the whole answer, and may change it. */
  readonly #check: (generation: Generation) => Promise<Generation>;
  /** The error of a call that was left before it began. */
  readonly #abandoned: (reason: unknown) => unknown;
  #source: PartSource | undefined;

  /** @param open starts the call, when somebody reads */
  constructor(open: () => PartSource, check: (generation: Generation) => Promise<Generation>, abandoned: (reason: unknown) => unknown) {
    super("stream");
    this.#open = open;
    this.#check = check;
    this.#abandoned = abandoned;
  }

  each(visit: Visit): Promise<Generation> {
    this.claim();
    return this.#each(visit);
  }

  protected override drain(): Promise<unknown> {
    return this.#each(() => undefined);
  }

  protected override origin(): PartOrigin<StreamPart> {
    let generation: Generation | undefined;
    let reader: PartTaker<StreamPart>;
    const onPulled = (pulled: StreamPart[] | Generation): void => {
      if (Array.isArray(pulled)) return reader.take(pulled);
      generation = pulled;
      reader.take(this.#lastParts(pulled));
    };
    const onError = (error: unknown): void => {
      this.reject(error);
      reader.fail(error);
    };
    return {
      pull: (asking) => {
        reader = asking;
        if (generation === undefined) return this.#pull(onPulled, onError);
        this.#finish(generation).then(
          () => asking.end(),
          (error: unknown) => asking.fail(error),
        );
      },
      leave: (reason) => {
        // Of an answer that is whole nothing was left.
        if (generation !== undefined) this.#finish(generation).catch(() => {});
        else this.reject(this.#source?.stop(reason) ?? this.#abandoned(reason));
      },
    };
  }

  /** By callbacks: a promise for each pull would be felt. */
  #each(visit: Visit): Promise<Generation> {
    return new Promise((resolve, reject) => {
      const onError = (error: unknown): void => {
        this.reject(error);
        reject(error);
      };
      const leave = (error: unknown): void => {
        this.#source?.stop(error);
        onError(error);
      };
      const hand = (parts: readonly StreamPart[], next: () => void): void => {
        try {
          const wait = visit(parts);
          if (wait === undefined) next();
          else wait.then(next).catch(leave);
        } catch (error) {
          leave(error);
        }
      };
      const onPulled = (pulled: StreamPart[] | Generation): void => {
        if (Array.isArray(pulled)) hand(pulled, pull);
        else hand(this.#lastParts(pulled), () => void this.#finish(pulled).then(resolve, reject));
      };
      const pull = (): void => this.#pull(onPulled, onError);
      pull();
    });
  }

  #pull(onPulled: (pulled: StreamPart[] | Generation) => void, onError: (error: unknown) => void): void {
    try {
      this.#source ??= this.#open();
    } catch (error) {
      return onError(error);
    }
    this.#source.pull(onPulled, onError);
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
