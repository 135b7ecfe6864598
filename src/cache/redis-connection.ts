/** The connection of a Redis cache: made at the first command, and every command on it settles in bounded time. */
import { AsimovError, messageOf } from "#contract/base/errors";
import { cacheClosed } from "./failures.ts";
import { repliesKey } from "./redis-keys.ts";
import type { RedisClient, RedisSettings } from "./redis-options.ts";
import type { OnceScript } from "./redis-scripts.ts";

/** How long a command may take, reconnects included. */
const COMMAND_MS = 5_000;
/** After a deadline, what arrived while this process was too busy to read is still read. */
const GRACE_MS = 50;
/** Reconnects after 50, 100, 200, ... milliseconds; after 7 of them, about 4 seconds, waiting commands are refused. */
const RETRIES = 7;
/** Server replies that another attempt may not meet. */
const PASSING = /^(LOADING|BUSY|MISCONF|OOM|READONLY|TRYAGAIN|MASTERDOWN|NOREPLICAS|ERR max number of clients)/;

const tuning = {
  lazyConnect: true,
  maxRetriesPerRequest: RETRIES,
  connectTimeout: COMMAND_MS - 1_000,
  retryStrategy: (times: number) => Math.min(50 * 2 ** (times - 1), 1_000),
};

export const isReplyError = (error: unknown): boolean => error instanceof Error && error.name === "ReplyError";

export class RedisConnection {
  readonly #settings: RedisSettings;
  readonly #place: string;
  readonly #replies = repliesKey(crypto.randomUUID());
  readonly #pending = new Set<(reason: unknown) => void>();
  #client: Promise<RedisClient> | undefined;
  #acknowledged: string[] = [];
  #calls = 0;
  #trouble = "";
  #closed = false;

  constructor(settings: RedisSettings) {
    this.#settings = settings;
    const { client, url, host = "127.0.0.1", port = 6379 } = settings;
    this.#place = client !== undefined ? "the given client" : url !== undefined ? new URL(url).host : `${host}:${port}`;
  }

  /** Sends a command in the order of the calls. @throws AsimovError `cache-unavailable`, `cache-refused`, `cache-closed` or `missing-package` */
  async run<T>(send: (client: RedisClient) => Promise<T>): Promise<T> {
    const client = await this.client();
    try {
      return await this.bounded(send(client), COMMAND_MS);
    } catch (error) {
      throw this.explain(error);
    }
  }

  async command<T>(name: string, ...args: (string | number)[]): Promise<T> {
    return this.run((client) => client.call(name, ...args) as Promise<T>);
  }

  /** All commands or none, without another client's in between. */
  async transaction(commands: (string | number)[][]): Promise<unknown[]> {
    if (commands.length === 0) return [];
    return this.run(async (client) => {
      const replies = (await client.multi(commands).exec()) ?? [];
      return replies.map(([error, reply]) => {
        if (error !== null) throw error;
        return reply;
      });
    });
  }

  /** A name for one call of `once`. */
  nextId(): string {
    this.#calls += 1;
    return this.#calls.toString(36);
  }

  /**
   * Runs a script once. ioredis sends a command again when the connection broke before the reply came; the server then finds its id.
   * EVAL, not EVALSHA: a flush of the server's scripts must not change the order of calls.
   */
  async once(script: OnceScript, key: string, args: (string | number)[], id = this.nextId()): Promise<string> {
    const reply = await this.run((client) => {
      const forget = this.#acknowledged.splice(0, 64);
      return client.call("eval", script.lua, 2, this.#replies, key, id, ...args, ...forget);
    });
    this.#acknowledged.push(id);
    return reply as string;
  }

  /** A further connection, for a command that blocks; its maker closes it. */
  async duplicate(): Promise<RedisClient> {
    const client = (await this.client()).duplicate({
      lazyConnect: true,
      commandTimeout: undefined,
      blockingTimeout: undefined,
      socketTimeout: undefined,
    });
    client.on("error", (error) => this.#note(error));
    return client;
  }

  client(): Promise<RedisClient> {
    if (this.#closed) return Promise.reject(cacheClosed());
    this.#client ??= this.#open();
    return this.#client;
  }

  /** Settles as the promise does, or rejects after `ms`, or when the connection is closed. */
  bounded<T>(promise: Promise<T>, ms: number): Promise<T> {
    return new Promise((resolve, reject) => {
      const expired = (): void => fail(new Error(`no reply within ${ms} ms`));
      let timer = setTimeout(() => {
        timer = setTimeout(expired, GRACE_MS);
      }, ms);
      const fail = (reason: unknown): void => {
        clearTimeout(timer);
        this.#pending.delete(fail);
        reject(reason);
      };
      this.#pending.add(fail);
      promise.then((value) => {
        clearTimeout(timer);
        this.#pending.delete(fail);
        resolve(value);
      }, fail);
    });
  }

  /** An error of ours. Those of ioredis hold the command's arguments, and its options the password: only their text goes on. */
  explain(error: unknown): AsimovError {
    if (error instanceof AsimovError) return error;
    if (this.#closed) return cacheClosed();
    const lost = error instanceof Error && error.name === "MaxRetriesPerRequestError";
    const text = lost ? "no connection" : (messageOf(error).split(", with args", 1)[0] ?? "");
    if (isReplyError(error) && !PASSING.test(text)) {
      return new AsimovError(`Redis at ${this.#place} refused a command: ${text}`, { code: "cache-refused" });
    }
    const details = [text, this.#trouble].filter((detail) => detail !== "").join("; ");
    return new AsimovError(
      `Redis at ${this.#place} is not available: ${details}. Check that it runs and can be reached. Whether a write took effect is not known.`,
      { code: "cache-unavailable", retryable: true },
    );
  }

  /** Lets commands that were sent finish, then frees what is ours. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const client = await this.#client?.catch(() => undefined);
    if (client === undefined) return;
    const reachable = ["ready", "connect", "connecting"].includes(client.status);
    // Replies come in order: when this one is here, so are all others.
    if (reachable) await this.bounded(client.call("unlink", this.#replies), COMMAND_MS).catch(() => undefined);
    if (this.#settings.client === undefined) client.disconnect();
    for (const fail of [...this.#pending]) fail(cacheClosed());
  }

  async #open(): Promise<RedisClient> {
    const { client: given, url, defaultPrefix: _prefix, defaultSuffix: _suffix, ...server } = this.#settings;
    if (given !== undefined) return given;
    const { Redis } = await import("ioredis").catch((cause: unknown) => {
      this.#client = undefined;
      throw new AsimovError("RedisCache needs the package ioredis: `npm install ioredis`.", { code: "missing-package", cause });
    });
    const client: RedisClient =
      url === undefined ? new Redis({ host: "127.0.0.1", ...definedOf(server), ...tuning }) : new Redis(url, tuning);
    client.on("error", (error) => this.#note(error));
    return client;
  }

  /** Without a listener ioredis would print the error. */
  #note(error: Error): void {
    const code = (error as { code?: unknown }).code;
    this.#trouble = typeof code === "string" ? code : error.message;
  }
}

/** Without the properties that are `undefined`, which would hide the defaults of ioredis. */
function definedOf<T extends object>(values: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}
