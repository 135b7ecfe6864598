/**
 * What of a run's values is settled: the changes of attempts that have ended, in the order in which they were made, and nothing of those that
 * are open. A key that no open attempt has changed is settled as it stands, so that only the others are kept twice.
 */
import type { Clock } from "#contract/base/services";
import type { CacheEntry } from "#contract/store/cache";
import type { Journal } from "./journal.ts";
import { isThere, MailboxLog, type Message } from "./mailbox-log.ts";
import { ValueLog } from "./value-log.ts";

/** What has become of one part: a value or a message, or absence. */
export interface SettledChange {
  values: ReadonlyMap<string, CacheEntry | undefined>;
  messages: readonly Message[];
  /** It was not written after all: it is told again. */
  putBack(): void;
}

export class Ledger {
  readonly #clock: Clock;
  /** What stands now, by whole name. */
  readonly #live: (name: string) => CacheEntry | undefined;
  #seq = 0;
  readonly #logs = new Map<string, ValueLog>();
  readonly #mailboxes = new Map<string, MailboxLog>();
  /** Settled since it was last asked for. */
  #changed = new Set<string>();
  #moved = new Set<Message>();
  /** The keys that were told. */
  readonly #told = new Set<string>();

  constructor(clock: Clock, live: (name: string) => CacheEntry | undefined) {
    this.#clock = clock;
    this.#live = live;
  }

  /** @param before what stood there, `entry` what stands there since */
  wrote(journal: Journal | undefined, name: string, before: CacheEntry | undefined, entry: CacheEntry | undefined): void {
    this.#logOf(journal, name, before)?.write(journal, this.#next(), entry);
  }

  added(journal: Journal | undefined, name: string, before: CacheEntry | undefined, by: number): void {
    this.#logOf(journal, name, before)?.add(journal, this.#next(), by, this.#clock.now());
  }

  published(journal: Journal | undefined, mailbox: string, text: string): void {
    const message = this.#put(mailbox, this.#next(), text, journal);
    if (journal === undefined) this.#moved.add(message);
    else journal.published.add(message);
  }

  /** The oldest message of a mailbox. */
  took(journal: Journal | undefined, mailbox: string): void {
    const message = this.#mailboxes.get(mailbox)?.take();
    if (message === undefined) return;
    if (journal === undefined) this.#lose(message);
    else journal.taken.add(message);
  }

  /** At what it costs to do what was done since. */
  settle(journal: Journal): void {
    for (const [name, log] of journal.values) {
      log.settle(journal);
      log.holders -= 1;
      if (log.holders === 0) this.#logs.delete(name);
      this.#changed.add(name);
    }
    for (const message of journal.published) {
      message.publisher = undefined;
      if (isThere(message)) this.#moved.add(message);
    }
    for (const message of journal.taken) this.#lose(message);
    journal.values.clear();
    journal.published.clear();
    journal.taken.clear();
  }

  /** What is settled already, and stored: of a run that is restored. */
  restored(values: Iterable<string>, messages: Iterable<{ mailbox: string; position: number; text: string }>): void {
    for (const name of values) this.#told.add(name);
    for (const { mailbox, position, text } of messages) {
      this.#put(mailbox, position, text, undefined).isStored = true;
      this.#seq = Math.max(this.#seq, position);
    }
  }

  /** What was settled since this was last asked; what came and went between is left out. */
  changes(): SettledChange {
    const names = this.#changed;
    const messages = this.#moved;
    this.#changed = new Set();
    this.#moved = new Set();
    const values = new Map<string, CacheEntry | undefined>();
    const toldBefore = [...names].filter((name) => this.#told.has(name));
    for (const name of names) {
      const entry = this.#settled(name);
      if (entry !== undefined) this.#told.add(name);
      else if (!this.#told.delete(name)) continue;
      values.set(name, entry);
    }
    for (const message of messages) message.isStored = isThere(message);
    return {
      values,
      messages: [...messages],
      putBack: () => {
        for (const name of values.keys()) {
          this.#changed.add(name);
          this.#told.delete(name);
        }
        for (const name of toldBefore) this.#told.add(name);
        for (const message of messages) {
          message.isStored = !message.isStored;
          if (isThere(message) || message.isStored) this.#moved.add(message);
          else this.#moved.delete(message);
        }
      },
    };
  }

  /** All that is settled. */
  *settledValues(): Generator<[name: string, entry: CacheEntry]> {
    for (const name of new Set([...this.#told, ...this.#changed])) {
      const entry = this.#settled(name);
      if (entry !== undefined) yield [name, entry];
    }
  }

  *settledMessages(): Generator<Message> {
    for (const mailbox of this.#mailboxes.values()) yield* mailbox.settled();
  }

  #settled(name: string): CacheEntry | undefined {
    const log = this.#logs.get(name);
    const entry = log === undefined ? this.#live(name) : log.settled;
    return entry?.expiresAt !== undefined && entry.expiresAt <= this.#clock.now() ? undefined : entry;
  }

  /** The log of a key that an open attempt changes, or has changed. */
  #logOf(journal: Journal | undefined, name: string, before: CacheEntry | undefined): ValueLog | undefined {
    let log = this.#logs.get(name);
    if (journal === undefined) {
      this.#changed.add(name);
      return log;
    }
    if (journal.values.has(name)) return log;
    if (log === undefined) {
      log = new ValueLog(before);
      this.#logs.set(name, log);
    }
    log.holders += 1;
    journal.values.set(name, log);
    return log;
  }

  #put(mailbox: string, position: number, text: string, publisher: Journal | undefined): Message {
    const message: Message = { mailbox, position, text, publisher, isGone: false, isStored: false };
    let log = this.#mailboxes.get(mailbox);
    if (log === undefined) {
      log = new MailboxLog();
      this.#mailboxes.set(mailbox, log);
    }
    log.push(message);
    return message;
  }

  #lose(message: Message): void {
    message.isGone = true;
    if (message.isStored) this.#moved.add(message);
    else this.#moved.delete(message);
    const log = this.#mailboxes.get(message.mailbox);
    log?.drop(message);
    if (log?.size === 0) this.#mailboxes.delete(message.mailbox);
  }

  #next(): number {
    this.#seq += 2;
    return this.#seq;
  }
}
