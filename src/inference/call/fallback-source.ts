/** One answer out of several calls: the next begins where one fails before anything of it was shown. */
import type { Generation, StreamPart } from "#contract/chat/generation";
import type { PartSource } from "./call-stream.ts";

export class FallbackSource implements PartSource {
  readonly #next: (error: unknown) => PartSource;
  #source: PartSource;
  #isShown = false;

  /** @param next the call that follows one that failed with that. @throws what the whole fails with */
  constructor(first: PartSource, next: (error: unknown) => PartSource) {
    this.#source = first;
    this.#next = next;
  }

  pull(onPulled: (pulled: StreamPart[] | Generation) => void, onError: (error: unknown) => void): void {
    // What was shown is never said again, and each further part costs nothing more.
    if (this.#isShown) return this.#source.pull(onPulled, onError);
    this.#source.pull(
      (pulled) => {
        this.#isShown = true;
        onPulled(pulled);
      },
      (error) => {
        try {
          this.#source = this.#next(error);
        } catch (last) {
          return onError(last);
        }
        this.pull(onPulled, onError);
      },
    );
  }

  take(): StreamPart[] {
    return this.#source.take();
  }

  stop(reason: unknown): unknown {
    return this.#source.stop(reason);
  }
}
