/** The wake-up of receivers: the server tells when a mailbox changes, whoever changed it, over two connections for any number of mailboxes. */
import { COMMAND_MS, isReplyError, type RedisConnection } from "./connection.ts";
import type { RedisClient } from "./options.ts";

/** How often the connections are tried and every mailbox is looked at again, in case that the server's word was lost. */
const CHECK_MS = 15_000;
/** How long to wait after connections could not be made. */
const RETRY_MS = 1_000;
/** The server remembers each mailbox that was asked about until it changes; after so many that nobody waits at, it is made to forget. */
const MOST_LEFT = 10_000;
/** Where Redis tells what changed, to a client of RESP2. */
const CHANNEL = "__redis__:invalidate";

/** Is told once: that the mailbox may hold something, or why that cannot be known. */
type Wake = (trouble?: unknown) => void;

interface Waiting {
  readonly wake: Wake;
  /** Messages that are there already. */
  readonly known: number;
}

interface Pair {
  /** Asks how long the mailboxes are, and is thereby told of their next change. */
  readonly asker: RedisClient;
  /** Hears the changes. */
  readonly listener: RedisClient;
}

export class RedisWatch {
  readonly #connection: RedisConnection;
  readonly #checkMs: number;
  readonly #waiting = new Map<string, Waiting>();
  readonly #open = new Set<RedisClient>();
  #pair: Promise<Pair> | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #left = 0;
  #closed = false;

  constructor(connection: RedisConnection, checkMs = CHECK_MS) {
    this.#connection = connection;
    this.#checkMs = checkMs;
  }

  /** @param name the stored name of the mailbox; one wake-up a name, when it changes or holds more than what is known */
  wait(name: string, wake: Wake, known = 0): void {
    this.#waiting.set(name, { wake, known });
    void this.#ask(name);
  }

  leave(name: string): void {
    if (this.#waiting.delete(name)) this.#left += 1;
  }

  close(): void {
    this.#closed = true;
    this.#waiting.clear();
    this.#drop();
  }

  async #ask(name: string): Promise<void> {
    this.#pair ??= this.#connect();
    const pair = this.#pair;
    const open = await pair.catch(() => undefined);
    if (open === undefined) return;
    try {
      // From here on a change is told; what came before shows in the length.
      const length = await this.#connection.bounded(open.asker.call("llen", name), COMMAND_MS);
      if (Number(length) > (this.#waiting.get(name)?.known ?? 0)) this.#wake(name);
    } catch (error) {
      if (isReplyError(error)) this.#wake(name, this.#connection.explain(error, [name]));
      else this.#lose(pair);
    }
  }

  async #connect(): Promise<Pair> {
    let pair: Promise<Pair> | undefined;
    let ready = false;
    const onEnd = (): void => {
      if (ready) this.#lose(pair);
    };
    try {
      const [asker, listener] = await Promise.all([this.#duplicate(), this.#duplicate()]);
      pair = this.#pair;
      for (const client of [asker, listener]) client.on("end", onEnd);
      listener.on("messageBuffer", (_channel, names) => this.#hear(names));
      const id = await this.#connection.bounded(listener.call("client", "id"), COMMAND_MS);
      const told = [listener.call("subscribe", CHANNEL), asker.call("client", "tracking", "on", "redirect", Number(id))];
      await this.#connection.bounded(Promise.all(told), COMMAND_MS);
      ready = true;
      this.#later(this.#checkMs, () => void this.#check(pair));
      return { asker, listener };
    } catch (error) {
      if (isReplyError(error)) {
        const trouble = this.#connection.explain(error);
        this.#drop();
        for (const name of [...this.#waiting.keys()]) this.#wake(name, trouble);
      } else {
        this.#disconnect();
        this.#later(RETRY_MS, () => this.#lose(pair ?? this.#pair));
      }
      throw error;
    }
  }

  async #duplicate(): Promise<RedisClient> {
    const client = await this.#connection.duplicate();
    this.#open.add(client);
    return client;
  }

  /** What changed, or null when everything was removed: the server has forgotten who asked for what, so everybody looks and asks again. */
  #hear(names: unknown): void {
    for (const name of Array.isArray(names) ? names : [...this.#waiting.keys()]) this.#wake(String(name));
  }

  async #check(pair: Promise<Pair> | undefined): Promise<void> {
    if (this.#waiting.size === 0) {
      this.#drop();
      return;
    }
    try {
      if (this.#left > MOST_LEFT) throw new Error("The server remembers too many mailboxes.");
      const ping = (await pair)?.listener.call("ping") ?? Promise.reject(new Error("There are no connections."));
      await this.#connection.bounded(ping, COMMAND_MS);
      for (const name of this.#waiting.keys()) void this.#ask(name);
      this.#later(this.#checkMs, () => void this.#check(pair));
    } catch {
      this.#lose(pair);
    }
  }

  #later(ms: number, then: () => void): void {
    clearTimeout(this.#timer);
    if (!this.#closed) this.#timer = setTimeout(then, ms);
  }

  /** The connections broke: what was told meanwhile is not known, so everybody looks. */
  #lose(pair: Promise<Pair> | undefined): void {
    if (pair === undefined || this.#pair !== pair) return;
    this.#drop();
    for (const name of [...this.#waiting.keys()]) this.#wake(name);
  }

  #drop(): void {
    this.#pair = undefined;
    this.#left = 0;
    clearTimeout(this.#timer);
    this.#disconnect();
  }

  #disconnect(): void {
    const clients = [...this.#open];
    this.#open.clear();
    for (const client of clients) client.disconnect();
  }

  #wake(name: string, trouble?: unknown): void {
    const waiting = this.#waiting.get(name);
    this.#waiting.delete(name);
    waiting?.wake(trouble);
  }
}
