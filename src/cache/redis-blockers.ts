/** The connections that block until a mailbox holds a message: they look without taking, so that nothing is lost with them. */
import { messageOf } from "#contract/base/errors";
import { isReplyError, type RedisConnection } from "./redis-connection.ts";
import type { RedisClient } from "./redis-options.ts";

/** One wait for one mailbox. */
export interface Block {
  /** Resolves when it is worth to look again; rejects with what the server refused. */
  readonly done: Promise<void>;
  /** Nobody waits any more: it may be ended when others need the room. */
  park(): void;
  unpark(): void;
}

/** How long one blocking command stays; a connection whose other end vanished is noticed after it. */
const SLICE_SECONDS = 15;
const OVERDUE_MS = 5_000;
/** How many connections are kept for later. */
const SPARE = 4;

export class RedisBlockers {
  readonly #connection: RedisConnection;
  readonly #idle: RedisClient[] = [];
  readonly #drops = new Set<() => void>();
  readonly #parked = new Set<() => void>();
  #closed = false;

  constructor(connection: RedisConnection) {
    this.#connection = connection;
  }

  /** `BLMOVE name name LEFT LEFT` moves the head of a list to where it was, once there is one: a look that blocks. */
  start(name: string): Block {
    let drop = (): void => undefined;
    const dropped = new Promise<undefined>((resolve) => {
      drop = () => resolve(undefined);
    });
    this.#drops.add(drop);
    const done = this.#look(name, dropped).finally(() => {
      this.#drops.delete(drop);
      this.#parked.delete(drop);
    });
    return {
      done,
      park: () => {
        this.#parked.add(drop);
        const [oldest] = this.#parked;
        if (oldest === undefined || this.#parked.size <= SPARE) return;
        this.#parked.delete(oldest);
        oldest();
      },
      unpark: () => this.#parked.delete(drop),
    };
  }

  close(): void {
    this.#closed = true;
    for (const drop of [...this.#drops]) drop();
    for (const client of this.#idle.splice(0)) client.disconnect();
  }

  async #look(name: string, dropped: Promise<undefined>): Promise<void> {
    const client = this.#idle.pop() ?? (await this.#connection.duplicate());
    try {
      const blocked = client.call("blmove", name, name, "LEFT", "LEFT", SLICE_SECONDS).then(() => true);
      const ended = await Promise.race([this.#connection.bounded(blocked, SLICE_SECONDS * 1_000 + OVERDUE_MS), dropped]);
      if (ended === true && !this.#closed && this.#idle.length < SPARE) this.#idle.push(client);
      else client.disconnect();
    } catch (error) {
      client.disconnect();
      // A broken connection says nothing about the server, and a failover unblocks everyone: the next look tells.
      if (isReplyError(error) && !messageOf(error).startsWith("UNBLOCKED")) throw this.#connection.explain(error);
    }
  }
}
