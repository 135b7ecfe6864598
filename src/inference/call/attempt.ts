/** One request to a provider: its own abort controller, its watch over silence, and its way to end whatever the SDK does. */
import { setLongTimeout } from "#contract/base/long-timer";
import { type Clock, monotonicOf } from "#contract/base/services";
import type { ModelRequest, SentHeaders, Wire, WireCall } from "#contract/chat/wire";
import { WireFault } from "#contract/chat/wire-fault";
import { secretsIn } from "#inference/faults/sent-secrets";
import { guardedFetch } from "#inference/transport/guarded-fetch";
import type { GenerationBuilder } from "./generation-builder.ts";

/** Silence after the end mark that ends the answer. */
const REST_MS = 5_000;

export interface AttemptLimits {
  idleTimeoutMs: number;
  maxBytes: number;
  maxLineBytes: number;
}

/** Made once: the platform's own reason would be built, with its stack, at the end of every call. */
const CLOSED = new Error("The call has ended.");
CLOSED.name = "AbortError";

const NOTHING = (): void => {};

export interface AttemptAbout {
  clock: Clock;
  fetch: typeof fetch;
  limits: AttemptLimits;
  streaming: boolean;
  onHeaders(status: number, headers: Headers): void;
}

/** Its wire gets it as the call. Accessors of a class, not of an object made here: V8 takes those for long-lived, and what they see with them. */
export class Attempt implements WireCall {
  readonly #wire: Wire;
  readonly #builder: GenerationBuilder;
  readonly #about: AttemptAbout;
  /** Made when the wire asks for its signal. */
  #controller: AbortController | undefined;
  #fetch: typeof fetch | undefined;
  #isClosed = false;
  /** The end mark has come. */
  #isEnding = false;
  /** Ends the wait that is under way; SDKs do not all end theirs when they are aborted. */
  #interrupt: (reason: unknown) => void = NOTHING;
  #isWaiting = false;
  #onEvent: (result: IteratorResult<unknown>) => void = NOTHING;
  #activeAt: number;
  #unwatch: () => void = NOTHING;
  #events: AsyncIterator<unknown> | undefined;
  /** What its request was sent with. */
  #sent: SentHeaders;
  #read: (event: unknown) => void = NOTHING;

  constructor(wire: Wire, builder: GenerationBuilder, about: AttemptAbout) {
    this.#wire = wire;
    this.#builder = builder;
    this.#about = about;
    this.#activeAt = monotonicOf(about.clock);
    this.#watch(about.limits.idleTimeoutMs);
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#isClosed && !this.#controller.signal.aborted) this.#controller.abort(CLOSED);
    return this.#controller.signal;
  }

  get fetch(): typeof fetch {
    const { fetch: base, streaming, limits } = this.#about;
    const { signal, onRequest, onByte, onHeaders } = this;
    this.#fetch ??= guardedFetch(base, { ...limits, signal, streaming, onRequest, onByte, onHeaders });
    return this.#fetch;
  }

  readonly onRequest = (headers: SentHeaders): void => {
    this.#sent = headers;
  };

  readonly onByte = (): void => {
    this.#activeAt = monotonicOf(this.#about.clock);
  };

  readonly onHeaders = (status: number, headers: Headers): void => this.#about.onHeaders(status, headers);

  /** The keys that its request was sent with, never to be shown. */
  get secrets(): string[] {
    return secretsIn(this.#sent);
  }

  /** One whole answer, read into the builder. */
  async send(request: ModelRequest): Promise<unknown> {
    const response = await this.#wait(this.#wire.send(request, this));
    this.#wire.readResponse(response, this.#builder);
    return response;
  }

  async open(request: ModelRequest): Promise<void> {
    this.#read = this.#wire.readEvents(this.#builder);
    const events = await this.#wait(this.#wire.open(request, this));
    this.#events = events[Symbol.asyncIterator]();
  }

  /** Asks for the next event, and tells one of the two; callbacks, since a stream of ten thousand events feels each promise. */
  next(onEvent: (result: IteratorResult<unknown>) => void, onError: (error: unknown) => void): void {
    this.#onEvent = onEvent;
    this.#interrupt = onError;
    this.#begin();
    (this.#events as AsyncIterator<unknown>).next().then(this.#took, this.#broke);
  }

  /** Reads an event, or several that came together, into the builder. @returns the last one */
  read(item: unknown): unknown {
    if (Array.isArray(item)) for (const event of item) this.#read(event);
    else this.#read(item);
    if (this.#builder.isFinished) this.#waitForRest();
    return Array.isArray(item) ? item.at(-1) : item;
  }

  /** What may come after the end mark, such as usage, does not take long: some connections stay open. */
  #waitForRest(): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    this.#unwatch();
    this.#watch(this.#silence);
  }

  /** Milliseconds without a byte that are too many. */
  get #silence(): number {
    const { idleTimeoutMs } = this.#about.limits;
    return this.#isEnding ? Math.min(idleTimeoutMs, REST_MS) : idleTimeoutMs;
  }

  /** Ends it from outside: what waits rejects with the reason, and the socket is freed. */
  abort(reason: unknown): void {
    const isWaited = this.#end();
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

  /** A promise of its own, since not every SDK's settles once it is aborted. */
  #wait<T>(promise: Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#interrupt = reject;
      this.#begin();
      promise.then((value) => {
        if (this.#end()) resolve(value);
      }, this.#broke);
    });
  }

  readonly #took = (result: IteratorResult<unknown>): void => {
    if (this.#end()) this.#onEvent(result);
  };

  readonly #broke = (error: unknown): void => {
    if (this.#end()) this.#interrupt(error);
  };

  #begin(): void {
    this.#isWaiting = true;
    this.#activeAt = monotonicOf(this.#about.clock);
  }

  /** @returns whether the wait was still on: an abort ends it, and there is none after that */
  #end(): boolean {
    const isWaited = this.#isWaiting;
    this.#isWaiting = false;
    return isWaited;
  }

  /** Time in which nobody waits for the provider is the reader's own. */
  #watch(ms: number): void {
    const { clock, limits } = this.#about;
    const fire = (): void => {
      const silent = this.#isWaiting ? monotonicOf(clock) - this.#activeAt : 0;
      if (silent < this.#silence) return this.#watch(this.#silence - silent);
      const detail = `no byte for ${limits.idleTimeoutMs} ms`;
      this.abort(new WireFault({ kind: "retryable", code: "stream-idle", detail, isOwnDetail: true }));
    };
    this.#unwatch = setLongTimeout(ms, fire, clock);
  }
}
