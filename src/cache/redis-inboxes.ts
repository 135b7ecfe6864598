/** The receivers of a Redis cache: they wait in this process, in order, and a message is taken only for one who waits. */

import { AsimovError } from "#contract/base/errors";
import type { ReceiveOptions } from "#contract/store/cache";
import { cacheClosed } from "./failures.ts";
import { type Block, RedisBlockers } from "./redis-blockers.ts";
import type { RedisConnection } from "./redis-connection.ts";
import { giveBack, take } from "./redis-scripts.ts";
import { Waiters } from "./waiters.ts";

/** How many messages one round trip may take. */
const MOST = 64;
const RETRY_MS = 1_000;

export class RedisInboxes {
  readonly #connection: RedisConnection;
  readonly #blockers: RedisBlockers;
  readonly #inboxes = new Map<string, RedisInbox>();
  #closed = false;

  constructor(connection: RedisConnection) {
    this.#connection = connection;
    this.#blockers = new RedisBlockers(connection);
  }

  /** @param name the stored name of the mailbox */
  receive(name: string, options: ReceiveOptions): Promise<string | null> {
    let inbox = this.#inboxes.get(name);
    if (inbox === undefined) {
      inbox = new RedisInbox(name, this.#connection, this.#blockers, {
        isClosed: () => this.#closed,
        onIdle: () => this.#inboxes.delete(name),
      });
      this.#inboxes.set(name, inbox);
    }
    return inbox.receive(options);
  }

  /** Rejects every receiver, then waits until messages on their way to one are back in their mailbox. */
  async close(): Promise<void> {
    this.#closed = true;
    const inboxes = [...this.#inboxes.values()];
    for (const inbox of inboxes) inbox.waiters.fail(cacheClosed());
    await Promise.all(inboxes.map((inbox) => inbox.serving));
    this.#blockers.close();
  }
}

class RedisInbox {
  readonly waiters = new Waiters(() => this.#block?.park());
  readonly #name: string;
  readonly #connection: RedisConnection;
  readonly #blockers: RedisBlockers;
  readonly #owner: { isClosed(): boolean; onIdle(): void };
  #block: Block | undefined;
  #serving: Promise<void> | undefined;
  #again = false;

  constructor(name: string, connection: RedisConnection, blockers: RedisBlockers, owner: { isClosed(): boolean; onIdle(): void }) {
    this.#name = name;
    this.#connection = connection;
    this.#blockers = blockers;
    this.#owner = owner;
  }

  get serving(): Promise<void> | undefined {
    return this.#serving;
  }

  receive(options: ReceiveOptions): Promise<string | null> {
    const received = this.waiters.wait(options);
    this.#look();
    return received;
  }

  #look(): void {
    if (this.waiters.size === 0) return;
    this.#again = true;
    this.#serving ??= this.#serve();
  }

  async #serve(): Promise<void> {
    while (this.#again && this.waiters.size > 0) {
      this.#again = false;
      try {
        await this.#takeAll();
      } catch (error) {
        this.waiters.fail(error);
      }
    }
    this.#again = false;
    this.#serving = undefined;
    if (this.waiters.size > 0) this.#waitForMessage();
    else if (this.#block === undefined) this.#owner.onIdle();
  }

  async #takeAll(): Promise<void> {
    while (this.waiters.size > 0) {
      const immediate = this.waiters.immediate();
      const wanted = Math.min(this.waiters.size, MOST);
      const texts = JSON.parse(await this.#connection.once(take, this.#name, [wanted])) as string[];
      const left = texts.filter((text) => !this.waiters.offer(text));
      if (left.length > 0) await this.#giveBack(left);
      if (texts.length === wanted) continue;
      for (const waiter of immediate) waiter.settle(null);
      return;
    }
  }

  /** The receivers left while their messages were on the way. Under one id, so that trying again cannot double them. */
  async #giveBack(texts: string[]): Promise<void> {
    const id = this.#connection.nextId();
    for (;;) {
      try {
        await this.#connection.once(giveBack, this.#name, [JSON.stringify(texts)], id);
        return;
      } catch (error) {
        this.waiters.fail(error);
        if (this.#owner.isClosed() || !(error instanceof AsimovError && error.retryable)) return;
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  }

  #waitForMessage(): void {
    if (this.#block !== undefined) {
      this.#block.unpark();
      return;
    }
    const block = this.#blockers.start(this.#name);
    this.#block = block;
    const ended = (reason?: unknown): void => {
      this.#block = undefined;
      if (reason !== undefined) this.waiters.fail(reason);
      this.#look();
      if (this.#serving === undefined) this.#owner.onIdle();
    };
    block.done.then(() => ended(), ended);
  }
}
