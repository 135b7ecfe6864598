/** What lies under a prefix and a suffix in Redis: plain strings and lists, found by SCAN, changed in one transaction or one script. */
import type { Change, Edit, Space } from "#cache/driver";
import { type Affixes, keyOf, mailboxKey, mailboxOf, namePattern, valueKey } from "#cache/keys";
import type { ReceiveOptions } from "#contract/store/cache";
import type { Calls } from "./calls.ts";
import type { Command, RedisConnection } from "./connection.ts";
import type { RedisInboxes } from "./inboxes.ts";
import { increment, publish, remove, replace } from "./scripts.ts";
import type { Turns } from "./turns.ts";

const SCAN_COUNT = 1_000;
/** How many keys or messages one command names. */
const CHUNK = 500;

/** What all spaces of one driver work with. */
export interface RedisParts {
  readonly connection: RedisConnection;
  readonly calls: Calls;
  readonly inboxes: RedisInboxes;
  readonly turns: Turns;
}

export class RedisSpace implements Space {
  readonly #affixes: Affixes | undefined;
  readonly #parts: RedisParts;

  /** @param affixes without them, names as they stand */
  constructor(affixes: Affixes | undefined, parts: RedisParts) {
    this.#affixes = affixes;
    this.#parts = parts;
  }

  async names(kind: "value" | "mailbox"): Promise<string[]> {
    const affixes = this.#affixes ?? { prefix: "", suffix: "" };
    const nameOf = kind === "value" ? keyOf : mailboxOf;
    const filter = ["match", namePattern(affixes, kind), "count", SCAN_COUNT, "type", kind === "value" ? "string" : "list"];
    const found = new Set<string>();
    let cursor = "0";
    do {
      const page = await this.#parts.connection.run<[string, string[]]>((client) => client.call("scan", cursor, ...filter));
      cursor = page[0];
      for (const stored of page[1]) {
        const name = nameOf(affixes, stored);
        if (name !== undefined) found.add(name);
      }
    } while (cursor !== "0");
    return [...found];
  }

  async read(keys: readonly string[]): Promise<(string | undefined)[]> {
    const [key] = keys;
    if (key !== undefined && keys.length === 1) return [await this.#text(this.#value(key))];
    return (await Promise.all(chunked(keys.map((name) => this.#value(name))).map((page) => this.#texts(page)))).flat();
  }

  peek(mailbox: string): Promise<string[]> {
    const stored = this.#mailbox(mailbox);
    return this.#parts.connection.send({ name: "lrange", keys: [stored], args: [0, -1] });
  }

  async write(changes: readonly Change[]): Promise<number> {
    const [change] = changes;
    if (change !== undefined && changes.length === 1) {
      if ("removed" in change) return Number(await this.#parts.calls.once(remove, this.#value(change.removed), []));
      for (const command of this.#commands(changes)) await this.#parts.connection.send(command);
      return 0;
    }
    const replies = await this.#parts.connection.transaction(this.#commands(changes));
    return changes.every((each) => "removed" in each) ? replies.reduce<number>((sum, count) => sum + Number(count), 0) : 0;
  }

  edit(key: string, edit: Edit): Promise<string> {
    const stored = this.#value(key);
    return edit.adds === undefined ? this.#parts.turns.take(stored, () => this.#replace(stored, edit)) : this.#add(stored, edit, edit.adds);
  }

  async push(mailbox: string, text: string): Promise<void> {
    await this.#parts.calls.once(publish, this.#mailbox(mailbox), [text]);
  }

  take<T>(mailbox: string, parse: (text: string) => T, options: ReceiveOptions): Promise<T | null> {
    return this.#parts.inboxes.receive(this.#mailbox(mailbox), parse, options);
  }

  async #add(stored: string, edit: Edit, by: number): Promise<string> {
    const sum = await this.#parts.calls.once(increment, stored, [String(by)]);
    return sum === "no" ? this.#replace(stored, edit) : sum;
  }

  async #replace(stored: string, edit: Edit): Promise<string> {
    let text = await this.#text(stored);
    for (;;) {
      const changed = edit.apply(text);
      const reply = await this.#parts.calls.once(replace, stored, [text === undefined ? "0" : "1", text ?? "", changed]);
      if (reply === "done") return changed;
      text = reply === "none" ? undefined : reply.slice(1);
    }
  }

  async #text(stored: string): Promise<string | undefined> {
    return (await this.#parts.connection.send<string | null>({ name: "get", keys: [stored] })) ?? undefined;
  }

  async #texts(page: readonly string[]): Promise<(string | undefined)[]> {
    const texts = await this.#parts.connection.send<(string | null)[]>({ name: "mget", keys: page });
    const absent = page.filter((_, index) => texts[index] === null);
    // To MGET a key of another type is none; GET refuses it.
    const isThere = absent.length > 0 && (await this.#parts.connection.send<number>({ name: "exists", keys: absent })) > 0;
    return Promise.all(page.map((key, index) => texts[index] ?? (isThere ? this.#text(key) : undefined)));
  }

  /** What is removed comes first, many at a time. */
  #commands(changes: readonly Change[]): Command[] {
    const removed: string[] = [];
    const commands: Command[] = [];
    for (const change of changes) {
      if ("removed" in change) {
        removed.push(this.#value(change.removed));
        continue;
      }
      const { key, json, ttlMs } = change;
      commands.push({ name: "set", keys: [this.#value(key)], args: ttlMs === undefined ? [json] : [json, "PX", ttlMs] });
    }
    return [...chunked(removed).map((page) => ({ name: "unlink", keys: page })), ...commands];
  }

  #value(key: string): string {
    return this.#affixes === undefined ? key : valueKey(this.#affixes, key);
  }

  #mailbox(mailbox: string): string {
    return this.#affixes === undefined ? mailbox : mailboxKey(this.#affixes, mailbox);
  }
}

function chunked<T>(all: readonly T[]): T[][] {
  return Array.from({ length: Math.ceil(all.length / CHUNK) }, (_, index) => all.slice(index * CHUNK, (index + 1) * CHUNK));
}
