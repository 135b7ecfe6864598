/** The connection of a Redis cache: made at the first command, and every command on it settles in bounded time. */
import { cacheClosed } from "#cache/failures";
import { setAnswerTimeout } from "#contract/base/answer-timer";
import { AsimovError, messageOf } from "#contract/base/errors";
import { withProbe } from "#contract/base/redis-server";
import { databaseOf } from "#contract/base/redis-url";
import type { RedisClient, RedisSettings } from "./options.ts";
import { refusal, UNKNOWN_EFFECT } from "./refusals.ts";

/** A command with the stored names that it is about, which come first. */
export interface Command {
  readonly name: string;
  readonly keys: readonly string[];
  readonly args?: readonly (string | number)[];
}

const wordsOf = ({ name, keys, args = [] }: Command): (string | number)[] => [name, ...keys, ...args];

/** How long a command may take, reconnects included. */
export const COMMAND_MS = 5_000;
/** Reconnects after 50, 100, 200, ... milliseconds; after 7 of them, about 4 seconds, waiting commands are refused. */
const RETRIES = 7;

const tuning = {
  lazyConnect: true,
  maxRetriesPerRequest: RETRIES,
  connectTimeout: COMMAND_MS - 1_000,
  retryStrategy: (times: number) => Math.min(50 * 2 ** (times - 1), 1_000),
};

/** A connection that is made anew when it breaks, by its owner. RESP2 is the protocol in which ioredis hands out invalidations. */
const brief = {
  lazyConnect: true,
  enableOfflineQueue: true,
  protocol: 2,
  retryStrategy: () => null,
  autoResubscribe: false,
  connectTimeout: COMMAND_MS - 1_000,
  commandTimeout: undefined,
  blockingTimeout: undefined,
  socketTimeout: undefined,
};

export const isReplyError = (error: unknown): boolean => error instanceof Error && error.name === "ReplyError";

export class RedisConnection {
  readonly #settings: RedisSettings;
  readonly #place: string;
  readonly #pending = new Set<(reason: unknown) => void>();
  #client: Promise<RedisClient> | undefined;
  /** What the connection has met since it last was there. */
  #trouble: Error | undefined;
  #closed = false;

  constructor(settings: RedisSettings) {
    this.#settings = settings;
    const { client, url, host = "127.0.0.1", port = 6379 } = settings;
    this.#place = client !== undefined ? "the given client" : url !== undefined ? new URL(url).host : `${host}:${port}`;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Sends a command in the order of the calls.
   *
   * @param names the stored names that it, or what the server replied, is about, for its error
   * @throws AsimovError `cache-unavailable`, `cache-refused`, `cache-closed` or `missing-package`
   */
  async run<T>(
    send: (client: RedisClient) => Promise<unknown>,
    names: readonly string[] | ((refused: unknown) => readonly string[] | undefined) = [],
  ): Promise<T> {
    const client = await this.client();
    try {
      return (await this.bounded(send(client), COMMAND_MS)) as T;
    } catch (error) {
      throw this.explain(error, typeof names === "function" ? names(replyOf(error)) : names);
    }
  }

  /** Sends one command. */
  send<T>(command: Command): Promise<T> {
    const [name, ...args] = wordsOf(command);
    return this.run((client) => client.call(String(name), ...args), command.keys);
  }

  /** All commands or none, without another client's in between. */
  async transaction(commands: readonly Command[]): Promise<unknown[]> {
    if (commands.length === 0) return [];
    const replies = await this.run<[Error | null, unknown][] | null>(
      (client) => client.multi(commands.map(wordsOf)).exec(),
      (error) => commands.find(({ keys: [key] }) => key !== undefined && key === firstArgument(error))?.keys,
    );
    return (replies ?? []).map(([error, reply], index) => {
      if (error !== null) throw this.explain(error, commands[index]?.keys);
      return reply;
    });
  }

  /** A further connection; it ends when it breaks, and its maker ends it. */
  async duplicate(): Promise<RedisClient> {
    const client = (await this.client()).duplicate(brief);
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
      const cancel = setAnswerTimeout(ms, () => fail(new Error(`no reply within ${ms} ms`)));
      const fail = (reason: unknown): void => {
        cancel();
        this.#pending.delete(fail);
        reject(reason);
      };
      this.#pending.add(fail);
      promise.then((value) => {
        cancel();
        this.#pending.delete(fail);
        resolve(value);
      }, fail);
    });
  }

  /** An error of ours. Those of ioredis hold the command's arguments, and its options the password: only their text goes on. */
  explain(error: unknown, names: readonly string[] = []): AsimovError {
    if (error instanceof AsimovError) return error;
    if (this.#closed) return cacheClosed();
    const refused = replyOf(error);
    if (refused !== undefined) return refusal(this.#place, textOf(refused), { names });
    const lost = error instanceof Error && error.name === "MaxRetriesPerRequestError";
    // Each time that ioredis tried to connect, the server was there, and refused.
    if (lost && isReplyError(this.#trouble)) return refusal(this.#place, textOf(this.#trouble), { names, isUnknown: true });
    const details = [lost ? "no connection" : textOf(error), troubleOf(this.#trouble)].filter((detail) => detail !== "").join("; ");
    return new AsimovError(
      `Redis at ${this.#place} is not available: ${details}. Check that it runs and can be reached. ${UNKNOWN_EFFECT}`,
      { code: "cache-unavailable", retryable: true },
    );
  }

  /** Removes a key as the last command: replies come in order, so when this one is here, so are all others. */
  async farewell(name: string): Promise<void> {
    const client = await this.#client;
    if (client !== undefined && ["ready", "connect", "connecting"].includes(client.status)) await client.call("unlink", name);
  }

  /** Rejects what waits for a reply, and frees what is ours. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const fail of [...this.#pending]) fail(cacheClosed());
    const client = await this.#client?.catch(() => undefined);
    if (this.#settings.client === undefined) client?.disconnect();
  }

  async #open(): Promise<RedisClient> {
    const { client: given, url, defaultPrefix: _prefix, defaultSuffix: _suffix, ...server } = this.#settings;
    if (given !== undefined) return given;
    const { Redis } = await import("ioredis").catch((cause: unknown) => {
      this.#client = undefined;
      throw new AsimovError("RedisCache needs the package ioredis: `npm install ioredis`.", { code: "missing-package", cause });
    });
    const make = (address: string | undefined, options: typeof server): RedisClient =>
      address === undefined ? new Redis({ host: "127.0.0.1", ...definedOf(options), ...tuning }) : new Redis(address, tuning);
    const named = url === undefined ? undefined : databaseOf(url);
    const database = named?.database ?? server.db ?? 0;
    if (database > 0) await this.#requireDatabase(make(named?.url, { ...server, db: undefined }), database);
    const client = make(url, server);
    client.on("error", (error) => this.#note(error));
    client.on("ready", () => {
      this.#trouble = undefined;
    });
    return client;
  }

  async #requireDatabase(probe: RedisClient, database: number): Promise<void> {
    const select = () => this.bounded(probe.call("select", database), COMMAND_MS);
    await withProbe(probe, (error) => this.#note(error), select).catch((error: unknown) => {
      this.#client = undefined;
      throw this.explain(error);
    });
  }

  /** Without a listener ioredis would print the error. */
  #note(error: Error): void {
    this.#trouble = error;
  }
}

function troubleOf(error: Error | undefined): string {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === "string" ? code : error === undefined ? "" : textOf(error);
}

/** Of the command that an error of ioredis is about. */
const firstArgument = (error: unknown): unknown => (error as { command?: { args?: unknown[] } } | undefined)?.command?.args?.[0];

/** What the server replied, if it was the server; a transaction that it discarded holds the reason. */
function replyOf(error: unknown): unknown {
  if (!isReplyError(error)) return undefined;
  const [first] = (error as { previousErrors?: unknown[] }).previousErrors ?? [];
  return first ?? error;
}

/** The text of an error without the arguments of its command, and without the place within a script. */
const textOf = (error: unknown): string => messageOf(error).split(/, with args| script: /, 1)[0] ?? "";

/** Without the properties that are `undefined`, which would hide the defaults of ioredis. */
function definedOf<T extends object>(values: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}
