/** Calls of scripts under ids, each of which takes effect once, however often a reconnect sends it. */
import type { RedisConnection } from "./connection.ts";
import type { OnceScript } from "./scripts.ts";

/** How many replies one call acknowledges on its way. */
const MOST = 64;

export class Calls {
  readonly #connection: RedisConnection;
  readonly #kept: string;
  #arrived: string[] = [];
  #count = 0;

  /** @param kept the stored name of the hash in which the server keeps the replies until they are acknowledged */
  constructor(connection: RedisConnection, kept: string) {
    this.#connection = connection;
    this.#kept = kept;
  }

  /** A name for one call. */
  nextId(): string {
    this.#count += 1;
    return this.#count.toString(36);
  }

  /** Runs a script once. EVAL, not EVALSHA: a flush of the server's scripts must not change the order of calls. */
  async run(script: OnceScript, name: string, args: readonly (string | number)[], id: string): Promise<string> {
    let forgotten: string[] = [];
    try {
      return await this.#connection.run<string>(
        (client) => {
          forgotten = this.#arrived.splice(0, MOST);
          return client.call("eval", script.lua, 2, this.#kept, name, id, ...args, ...forgotten);
        },
        [name],
      );
    } catch (error) {
      this.#arrived.push(...forgotten);
      throw error;
    }
  }

  /** Runs a script whose reply needs to be known to nobody but the caller. */
  async once(script: OnceScript, name: string, args: readonly (string | number)[]): Promise<string> {
    const id = this.nextId();
    const reply = await this.run(script, name, args, id);
    this.acknowledge(id);
    return reply;
  }

  /** The reply has arrived: some later call tells the server. */
  acknowledge(id: string): void {
    this.#arrived.push(id);
  }

  /** Tells the server of all that has arrived. */
  async flush(): Promise<void> {
    const forgotten = this.#arrived.splice(0);
    if (forgotten.length === 0) return;
    try {
      await this.#connection.run((client) => client.call("hdel", this.#kept, ...forgotten));
    } catch (error) {
      this.#arrived.push(...forgotten);
      throw error;
    }
  }
}
