/** The cache port: JSON values and mailboxes under a prefix and a suffix; drivers in `cache/` pass one contract suite. */
import { brand } from "#contract/base/brand";

export interface CacheReadOptions {
  /** Take the key as it stands in the store, without prefix, suffix or escaping. Default false. */
  raw?: boolean;
}

export interface CacheWriteOptions extends CacheReadOptions {
  /** Milliseconds until the key is gone, at least 1. Absent: it stays. */
  ttlMs?: number;
}

export interface ReceiveOptions {
  /** Milliseconds to wait for a message. 0 takes only what is there; absent waits without end. */
  timeoutMs?: number;
  /** Ends the wait with the signal's reason; no message is lost. */
  signal?: AbortSignal;
  /** What the receiver works by, given back while it waits; its message stays in the mailbox until it has it again. Default: none. */
  permit?: ReceivePermit;
}

/** Of a receiver that waits; paused at first. */
export interface ReceivePermit {
  /** Asked when a message is there; settles when the receiver may take it. */
  resume(): Promise<unknown>;
  /** Somebody else has taken the message: the receiver waits on. */
  pause(): void;
}

/** One stored value, as JSON text. */
export interface CacheEntry {
  json: string;
  /** Milliseconds since 1970 when it expires. */
  expiresAt?: number;
}

/**
 * A store of JSON values and mailboxes, seen through a prefix and a suffix. Keys are `prefix:key:suffix`.
 * Values are copied on the way in and out, so that nobody changes what is stored by changing what was read.
 *
 * @example
 * const cache = new MemoryCache().withPrefix("run-1");
 * await cache.set("draft", { version: 1 });
 * await cache.increment("tokens", 250);
 */
export abstract class Cache {
  readonly prefix: string;
  readonly suffix: string;

  constructor(affixes: { prefix?: string; suffix?: string } = {}) {
    this.prefix = affixes.prefix ?? "";
    this.suffix = affixes.suffix ?? "";
  }

  /** @throws CacheKeyError when there is no such key and no default value (an explicit `undefined` is a default). */
  abstract get<T>(key: string, ...rest: [defaultValue?: T, options?: CacheReadOptions]): Promise<T>;
  /** The values of those keys that exist, in one round trip. */
  abstract getMany(keys: readonly string[]): Promise<Record<string, unknown>>;
  /** @throws AsimovError `not-json`, naming the path of what JSON cannot hold; nothing is stored then. */
  abstract set(key: string, value: unknown, options?: CacheWriteOptions): Promise<void>;
  /** Sets every value, or none, in one round trip. */
  abstract setMany(values: Readonly<Record<string, unknown>>, options?: { ttlMs?: number }): Promise<void>;
  /** Whether there was such a key. */
  abstract delete(key: string, options?: CacheReadOptions): Promise<boolean>;
  /** Every value under this prefix and suffix; mailboxes are left out. */
  abstract getAll(): Promise<Record<string, unknown>>;
  abstract keys(): Promise<Set<string>>;
  /** Deletes every value under this prefix and suffix; mailboxes stay. */
  abstract clear(): Promise<void>;
  /** Replaces a value by what `change` makes of it, atomically; `change` may be called again when another writer was faster. */
  abstract update<T>(key: string, change: (current: T | undefined) => T): Promise<T>;
  /** Adds to a number (an absent one is 0), atomically. @throws AsimovError `not-a-number` */
  abstract increment(key: string, by?: number): Promise<number>;

  /** A view of the same store and connection with another prefix. Closing any view closes the store. */
  abstract withPrefix(prefix: string): Cache;
  /** A view of the same store and connection with another suffix. */
  abstract withSuffix(suffix: string): Cache;

  /** Appends a message; a receiver that waits is woken. */
  abstract publishToMailbox(mailbox: string, message: unknown): Promise<void>;
  /** Takes the oldest message, or null when none came in time. One message goes to one receiver; waiting receivers are served in order. */
  abstract getMessage<T>(mailbox: string, options?: ReceiveOptions): Promise<T | null>;
  /** All waiting messages, oldest first, without taking them. */
  abstract peekMailbox<T>(mailbox: string): Promise<T[]>;
  /** The mailboxes under this prefix and suffix that hold a message. */
  abstract mailboxes(): Promise<Set<string>>;

  /** Wakes every waiting receiver with a `cache-closed` error, and frees the connections. May be called twice. */
  abstract close(): Promise<void>;
}

brand(Cache, "Cache");
