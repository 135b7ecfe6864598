/** The store of a Redis cache: its connection, its calls, its receivers, and the turns of its updates. */
import type { CacheDriver, Space } from "#cache/driver";
import { type Affixes, repliesKey } from "#cache/keys";
import { Calls } from "./calls.ts";
import { COMMAND_MS, RedisConnection } from "./connection.ts";
import { RedisInboxes } from "./inboxes.ts";
import type { RedisSettings } from "./options.ts";
import { type RedisParts, RedisSpace } from "./space.ts";
import { Turns } from "./turns.ts";

export class RedisDriver implements CacheDriver, RedisParts {
  readonly connection: RedisConnection;
  readonly calls: Calls;
  readonly inboxes: RedisInboxes;
  readonly turns = new Turns();
  readonly #replies: string;

  constructor(settings: RedisSettings) {
    const cacheId = crypto.randomUUID();
    this.#replies = repliesKey(cacheId);
    this.connection = new RedisConnection(settings);
    this.calls = new Calls(this.connection, this.#replies);
    this.inboxes = new RedisInboxes(this.connection, cacheId);
  }

  space(affixes: Affixes | undefined): Space {
    return new RedisSpace(affixes, this);
  }

  /** In about 5 seconds at most. */
  async close(unfinished: Iterable<Promise<unknown>>): Promise<void> {
    const finish = async (): Promise<void> => {
      await Promise.allSettled([this.inboxes.close(), ...unfinished]);
      await this.connection.farewell(this.#replies);
    };
    await this.connection.bounded(finish(), COMMAND_MS).catch(() => undefined);
    await this.connection.close();
  }
}
