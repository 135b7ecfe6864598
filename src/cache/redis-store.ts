/** What all views of one Redis cache share: its connection, its receivers, and the turns of its updates. */
import { cacheClosed } from "./failures.ts";
import { RedisConnection } from "./redis-connection.ts";
import { RedisInboxes } from "./redis-inboxes.ts";
import type { RedisSettings } from "./redis-options.ts";

export class RedisStore {
  readonly connection: RedisConnection;
  readonly inboxes: RedisInboxes;
  readonly #running = new Set<Promise<unknown>>();
  readonly #turns = new Map<string, Promise<unknown>>();
  #closing: Promise<void> | undefined;

  constructor(settings: RedisSettings) {
    this.connection = new RedisConnection(settings);
    this.inboxes = new RedisInboxes(this.connection);
  }

  assertOpen(): void {
    if (this.#closing !== undefined) throw cacheClosed();
  }

  /** Runs work that takes several commands, so that closing lets it finish. */
  async whole<T>(work: () => Promise<T>): Promise<T> {
    this.assertOpen();
    const running = work();
    this.#running.add(running);
    try {
      return await running;
    } finally {
      this.#running.delete(running);
    }
  }

  /** Runs the updates of one key one after the other, so that those of one process never race each other. */
  async inTurn<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#turns.get(key);
    const turn = before === undefined ? work() : before.then(work, work);
    this.#turns.set(key, turn);
    try {
      return await turn;
    } finally {
      if (this.#turns.get(key) === turn) this.#turns.delete(key);
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.inboxes.close();
    await Promise.allSettled(this.#running);
    await this.connection.close();
  }
}
