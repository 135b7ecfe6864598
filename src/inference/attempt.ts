/** One request to a provider: its own abort controller, its watch over silence, and its way to end whatever the SDK does. */
import { setLongTimeout } from "../contract/long-timer.ts";
import type { ModelRequest, Wire, WireCall } from "../contract/wire.ts";
import { WireFault } from "../contract/wire-fault.ts";
import type { GenerationBuilder } from "./generation-builder.ts";
import { guardedFetch } from "./guarded-fetch.ts";

export interface AttemptLimits {
  idleTimeoutMs: number;
  maxBytes: number;
  maxLineBytes: number;
}

/** Made once: the platform's own reason would be built, with its stack, at the end of every call. */
const CLOSED = new Error("The call has ended.");
CLOSED.name = "AbortError";

export class Attempt {
  readonly #wire: Wire;
  readonly #builder: GenerationBuilder;
  readonly #limits: AttemptLimits;
  /** Made when the wire asks for its signal. */
  #controller: AbortController | undefined;
  #isClosed = false;
  readonly #call: WireCall;
  /** Ends the wait that is under way; SDKs do not all end theirs when they are aborted. */
  #interrupt: (reason: unknown) => void = () => {};
  #isWaiting = false;
  #waits = 0;
  #activeAt = performance.now();
  #unwatch: () => void = () => {};
  #events: AsyncIterator<unknown> | undefined;
  #read: (event: unknown) => void = () => {};

  constructor(
    wire: Wire,
    builder: GenerationBuilder,
    about: { fetch: typeof fetch; limits: AttemptLimits; streaming: boolean; onHeaders(status: number, headers: Headers): void },
  ) {
    this.#wire = wire;
    this.#builder = builder;
    this.#limits = about.limits;
    const signal = (): AbortSignal => this.#signal();
    const onByte = (): void => {
      this.#activeAt = performance.now();
    };
    const { onHeaders, streaming } = about;
    const { maxBytes, maxLineBytes } = about.limits;
    let guarded: typeof fetch | undefined;
    this.#call = {
      get signal() {
        return signal();
      },
      onByte,
      onHeaders,
      get fetch() {
        guarded ??= guardedFetch(about.fetch, { signal: signal(), streaming, maxBytes, maxLineBytes, onByte, onHeaders });
        return guarded;
      },
    };
    this.#watch(about.limits.idleTimeoutMs);
  }

  /** One whole answer, read into the builder. */
  async send(request: ModelRequest): Promise<unknown> {
    const response = await this.#wait(this.#wire.send(request, this.#call));
    this.#wire.readResponse(response, this.#builder);
    return response;
  }

  async open(request: ModelRequest): Promise<void> {
    this.#read = this.#wire.readEvents(this.#builder);
    const events = await this.#wait(this.#wire.open(request, this.#call));
    this.#events = events[Symbol.asyncIterator]();
  }

  /** Asks for the next event, and tells one of the two; callbacks, since a stream of ten thousand events feels each promise. */
  next(onEvent: (result: IteratorResult<unknown>) => void, onError: (error: unknown) => void): void {
    const isCurrent = this.#begin(onError);
    (this.#events as AsyncIterator<unknown>).next().then(
      (result) => {
        if (isCurrent()) onEvent(result);
      },
      (error: unknown) => {
        if (isCurrent()) onError(error);
      },
    );
  }

  /** Reads an event, or several that came together, into the builder. @returns the last one */
  read(item: unknown): unknown {
    if (!Array.isArray(item)) {
      this.#read(item);
      return item;
    }
    for (const event of item) this.#read(event);
    return item.at(-1);
  }

  /** Ends it from outside: what waits rejects with the reason, and the socket is freed. */
  abort(reason: unknown): void {
    const isWaited = this.#isWaiting;
    this.#isWaiting = false;
    this.close();
    if (isWaited) this.#interrupt(reason);
  }

  /** Frees the socket and the timer, also of an answer that was read to its end. */
  close(): void {
    this.#unwatch();
    this.#isClosed = true;
    if (this.#controller?.signal.aborted === false) this.#controller.abort(CLOSED);
    // Not awaited: an SDK's iterator may wait for ever for what was aborted.
    this.#events?.return?.()?.catch(() => {});
    this.#events = undefined;
  }

  #signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#isClosed && !this.#controller.signal.aborted) this.#controller.abort(CLOSED);
    return this.#controller.signal;
  }

  /** A promise of its own, since not every SDK's settles once it is aborted. */
  #wait<T>(promise: Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const isCurrent = this.#begin(reject);
      promise.then(
        (value) => {
          if (isCurrent()) resolve(value);
        },
        (error: unknown) => {
          if (isCurrent()) reject(error);
        },
      );
    });
  }

  /** Starts a wait. @returns asked when it ends, whether somebody ended it before */
  #begin(interrupt: (reason: unknown) => void): () => boolean {
    const wait = this.#waits + 1;
    this.#waits = wait;
    this.#isWaiting = true;
    this.#activeAt = performance.now();
    this.#interrupt = interrupt;
    return () => {
      if (this.#waits !== wait || !this.#isWaiting) return false;
      this.#isWaiting = false;
      return true;
    };
  }

  /** Time in which nobody waits for the provider is the reader's own. */
  #watch(ms: number): void {
    this.#unwatch = setLongTimeout(ms, () => {
      const silent = this.#isWaiting ? performance.now() - this.#activeAt : 0;
      if (silent < this.#limits.idleTimeoutMs) return this.#watch(this.#limits.idleTimeoutMs - silent);
      const detail = `no byte for ${this.#limits.idleTimeoutMs} ms`;
      this.abort(new WireFault({ kind: "retryable", code: "stream-idle", detail, isOwnDetail: true }));
    });
  }
}
