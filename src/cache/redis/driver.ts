/** The store of a Redis cache: its connection, its receivers, and the turns of its updates. */
import type { CacheDriver, Space } from "#cache/driver";
import { type Affixes, repliesKey } from "#cache/keys";
import { Calls } from "./calls.ts";
import { COMMAND_MS, RedisConnection } from "./connection.ts";
import { RedisInboxes } from "./inboxes.ts";
import type { RedisSettings } from "./options.ts";
import { RedisSpace } from "./space.ts";

export class RedisDriver implements CacheDriver {
  readonly connection: RedisConnection;
  readonly calls: Calls;
  readonly inboxes: RedisInboxes;
  readonly #turns = new Map<string, Promise<unknown>>();

  constructor(settings: RedisSettings) {
    const cacheId = crypto.randomUUID();
    this.connection = new RedisConnection(settings);
    this.calls = new Calls(this.connection, repliesKey(cacheId));
    this.inboxes = new RedisInboxes(this.connection, cacheId);
  }

  space(affixes: Affixes | undefined): Space {
    return new RedisSpace(affixes, this);
  }

  /** Runs the updates of one key one after the other, so that those of one process never race each other. */
  async inTurn<T>(name: string, work: () => Promise<T>): Promise<T> {
    const before = this.#turns.get(name);
    const turn = before === undefined ? work() : before.then(work, (error) => this.#next(error, work));
    this.#turns.set(name, turn);
    try {
      return await turn;
    } finally {
      if (this.#turns.get(name) === turn) this.#turns.delete(name);
    }
  }

  /** Of those that wait for a server that does not answer, each ends with the first. */
  #next<T>(error: unknown, work: () => Promise<T>): Promise<T> {
    if ((error as { code?: unknown } | null)?.code === "cache-unavailable") throw error;
    return work();
  }

  /** In about 5 seconds at most. */
  async close(unfinished: Iterable<Promise<unknown>>): Promise<void> {
    const finish = async (): Promise<void> => {
      await Promise.allSettled([this.inboxes.close(), ...unfinished]);
      await this.calls.flush();
    };
    await this.connection.bounded(finish(), COMMAND_MS).catch(() => undefined);
    await this.connection.close();
  }
}
