/** A call that waits for what its request needs, and begins then. */
import type { Generation, StreamPart } from "#contract/chat/generation";
import type { PartSource } from "./call-stream.ts";

export class LateSource implements PartSource {
  readonly #ready: () => Promise<unknown>;
  readonly #begin: () => PartSource;
  /** The error of a call that was left before it began. */
  readonly #abandoned: (reason: unknown) => unknown;
  #source: PartSource | undefined;
  #left: { error: unknown } | undefined;

  constructor(ready: () => Promise<unknown>, begin: () => PartSource, abandoned: (reason: unknown) => unknown) {
    this.#ready = ready;
    this.#begin = begin;
    this.#abandoned = abandoned;
  }

  pull(onPulled: (pulled: StreamPart[] | Generation) => void, onError: (error: unknown) => void): void {
    if (this.#source !== undefined) return this.#source.pull(onPulled, onError);
    this.#opened().then((source) => source.pull(onPulled, onError), onError);
  }

  async #opened(): Promise<PartSource> {
    await this.#ready();
    if (this.#left !== undefined) throw this.#left.error;
    this.#source = this.#begin();
    return this.#source;
  }

  take(): StreamPart[] {
    return this.#source?.take() ?? [];
  }

  stop(reason: unknown): unknown {
    if (this.#source !== undefined) return this.#source.stop(reason);
    this.#left = { error: this.#abandoned(reason) };
    return this.#left.error;
  }
}
