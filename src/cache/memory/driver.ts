/** The store of a memory cache: texts and mailboxes by space and name, dropped when they are empty. */
import type { CacheDriver, Change, Edit, Space } from "#cache/driver";
import { cacheClosed } from "#cache/failures";
import type { Affixes } from "#cache/keys";
import { Waiters } from "#cache/waiters";
import { Queue } from "#contract/base/queue";
import { type Clock, systemClock } from "#contract/base/services";
import type { CacheEntry, ReceiveOptions } from "#contract/store/cache";
import { Drawers } from "./drawers.ts";

interface Inbox {
  readonly messages: Queue<string>;
  readonly waiters: Waiters;
}

/** How long an expired value that nobody reads may stay. */
const SWEEP_MS = 30_000;

/** Where names lie that no view would build; no affixes have this as their space. */
const UNNAMED = "unnamed";

function unref(timer: unknown): void {
  (timer as { unref?: () => void }).unref?.();
}

/** A prefix and suffix as one word; the length keeps `a` + `b` and `ab` + `` apart. */
const wordOf = ({ prefix, suffix }: Affixes): string => `${prefix.length}:${prefix}${suffix}`;

export class MemoryDriver implements CacheDriver {
  readonly values = new Drawers<CacheEntry>();
  readonly inboxes = new Drawers<Inbox>();
  readonly clock: Clock;
  #sweep: unknown;

  constructor(clock: Clock = systemClock) {
    this.clock = clock;
  }

  space(affixes: Affixes | undefined): MemorySpace {
    return new MemorySpace(affixes === undefined ? UNNAMED : wordOf(affixes), this);
  }

  isExpired({ expiresAt }: CacheEntry): boolean {
    return expiresAt !== undefined && expiresAt <= this.clock.now();
  }

  armSweep(): void {
    if (this.#sweep !== undefined) return;
    this.#sweep = this.clock.setTimeout(() => {
      this.#sweep = undefined;
      let expiring = false;
      for (const [space, key, entry] of this.values.all()) {
        if (this.isExpired(entry)) this.values.delete(space, key);
        else expiring ||= entry.expiresAt !== undefined;
      }
      if (expiring) this.armSweep();
    }, SWEEP_MS);
    unref(this.#sweep);
  }

  close(): void {
    if (this.#sweep !== undefined) this.clock.clearTimeout(this.#sweep);
    for (const [, , { waiters }] of [...this.inboxes.all()]) waiters.fail(cacheClosed());
    this.values.clear();
    this.inboxes.clear();
  }
}

export class MemorySpace implements Space {
  readonly #word: string;
  readonly #driver: MemoryDriver;

  constructor(word: string, driver: MemoryDriver) {
    this.#word = word;
    this.#driver = driver;
  }

  names(kind: "value" | "mailbox"): string[] {
    return kind === "value" ? this.#entries().map(([key]) => key) : this.#filled().map(([mailbox]) => mailbox);
  }

  read(keys: readonly string[]): (string | undefined)[] {
    return keys.map((key) => this.entry(key)?.json);
  }

  peek(mailbox: string): string[] {
    return [...(this.#inbox(mailbox)?.messages ?? [])];
  }

  write(changes: readonly Change[]): number {
    let removed = 0;
    for (const change of changes) {
      if ("json" in change) this.#set(change);
      else removed += this.#remove(change.removed) ? 1 : 0;
    }
    return removed;
  }

  edit(key: string, { apply }: Edit): string {
    const entry = this.entry(key);
    const json = apply(entry?.json);
    this.#driver.values.set(this.#word, key, { ...entry, json });
    return json;
  }

  push(mailbox: string, text: string): void {
    const inbox = this.#inbox(mailbox) ?? this.#open(mailbox);
    inbox.messages.push(text);
    this.#deal(mailbox, inbox);
  }

  take<T>(mailbox: string, parse: (text: string) => T, options: ReceiveOptions): T | null | Promise<T | null> {
    const found = this.#inbox(mailbox);
    const text = found?.messages.first;
    // What is left for others that were called is theirs.
    if (options.permit === undefined && found !== undefined && text !== undefined && found.messages.size > found.waiters.called) {
      const message = parse(text);
      found.messages.shift();
      this.#dropIfEmpty(mailbox);
      return message;
    }
    if (options.timeoutMs === 0) return null;
    const inbox = found ?? this.#open(mailbox);
    const received = inbox.waiters.wait(parse, options);
    this.#deal(mailbox, inbox);
    return received;
  }

  /** As it was stored, with its moment of expiry. */
  put(key: string, entry: CacheEntry): void {
    this.#driver.values.set(this.#word, key, entry);
    if (entry.expiresAt !== undefined) this.#driver.armSweep();
  }

  #set({ key, json, ttlMs }: Extract<Change, { json: string }>): void {
    this.put(key, ttlMs === undefined ? { json } : { json, expiresAt: this.#driver.clock.now() + ttlMs });
  }

  entry(key: string): CacheEntry | undefined {
    const entry = this.#driver.values.get(this.#word, key);
    if (entry === undefined || !this.#driver.isExpired(entry)) return entry;
    this.#driver.values.delete(this.#word, key);
    return undefined;
  }

  #remove(key: string): boolean {
    return this.entry(key) !== undefined && this.#driver.values.delete(this.#word, key);
  }

  #entries(): [string, CacheEntry][] {
    return this.#driver.values.in(this.#word).filter(([, entry]) => !this.#driver.isExpired(entry));
  }

  #inbox(mailbox: string): Inbox | undefined {
    return this.#driver.inboxes.get(this.#word, mailbox);
  }

  #open(mailbox: string): Inbox {
    const onChange = (): void => this.#deal(mailbox, inbox);
    const waiters = new Waiters({ onEmpty: () => this.#dropIfEmpty(mailbox), onChange }, this.#driver.clock);
    const inbox: Inbox = { messages: new Queue<string>(), waiters };
    this.#driver.inboxes.set(this.#word, mailbox, inbox);
    return inbox;
  }

  #deal(mailbox: string, { messages, waiters }: Inbox): void {
    waiters.call(messages.size);
    for (let text = messages.first; text !== undefined && waiters.offer(text); text = messages.first) messages.shift();
    waiters.pause(waiters.ready);
    this.#dropIfEmpty(mailbox);
  }

  /** Those that hold a message. */
  #filled(): [string, Inbox][] {
    return this.#driver.inboxes.in(this.#word).filter(([, { messages }]) => messages.size > 0);
  }

  #dropIfEmpty(mailbox: string): void {
    const inbox = this.#inbox(mailbox);
    if (inbox !== undefined && inbox.messages.size === 0 && inbox.waiters.size === 0) this.#driver.inboxes.delete(this.#word, mailbox);
  }
}
