/** The receivers of a Redis cache: they wait in this process, in order, and a message is taken only for one who waits. */
import { cacheClosed } from "#cache/failures";
import { takenKey } from "#cache/keys";
import { Waiters } from "#cache/waiters";
import { AsimovError } from "#contract/base/errors";
import type { ReceiveOptions } from "#contract/store/cache";
import { Calls } from "./calls.ts";
import type { RedisConnection } from "./connection.ts";
import { putBack, take } from "./scripts.ts";
import { RedisWatch } from "./watch.ts";

/** How many messages one round trip may take. */
const MOST = 64;
const RETRY_MS = 1_000;
/** How long the server may still keep a message that was handed over. */
const FLUSH_MS = 1_000;

export class RedisInboxes {
  readonly #connection: RedisConnection;
  readonly #calls: Calls;
  readonly #watch: RedisWatch;
  readonly #inboxes = new Map<string, RedisInbox>();
  #flushing: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  constructor(connection: RedisConnection, cacheId: string) {
    this.#connection = connection;
    this.#calls = new Calls(connection, takenKey(cacheId));
    this.#watch = new RedisWatch(connection);
  }

  /** @param name the stored name of the mailbox */
  receive<T>(name: string, parse: (text: string) => T, options: ReceiveOptions): Promise<T | null> {
    let inbox = this.#inboxes.get(name);
    if (inbox === undefined) {
      inbox = new RedisInbox(name, this.#calls, this.#watch, {
        isClosed: () => this.#closed,
        length: () => this.#connection.run<number>((client) => client.call("llen", name), [name]),
        onArrived: (id) => this.#acknowledge(id),
        onIdle: () => this.#inboxes.delete(name),
      });
      this.#inboxes.set(name, inbox);
    }
    return inbox.receive(parse, options);
  }

  /** Rejects every receiver, then waits until messages on their way to one are back in their mailbox. */
  async close(): Promise<void> {
    this.#closed = true;
    const inboxes = [...this.#inboxes.values()];
    for (const inbox of inboxes) inbox.waiters.fail(cacheClosed());
    this.#watch.close();
    await Promise.all(inboxes.map((inbox) => inbox.serving));
    clearTimeout(this.#flushing);
    await this.#calls.flush();
  }

  #acknowledge(id: string): void {
    this.#calls.acknowledge(id);
    this.#flushing ??= setTimeout(() => {
      this.#flushing = undefined;
      this.#calls.flush().catch(() => undefined);
    }, FLUSH_MS);
  }
}

interface Owner {
  isClosed(): boolean;
  /** How many messages the mailbox holds. */
  length(): Promise<number>;
  /** The messages of a take are where they belong. */
  onArrived(id: string): void;
  onIdle(): void;
}

class RedisInbox {
  readonly waiters = new Waiters({ onEmpty: () => this.#watch.leave(this.#name), onChange: () => this.#look() });
  readonly #name: string;
  readonly #calls: Calls;
  readonly #watch: RedisWatch;
  readonly #owner: Owner;
  #serving: Promise<void> | undefined;
  #again = false;

  constructor(name: string, calls: Calls, watch: RedisWatch, owner: Owner) {
    this.#name = name;
    this.#calls = calls;
    this.#watch = watch;
    this.#owner = owner;
  }

  get serving(): Promise<void> | undefined {
    return this.#serving;
  }

  receive<T>(parse: (text: string) => T, options: ReceiveOptions): Promise<T | null> {
    const received = this.waiters.wait(parse, options);
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
      await this.#takeAll();
    }
    this.#again = false;
    this.#serving = undefined;
    if (this.waiters.size > 0) this.#watch.wait(this.#name, (trouble) => this.#wake(trouble), this.waiters.called);
    else this.#owner.onIdle();
  }

  #wake(trouble: unknown): void {
    if (trouble !== undefined) this.waiters.fail(trouble);
    this.#look();
  }

  async #takeAll(): Promise<void> {
    while (this.waiters.size > 0) {
      const immediate = this.waiters.immediate();
      const id = this.#calls.nextId();
      let wanted: number;
      let texts: string[];
      try {
        wanted = await this.#call();
        texts = wanted === 0 ? [] : (JSON.parse(await this.#calls.run(take, this.#name, [wanted], id)) as string[]);
      } catch (error) {
        this.waiters.fail(error);
        // Whether it took anything is not known: the server tells, as soon as it can be asked.
        if (error instanceof AsimovError && error.code === "cache-unavailable") await this.#putBack(id, 0);
        return;
      }
      const handed = this.#hand(texts);
      if (handed < texts.length) await this.#putBack(id, handed);
      else if (texts.length > 0) this.#owner.onArrived(id);
      if (texts.length === wanted && wanted > 0) continue;
      for (const waiter of immediate) waiter.giveUp();
      this.waiters.pause(wanted - texts.length);
      this.#again ||= wanted === MOST;
      return;
    }
  }

  /** @returns how many may take a message now */
  async #call(): Promise<number> {
    if (this.waiters.isToCall) this.waiters.call(Number(await this.#owner.length()));
    return Math.min(this.waiters.ready, MOST);
  }

  /** @returns how many were handed over: fewer when receivers left meanwhile, or cannot read the next one */
  #hand(texts: readonly string[]): number {
    for (const [index, text] of texts.entries()) {
      try {
        if (!this.waiters.offer(text)) return index;
      } catch (error) {
        this.waiters.fail(error);
        return index;
      }
    }
    return texts.length;
  }

  /** Until the server has it, however long it cannot be reached; those who come meanwhile hear what is wrong. */
  async #putBack(id: string, handed: number): Promise<void> {
    for (;;) {
      try {
        await this.#calls.run(putBack, this.#name, [handed], id);
        this.#owner.onArrived(id);
        return;
      } catch (error) {
        this.waiters.fail(error);
        if (this.#owner.isClosed()) return;
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  }
}
