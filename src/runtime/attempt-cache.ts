/** A module's view of a cache: the cache itself, as long as the attempt runs; waiting for a message counts as waiting, not as work. */
import { Cache, type CacheReadOptions, type CacheWriteOptions, type ReceiveOptions, type ReceivePermit } from "#contract/store/cache";
import { type AttemptGate, unheard } from "./attempt-gate.ts";

export interface AttemptWaits {
  readonly gate: AttemptGate;
  /** Aborted when the attempt is given up. */
  readonly signal: AbortSignal;
  /** Does what only waits; others work meanwhile. */
  wait<T>(work: (permit: ReceivePermit) => Promise<T>): Promise<T>;
}

export class AttemptCache extends Cache {
  readonly #inner: Cache;
  readonly #attempt: AttemptWaits;

  constructor(inner: Cache, attempt: AttemptWaits) {
    super({ prefix: inner.prefix, suffix: inner.suffix });
    this.#inner = inner;
    this.#attempt = attempt;
  }

  get<T>(key: string, ...rest: [defaultValue?: T, options?: CacheReadOptions]): Promise<T> {
    return unheard(this.#inner.get<T>(key, ...rest));
  }

  getMany(keys: readonly string[]): Promise<Record<string, unknown>> {
    return unheard(this.#inner.getMany(keys));
  }

  getAll(): Promise<Record<string, unknown>> {
    return unheard(this.#inner.getAll());
  }

  keys(): Promise<Set<string>> {
    return unheard(this.#inner.keys());
  }

  peekMailbox<T>(mailbox: string): Promise<T[]> {
    return unheard(this.#inner.peekMailbox<T>(mailbox));
  }

  mailboxes(): Promise<Set<string>> {
    return unheard(this.#inner.mailboxes());
  }

  set(key: string, value: unknown, options?: CacheWriteOptions): Promise<void> {
    return this.#through(`setting key "${key}"`, () => this.#inner.set(key, value, options));
  }

  setMany(values: Readonly<Record<string, unknown>>, options?: { ttlMs?: number }): Promise<void> {
    return this.#through("setting keys", () => this.#inner.setMany(values, options));
  }

  delete(key: string, options?: CacheReadOptions): Promise<boolean> {
    return this.#through(`deleting key "${key}"`, () => this.#inner.delete(key, options));
  }

  clear(): Promise<void> {
    return this.#through("clearing the cache", () => this.#inner.clear());
  }

  update<T>(key: string, change: (current: T | undefined) => T): Promise<T> {
    const what = `updating key "${key}"`;
    const inTime = (current: T | undefined): T => {
      this.#attempt.gate.pass(what);
      return change(current);
    };
    return this.#through(what, () => this.#inner.update(key, inTime));
  }

  increment(key: string, by?: number): Promise<number> {
    return this.#through(`incrementing key "${key}"`, () => this.#inner.increment(key, by));
  }

  publishToMailbox(mailbox: string, message: unknown): Promise<void> {
    return this.#through(`publishing to mailbox "${mailbox}"`, () => this.#inner.publishToMailbox(mailbox, message));
  }

  getMessage<T>(mailbox: string, options: ReceiveOptions = {}): Promise<T | null> {
    return this.#through(`receiving from mailbox "${mailbox}"`, async () => {
      // One that was given up takes no message, whatever its module does: it would be nobody's.
      const ends = [options.signal, this.#attempt.signal, this.#attempt.gate.signal].filter((signal) => signal !== undefined);
      const signal = AbortSignal.any(ends);
      // A message that is there costs no wait.
      const message = await this.#inner.getMessage<T>(mailbox, { ...options, signal, timeoutMs: 0 });
      if (message !== null || options.timeoutMs === 0) return message;
      return this.#attempt.wait((permit) => this.#inner.getMessage<T>(mailbox, { ...options, signal, permit }));
    });
  }

  withPrefix(prefix: string): Cache {
    return new AttemptCache(this.#inner.withPrefix(prefix), this.#attempt);
  }

  withSuffix(suffix: string): Cache {
    return new AttemptCache(this.#inner.withSuffix(suffix), this.#attempt);
  }

  close(): Promise<void> {
    return this.#through("closing the cache", () => this.#inner.close());
  }

  #through<T>(what: string, work: () => Promise<T>): Promise<T> {
    return this.#attempt.gate.through(what, work);
  }
}
