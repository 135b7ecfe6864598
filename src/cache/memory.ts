/** The cache in this process: every operation takes effect at the call, before anything is awaited. */
import { z } from "zod";
import { brand } from "#contract/base/brand";
import { CacheKeyError } from "#contract/base/errors";
import { toJsonText } from "#contract/base/json";
import { parseOptions } from "#contract/base/options";
import {
  Cache,
  type CacheEntry,
  type CacheReadOptions,
  type CacheState,
  type CacheWriteOptions,
  type ReceiveOptions,
} from "#contract/store/cache";
import { refuseUnknown, requireReceiveOptions, requireState, requireSummand, requireTtl } from "./arguments.ts";
import { notANumber } from "./failures.ts";
import { type Affixes, readName, requireAffix, requireKey } from "./keys.ts";
import { MemoryStore, spaceOf } from "./memory-store.ts";

export interface MemoryCacheOptions {
  /** The prefix of this view. Default: none. */
  defaultPrefix?: string;
  /** The suffix of this view. Default: none. */
  defaultSuffix?: string;
}

const schema = z.strictObject({ defaultPrefix: z.string().optional(), defaultSuffix: z.string().optional() });

/** Where raw names lie that no view would build; no prefix has this as its space. */
const UNNAMED = "unnamed";

/**
 * A cache that lives as long as the process, without any server. Views made with `withPrefix` and `withSuffix` share its store.
 *
 * @throws AsimovError `invalid-options`; every operation after `close` rejects with `cache-closed`
 * @example
 * const cache = new MemoryCache({ defaultPrefix: "run-1" });
 * await cache.set("draft", { version: 1 }, { ttlMs: 60_000 });
 */
export class MemoryCache extends Cache {
  readonly #store: MemoryStore;
  readonly #space: string;

  constructor(options?: MemoryCacheOptions);
  /** @internal A view of a store that is there already. */
  constructor(affixes: Affixes, store: MemoryStore);
  constructor(options: MemoryCacheOptions | Affixes = {}, store?: MemoryStore) {
    const affixes = store === undefined ? affixesOf(options) : (options as Affixes);
    super({ prefix: requireAffix(affixes.prefix, "prefix"), suffix: requireAffix(affixes.suffix, "suffix") });
    this.#store = store ?? new MemoryStore();
    this.#space = spaceOf(this);
  }

  get shared(): boolean {
    return false;
  }

  async get<T>(key: string, ...rest: [defaultValue?: T, options?: CacheReadOptions]): Promise<T> {
    const [space, name] = this.#locate(key, rest[1], "get");
    const entry = this.#store.read(space, name);
    if (entry !== undefined) return JSON.parse(entry.json) as T;
    if (rest.length === 0) throw new CacheKeyError(key);
    return rest[0] as T;
  }

  async getMany(keys: readonly string[]): Promise<Record<string, unknown>> {
    this.#store.assertOpen();
    const found: [string, unknown][] = [];
    for (const key of keys) {
      requireKey(key, "key");
      const entry = this.#store.read(this.#space, key);
      if (entry !== undefined) found.push([key, JSON.parse(entry.json)]);
    }
    return Object.fromEntries(found);
  }

  async set(key: string, value: unknown, options?: CacheWriteOptions): Promise<void> {
    const [space, name] = this.#locate(key, options, "set");
    this.#store.write(space, name, entryOf(toJsonText(value, `the value of key "${key}"`), requireTtl(options?.ttlMs)));
  }

  async setMany(values: Readonly<Record<string, unknown>>, options?: { ttlMs?: number }): Promise<void> {
    this.#store.assertOpen();
    refuseUnknown(options, "setMany", ["ttlMs"]);
    const ttlMs = requireTtl(options?.ttlMs);
    const entries = Object.entries(values).map(([key, value]) => {
      requireKey(key, "key");
      return [key, entryOf(toJsonText(value, `the value of key "${key}"`), ttlMs)] as const;
    });
    for (const [key, entry] of entries) this.#store.write(this.#space, key, entry);
  }

  async delete(key: string, options?: CacheReadOptions): Promise<boolean> {
    const [space, name] = this.#locate(key, options, "delete");
    return this.#store.read(space, name) !== undefined && this.#store.delete(space, name);
  }

  async getAll(): Promise<Record<string, unknown>> {
    this.#store.assertOpen();
    return Object.fromEntries(this.#store.entries(this.#space).map(([key, entry]) => [key, JSON.parse(entry.json)]));
  }

  async keys(): Promise<Set<string>> {
    this.#store.assertOpen();
    return new Set(this.#store.entries(this.#space).map(([key]) => key));
  }

  async clear(): Promise<void> {
    this.#store.assertOpen();
    this.#store.clear(this.#space);
  }

  async update<T>(key: string, change: (current: T | undefined) => T): Promise<T> {
    const [space, name] = this.#locate(key, undefined, "update");
    const entry = this.#store.read(space, name);
    const changed = change(entry === undefined ? undefined : (JSON.parse(entry.json) as T));
    const json = toJsonText(changed, `the new value of key "${key}"`);
    this.#store.write(space, name, { ...entry, json });
    return JSON.parse(json) as T;
  }

  async increment(key: string, by = 1): Promise<number> {
    const [space, name] = this.#locate(key, undefined, "increment");
    requireSummand(by);
    const entry = this.#store.read(space, name);
    const current: unknown = entry === undefined ? 0 : JSON.parse(entry.json);
    const sum = typeof current === "number" ? current + by : Number.NaN;
    if (!Number.isFinite(sum)) throw notANumber(key);
    this.#store.write(space, name, { ...entry, json: JSON.stringify(sum) });
    return sum;
  }

  withPrefix(prefix: string): MemoryCache {
    return new MemoryCache({ prefix, suffix: this.suffix }, this.#store);
  }

  withSuffix(suffix: string): MemoryCache {
    return new MemoryCache({ prefix: this.prefix, suffix }, this.#store);
  }

  async publishToMailbox(mailbox: string, message: unknown): Promise<void> {
    this.#store.assertOpen();
    requireKey(mailbox, "mailbox");
    const text = toJsonText(message, `the message to mailbox "${mailbox}"`);
    const inbox = this.#store.inbox(this.#space, mailbox);
    if (!inbox.waiters.offer(text)) inbox.messages.push(text);
  }

  async getMessage<T>(mailbox: string, options: ReceiveOptions = {}): Promise<T | null> {
    this.#store.assertOpen();
    requireKey(mailbox, "mailbox");
    requireReceiveOptions(options);
    const text = this.#store.findInbox(this.#space, mailbox)?.messages.shift();
    if (text !== undefined) {
      this.#store.dropIfEmpty(this.#space, mailbox);
      return JSON.parse(text) as T;
    }
    if (options.timeoutMs === 0) return null;
    const received = await this.#store.inbox(this.#space, mailbox).waiters.wait(options);
    return received === null ? null : (JSON.parse(received) as T);
  }

  async peekMailbox<T>(mailbox: string): Promise<T[]> {
    this.#store.assertOpen();
    requireKey(mailbox, "mailbox");
    const messages = this.#store.findInbox(this.#space, mailbox)?.messages ?? [];
    return Array.from(messages, (text) => JSON.parse(text) as T);
  }

  async mailboxes(): Promise<Set<string>> {
    this.#store.assertOpen();
    return new Set(this.#store.mailboxes(this.#space).keys());
  }

  async exportState(): Promise<CacheState> {
    this.#store.assertOpen();
    return { values: new Map(this.#store.entries(this.#space)), mailboxes: this.#store.mailboxes(this.#space) };
  }

  async importState(state: CacheState, options: { exclusive: boolean }): Promise<void> {
    this.#store.assertOpen();
    refuseUnknown(options, "importState", ["exclusive"]);
    requireState(state);
    if (options.exclusive) {
      this.#store.clear(this.#space);
      for (const mailbox of this.#store.mailboxes(this.#space).keys()) this.#empty(mailbox);
    }
    for (const [key, entry] of state.values) this.#store.write(this.#space, key, { ...entry });
    for (const [mailbox, texts] of state.mailboxes) {
      this.#empty(mailbox);
      for (const text of texts) {
        const inbox = this.#store.inbox(this.#space, mailbox);
        if (!inbox.waiters.offer(text)) inbox.messages.push(text);
      }
    }
  }

  async close(): Promise<void> {
    this.#store.close();
  }

  #empty(mailbox: string): void {
    const inbox = this.#store.findInbox(this.#space, mailbox);
    while (inbox?.messages.shift() !== undefined);
    this.#store.dropIfEmpty(this.#space, mailbox);
  }

  #locate(key: string, options: CacheWriteOptions | undefined, method: string): [space: string, name: string] {
    this.#store.assertOpen();
    requireKey(key, "key");
    refuseUnknown(options, method, method === "set" ? ["raw", "ttlMs"] : ["raw"]);
    if (options?.raw !== true) return [this.#space, key];
    const found = readName(key);
    return found?.kind === "value" ? [spaceOf(found), found.name] : [UNNAMED, key];
  }
}

brand(MemoryCache, "MemoryCache");

function affixesOf(options: MemoryCacheOptions | Affixes): Affixes {
  const { defaultPrefix = "", defaultSuffix = "" } = parseOptions(schema, options, "MemoryCache options");
  return { prefix: defaultPrefix, suffix: defaultSuffix };
}

function entryOf(json: string, ttlMs: number | undefined): CacheEntry {
  return ttlMs === undefined ? { json } : { json, expiresAt: Date.now() + ttlMs };
}
