/** A stream of parts that is read once: its parts, its text, what comes of its output, or its result alone. */
import { AsimovError } from "#contract/base/errors";
import { systemClock } from "#contract/base/services";
import { outputPreviews } from "./output-previews.ts";
import { type PartOrigin, PartReader, type Pick } from "./part-reader.ts";

interface AnyPart {
  readonly type: string;
  readonly text?: string;
}

export abstract class ReadOnce<Part extends AnyPart, Result> implements AsyncIterable<Part> {
  readonly #settled = Promise.withResolvers<Result>();
  readonly #what: string;
  #isRead = false;
  #isResultAsked = false;

  /** @param what it is, for the error of whoever reads it twice */
  constructor(what: string) {
    this.#what = what;
    // Whoever reads the parts alone learns of the failure there.
    this.#settled.promise.catch(() => {});
  }

  protected readonly resolve = (result: Result): void => this.#settled.resolve(result);

  protected readonly reject = (error: unknown): void => this.#settled.reject(error);

  /** What one reader reads of: it begins when that asks for its first part. */
  protected abstract origin(): PartOrigin<Part>;

  /** Begins the work where nobody reads; settles or fails with it. */
  protected abstract drain(): Promise<unknown>;

  [Symbol.asyncIterator](): AsyncIterator<Part> {
    return this.#reader((part) => part);
  }

  get text(): AsyncIterable<string> {
    return { [Symbol.asyncIterator]: () => this.#reader((part) => (part.type === "text-delta" ? part.text : undefined)) };
  }

  get partialOutput(): AsyncIterable<never> {
    return { [Symbol.asyncIterator]: () => this.#reader(outputPreviews()) as AsyncIterator<never> };
  }

  get result(): Promise<Result> {
    if (!this.#isRead && !this.#isResultAsked) {
      this.#isResultAsked = true;
      // Later, so that asking for the result first and reading the parts then is no mistake.
      systemClock.setTimeout(() => {
        if (this.#isRead) return;
        this.#isRead = true;
        // The result tells what it fails with.
        this.drain().catch(() => {});
      }, 0);
    }
    return this.#settled.promise;
  }

  #reader<T>(pick: Pick<Part, T>): AsyncIterator<T> {
    this.claim();
    return new PartReader(this.origin(), this.#what, pick);
  }

  /** @throws AsimovError `stream-consumed` */
  protected claim(): void {
    if (this.#isRead) {
      throw new AsimovError(
        `This ${this.#what} is being read already; it is read once: its parts, its text, its partialOutput, or its result.`,
        {
          code: "stream-consumed",
        },
      );
    }
    this.#isRead = true;
  }
}
