/** The cache in Redis: plain JSON strings and lists, which every process and any other client shares. */

import { brand } from "#contract/base/brand";
import { CacheKeyError } from "#contract/base/errors";
import { toJsonText } from "#contract/base/json";
import { Cache, type CacheReadOptions, type CacheState, type CacheWriteOptions, type ReceiveOptions } from "#contract/store/cache";
import { refuseUnknown, requireReceiveOptions, requireState, requireSummand, requireTtl } from "./arguments.ts";
import { notANumber, parseStored } from "./failures.ts";
import { type Affixes, mailboxKey, requireAffix, requireKey, valueKey } from "./keys.ts";
import { parseRedisOptions, type RedisCacheOptions } from "./redis-options.ts";
import * as scripts from "./redis-scripts.ts";
import { chunked, readState, readTexts, scanNames, writeState } from "./redis-state.ts";
import { RedisStore } from "./redis-store.ts";

/**
 * A cache in a Redis server, version 6.2 or later, through the package `ioredis`, which is loaded at the first operation.
 * Views made with `withPrefix` and `withSuffix` share its connection; each mailbox that somebody waits at has one more.
 *
 * While a connection breaks and comes back, a publish, an increment, an update and a receive still take effect once.
 * A message is taken when it is handed over: a process that dies right after it takes the message along.
 *
 * @throws AsimovError `invalid-options`. Operations reject with `cache-unavailable` (retryable; within about 5 seconds), `cache-refused`
 * (the server's own error), `cache-closed`, or `missing-package`
 * @example
 * const cache = new RedisCache({ url: "redis://localhost:6379", defaultPrefix: "run-1" });
 * await cache.set("draft", { version: 1 });
 * await cache.close();
 */
export class RedisCache extends Cache {
  readonly #store: RedisStore;

  constructor(options?: RedisCacheOptions);
  /** @internal A view of a store that is there already. */
  constructor(affixes: Affixes, store: RedisStore);
  constructor(options: RedisCacheOptions | Affixes = {}, store?: RedisStore) {
    const settings = store === undefined ? parseRedisOptions(options) : undefined;
    const { prefix, suffix } =
      settings === undefined ? (options as Affixes) : { prefix: settings.defaultPrefix ?? "", suffix: settings.defaultSuffix ?? "" };
    super({ prefix: requireAffix(prefix, "prefix"), suffix: requireAffix(suffix, "suffix") });
    this.#store = store ?? new RedisStore(settings ?? {});
  }

  get shared(): boolean {
    return this.prefix === "";
  }

  async get<T>(key: string, ...rest: [defaultValue?: T, options?: CacheReadOptions]): Promise<T> {
    const stored = this.#stored(key, rest[1], "get");
    const text = await this.#store.connection.command<string | null>("get", stored);
    if (text !== null) return parseStored<T>(text, stored);
    if (rest.length === 0) throw new CacheKeyError(key);
    return rest[0] as T;
  }

  async getMany(keys: readonly string[]): Promise<Record<string, unknown>> {
    this.#store.assertOpen();
    for (const key of keys) requireKey(key, "key");
    return this.#parsed(await readTexts(this.#store.connection, this, keys));
  }

  async set(key: string, value: unknown, options?: CacheWriteOptions): Promise<void> {
    const stored = this.#stored(key, options, "set");
    const text = toJsonText(value, `the value of key "${key}"`);
    const ttlMs = requireTtl(options?.ttlMs);
    await this.#store.connection.command("set", stored, text, ...(ttlMs === undefined ? [] : ["PX", ttlMs]));
  }

  async setMany(values: Readonly<Record<string, unknown>>, options?: { ttlMs?: number }): Promise<void> {
    this.#store.assertOpen();
    refuseUnknown(options, "setMany", ["ttlMs"]);
    const ttlMs = requireTtl(options?.ttlMs);
    const commands = Object.entries(values).map(([key, value]) => {
      requireKey(key, "key");
      const text = toJsonText(value, `the value of key "${key}"`);
      return ["set", valueKey(this, key), text, ...(ttlMs === undefined ? [] : ["PX", ttlMs])];
    });
    await this.#store.connection.transaction(commands);
  }

  async delete(key: string, options?: CacheReadOptions): Promise<boolean> {
    const stored = this.#stored(key, options, "delete");
    return (await this.#store.connection.once(scripts.remove, stored, [])) === "1";
  }

  async getAll(): Promise<Record<string, unknown>> {
    return this.#store.whole(async () => {
      const keys = await scanNames(this.#store.connection, this, "value");
      return this.#parsed(await readTexts(this.#store.connection, this, keys));
    });
  }

  async keys(): Promise<Set<string>> {
    return new Set(await this.#store.whole(() => scanNames(this.#store.connection, this, "value")));
  }

  async clear(): Promise<void> {
    await this.#store.whole(async () => {
      const keys = await scanNames(this.#store.connection, this, "value");
      const stored = keys.map((key) => valueKey(this, key));
      await Promise.all(chunked(stored).map((page) => this.#store.connection.command("unlink", ...page)));
    });
  }

  async update<T>(key: string, change: (current: T | undefined) => T): Promise<T> {
    const stored = this.#stored(key, undefined, "update");
    const replace = async (): Promise<T> => {
      let text = await this.#store.connection.command<string | null>("get", stored);
      for (;;) {
        const changed = toJsonText(change(text === null ? undefined : parseStored<T>(text, stored)), `the new value of key "${key}"`);
        const reply = await this.#store.connection.once(scripts.replace, stored, [text === null ? "0" : "1", text ?? "", changed]);
        if (reply === "done") return JSON.parse(changed) as T;
        text = reply === "none" ? null : reply.slice(1);
      }
    };
    return this.#store.whole(() => this.#store.inTurn(stored, replace));
  }

  async increment(key: string, by = 1): Promise<number> {
    const stored = this.#stored(key, undefined, "increment");
    requireSummand(by);
    const sum = await this.#store.connection.once(scripts.increment, stored, [String(by)]);
    if (sum === "no") throw notANumber(key);
    return Number(sum);
  }

  withPrefix(prefix: string): RedisCache {
    return new RedisCache({ prefix, suffix: this.suffix }, this.#store);
  }

  withSuffix(suffix: string): RedisCache {
    return new RedisCache({ prefix: this.prefix, suffix }, this.#store);
  }

  async publishToMailbox(mailbox: string, message: unknown): Promise<void> {
    const stored = this.#mailbox(mailbox);
    await this.#store.connection.once(scripts.publish, stored, [toJsonText(message, `the message to mailbox "${mailbox}"`)]);
  }

  async getMessage<T>(mailbox: string, options: ReceiveOptions = {}): Promise<T | null> {
    const stored = this.#mailbox(mailbox);
    requireReceiveOptions(options);
    const text = await this.#store.inboxes.receive(stored, options);
    return text === null ? null : parseStored<T>(text, stored);
  }

  async peekMailbox<T>(mailbox: string): Promise<T[]> {
    const stored = this.#mailbox(mailbox);
    const texts = await this.#store.connection.command<string[]>("lrange", stored, 0, -1);
    return texts.map((text) => parseStored<T>(text, stored));
  }

  async mailboxes(): Promise<Set<string>> {
    return new Set(await this.#store.whole(() => scanNames(this.#store.connection, this, "mailbox")));
  }

  async exportState(): Promise<CacheState> {
    return this.#store.whole(() => readState(this.#store.connection, this));
  }

  async importState(state: CacheState, options: { exclusive: boolean }): Promise<void> {
    this.#store.assertOpen();
    refuseUnknown(options, "importState", ["exclusive"]);
    requireState(state);
    await this.#store.whole(() => writeState(this.#store.connection, this, state, options.exclusive));
  }

  async close(): Promise<void> {
    await this.#store.close();
  }

  #stored(key: string, options: CacheWriteOptions | undefined, method: string): string {
    this.#store.assertOpen();
    requireKey(key, "key");
    refuseUnknown(options, method, method === "set" ? ["raw", "ttlMs"] : ["raw"]);
    return options?.raw === true ? key : valueKey(this, key);
  }

  #mailbox(mailbox: string): string {
    this.#store.assertOpen();
    requireKey(mailbox, "mailbox");
    return mailboxKey(this, mailbox);
  }

  #parsed(texts: readonly [string, string][]): Record<string, unknown> {
    return Object.fromEntries(texts.map(([key, text]) => [key, parseStored(text, valueKey(this, key))]));
  }
}

brand(RedisCache, "RedisCache");
