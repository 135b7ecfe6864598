/** A cache over a driver: names, JSON, checks, atomic changes and mailboxes, written once for every store. */
import { CacheKeyError } from "#contract/base/errors";
import { toJsonText } from "#contract/base/json";
import { Cache, type CacheReadOptions, type CacheWriteOptions, type ReceiveOptions } from "#contract/store/cache";
import { refuseUnknown, requireReceiveOptions, requireSummand, requireTtl } from "./arguments.ts";
import { type Answer, type Change, onAnswer, type Space } from "./driver.ts";
import { notANumber, parseStored } from "./failures.ts";
import { type Affixes, mailboxKey, readName, requireAffix, requireKey, valueKey } from "./keys.ts";
import type { SharedStore } from "./shared-store.ts";

const READ_OPTIONS = ["raw"];
const WRITE_OPTIONS = ["raw", "ttlMs"];

const valueText = (key: string, value: unknown): string => toJsonText(value, `the value of key "${key}"`);

const nothing = (): void => undefined;

/** NaN when the text is no number. */
function sumOf(text: string, by: number): number {
  try {
    const current: unknown = JSON.parse(text);
    return typeof current === "number" ? current + by : Number.NaN;
  } catch {
    return Number.NaN;
  }
}

export abstract class StoredCache<View extends Cache> extends Cache {
  readonly #store: SharedStore;
  readonly #space: Space;

  constructor({ prefix, suffix }: Affixes, store: SharedStore) {
    super({ prefix: requireAffix(prefix, "prefix"), suffix: requireAffix(suffix, "suffix") });
    this.#store = store;
    this.#space = store.driver.space({ prefix, suffix });
  }

  /** A view of the same class over the same store. */
  protected abstract viewOf(affixes: Affixes, store: SharedStore): View;

  async get<T>(key: string, ...rest: [defaultValue?: T, options?: CacheReadOptions]): Promise<T> {
    const [space, name] = this.#locate(key, rest[1], "get", READ_OPTIONS);
    return onAnswer(space.read([name]), ([text]) => {
      if (text !== undefined) return this.#parse<T>(key, text, rest[1]);
      if (rest.length === 0) throw new CacheKeyError(key);
      return rest[0] as T;
    });
  }

  async getMany(keys: readonly string[]): Promise<Record<string, unknown>> {
    this.#store.assertOpen();
    for (const key of keys) requireKey(key, "key");
    return this.#readAll(keys);
  }

  async set(key: string, value: unknown, options?: CacheWriteOptions): Promise<void> {
    const [space, name] = this.#locate(key, options, "set", WRITE_OPTIONS);
    const json = valueText(key, value);
    return onAnswer(space.write([{ key: name, json, ttlMs: requireTtl(options?.ttlMs) }]), nothing);
  }

  async setMany(values: Readonly<Record<string, unknown>>, options?: { ttlMs?: number }): Promise<void> {
    this.#store.assertOpen();
    refuseUnknown(options, "setMany", ["ttlMs"]);
    const ttlMs = requireTtl(options?.ttlMs);
    const changes = Object.entries(values).map(([key, value]): Change => {
      requireKey(key, "key");
      return { key, json: valueText(key, value), ttlMs };
    });
    return onAnswer(this.#space.write(changes), nothing);
  }

  async delete(key: string, options?: CacheReadOptions): Promise<boolean> {
    const [space, name] = this.#locate(key, options, "delete", READ_OPTIONS);
    return onAnswer(space.write([{ removed: name }]), (count) => count > 0);
  }

  async getAll(): Promise<Record<string, unknown>> {
    this.#store.assertOpen();
    return this.#store.hold(onAnswer(this.#space.names("value"), (keys) => this.#readAll(keys)));
  }

  async keys(): Promise<Set<string>> {
    this.#store.assertOpen();
    return this.#store.hold(onAnswer(this.#space.names("value"), (keys) => new Set(keys)));
  }

  async clear(): Promise<void> {
    this.#store.assertOpen();
    const remove = (keys: readonly string[]): Answer<number> => this.#space.write(keys.map((removed) => ({ removed })));
    return this.#store.hold(onAnswer(onAnswer(this.#space.names("value"), remove), nothing));
  }

  async update<T>(key: string, change: (current: T | undefined) => T): Promise<T> {
    this.#store.assertOpen();
    requireKey(key, "key");
    const apply = (text: string | undefined): string => {
      const changed = change(text === undefined ? undefined : this.#parse<T>(key, text));
      return toJsonText(changed, `the new value of key "${key}"`);
    };
    return this.#store.hold(onAnswer(this.#space.edit(key, { apply }), (text) => JSON.parse(text) as T));
  }

  async increment(key: string, by = 1): Promise<number> {
    this.#store.assertOpen();
    requireKey(key, "key");
    requireSummand(by);
    const apply = (text = "0"): string => {
      const sum = sumOf(text, by);
      if (!Number.isFinite(sum)) throw notANumber(key);
      return JSON.stringify(sum);
    };
    return this.#store.hold(onAnswer(this.#space.edit(key, { apply, adds: by }), Number));
  }

  withPrefix(prefix: string): View {
    return this.viewOf({ prefix, suffix: this.suffix }, this.#store);
  }

  withSuffix(suffix: string): View {
    return this.viewOf({ prefix: this.prefix, suffix }, this.#store);
  }

  async publishToMailbox(mailbox: string, message: unknown): Promise<void> {
    this.#store.assertOpen();
    requireKey(mailbox, "mailbox");
    const text = toJsonText(message, `the message to mailbox "${mailbox}"`);
    return this.#space.push(mailbox, text);
  }

  async getMessage<T>(mailbox: string, options: ReceiveOptions = {}): Promise<T | null> {
    this.#store.assertOpen();
    requireKey(mailbox, "mailbox");
    requireReceiveOptions(options);
    return this.#space.take(mailbox, (text) => this.#parseMessage<T>(mailbox, text), options);
  }

  async peekMailbox<T>(mailbox: string): Promise<T[]> {
    this.#store.assertOpen();
    requireKey(mailbox, "mailbox");
    const parse = (text: string): T => this.#parseMessage<T>(mailbox, text);
    return onAnswer(this.#space.peek(mailbox), (texts) => texts.map(parse));
  }

  async mailboxes(): Promise<Set<string>> {
    this.#store.assertOpen();
    return this.#store.hold(onAnswer(this.#space.names("mailbox"), (mailboxes) => new Set(mailboxes)));
  }

  async close(): Promise<void> {
    await this.#store.close();
  }

  /** Where a key lies: here, or where its raw name says, which may be under another view, or under none. */
  #locate(key: string, options: CacheWriteOptions | undefined, method: string, known: readonly string[]): [space: Space, name: string] {
    this.#store.assertOpen();
    requireKey(key, "key");
    refuseUnknown(options, method, known);
    if (options?.raw !== true) return [this.#space, key];
    const found = readName(key);
    const { driver } = this.#store;
    return found?.kind === "value" ? [driver.space(found), found.name] : [driver.space(undefined), key];
  }

  #readAll(keys: readonly string[]): Answer<Record<string, unknown>> {
    return onAnswer(this.#space.read(keys), (texts) => {
      const found = keys.flatMap((key, index): [string, unknown][] => {
        const text = texts[index];
        return text === undefined ? [] : [[key, this.#parse(key, text)]];
      });
      return Object.fromEntries(found);
    });
  }

  #parse<T>(key: string, text: string, options?: CacheReadOptions): T {
    return parseStored<T>(text, () => (options?.raw === true ? key : valueKey(this, key)));
  }

  #parseMessage<T>(mailbox: string, text: string): T {
    return parseStored<T>(text, () => mailboxKey(this, mailbox));
  }
}
