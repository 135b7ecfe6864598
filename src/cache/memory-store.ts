/** What all views of one memory cache share: JSON texts and mailboxes by prefix and suffix, dropped when they are empty. */

import { Queue } from "#contract/base/queue";
import type { CacheEntry } from "#contract/store/cache";
import { cacheClosed } from "./failures.ts";
import type { Affixes } from "./keys.ts";
import { Waiters } from "./waiters.ts";

export interface Inbox {
  readonly messages: Queue<string>;
  readonly waiters: Waiters;
}

/** How long an expired value that nobody reads may stay. */
const SWEEP_MS = 30_000;

const isExpired = (entry: CacheEntry, now: number): boolean => entry.expiresAt !== undefined && entry.expiresAt <= now;

function unref(timer: unknown): void {
  (timer as { unref?: () => void }).unref?.();
}

/** A prefix and suffix as one word; the length keeps `a` + `b` and `ab` + `` apart. */
export const spaceOf = ({ prefix, suffix }: Affixes): string => `${prefix.length}:${prefix}${suffix}`;

export class MemoryStore {
  readonly #values = new Map<string, Map<string, CacheEntry>>();
  readonly #inboxes = new Map<string, Map<string, Inbox>>();
  #sweep: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  assertOpen(): void {
    if (this.#closed) throw cacheClosed();
  }

  read(space: string, key: string): CacheEntry | undefined {
    const entry = this.#values.get(space)?.get(key);
    if (entry === undefined || !isExpired(entry, Date.now())) return entry;
    this.delete(space, key);
    return undefined;
  }

  write(space: string, key: string, entry: CacheEntry): void {
    let values = this.#values.get(space);
    if (values === undefined) {
      values = new Map();
      this.#values.set(space, values);
    }
    values.set(key, entry);
    if (entry.expiresAt !== undefined) this.#armSweep();
  }

  delete(space: string, key: string): boolean {
    const values = this.#values.get(space);
    if (values?.delete(key) !== true) return false;
    if (values.size === 0) this.#values.delete(space);
    return true;
  }

  entries(space: string): [string, CacheEntry][] {
    const now = Date.now();
    return [...(this.#values.get(space) ?? [])].filter(([, entry]) => !isExpired(entry, now));
  }

  clear(space: string): void {
    this.#values.delete(space);
  }

  /** The mailbox, made when it is not there yet. */
  inbox(space: string, mailbox: string): Inbox {
    let inboxes = this.#inboxes.get(space);
    if (inboxes === undefined) {
      inboxes = new Map();
      this.#inboxes.set(space, inboxes);
    }
    let inbox = inboxes.get(mailbox);
    if (inbox === undefined) {
      inbox = { messages: new Queue(), waiters: new Waiters(() => this.dropIfEmpty(space, mailbox)) };
      inboxes.set(mailbox, inbox);
    }
    return inbox;
  }

  /** The mailbox, if it holds a message or somebody waits there. */
  findInbox(space: string, mailbox: string): Inbox | undefined {
    return this.#inboxes.get(space)?.get(mailbox);
  }

  /** The messages of each mailbox that holds one. */
  mailboxes(space: string): Map<string, string[]> {
    const held = [...(this.#inboxes.get(space) ?? [])].filter(([, inbox]) => inbox.messages.size > 0);
    return new Map(held.map(([mailbox, inbox]) => [mailbox, [...inbox.messages]]));
  }

  dropIfEmpty(space: string, mailbox: string): void {
    const inboxes = this.#inboxes.get(space);
    const inbox = inboxes?.get(mailbox);
    if (inboxes === undefined || inbox === undefined || inbox.messages.size > 0 || inbox.waiters.size > 0) return;
    inboxes.delete(mailbox);
    if (inboxes.size === 0) this.#inboxes.delete(space);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#sweep);
    const waiting = [...this.#inboxes.values()].flatMap((inboxes) => [...inboxes.values()]);
    for (const inbox of waiting) inbox.waiters.fail(cacheClosed());
    this.#values.clear();
    this.#inboxes.clear();
  }

  #armSweep(): void {
    if (this.#sweep !== undefined) return;
    this.#sweep = setTimeout(() => {
      this.#sweep = undefined;
      const now = Date.now();
      let expiring = false;
      for (const [space, values] of this.#values) {
        for (const [key, entry] of values) {
          if (isExpired(entry, now)) this.delete(space, key);
          else expiring ||= entry.expiresAt !== undefined;
        }
      }
      if (expiring) this.#armSweep();
    }, SWEEP_MS);
    unref(this.#sweep);
  }
}
