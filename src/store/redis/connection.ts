/** The connection of a Redis store: made and looked over at the first command, and each command on it settles in bounded time. */
import { setAnswerTimeout } from "#contract/base/answer-timer";
import { AsimovError } from "#contract/base/errors";
import { requireServers, withProbe } from "#contract/base/redis-server";
import { databaseOf } from "#contract/base/redis-url";
import { closed } from "#contract/store/store-errors";
import type { Listening } from "#store/told-changes";
import { failure, missingPackage, otherFormat } from "./failures.ts";
import type { Keys } from "./keys.ts";
import type { RedisStoreClient, RedisStoreSettings } from "./options.ts";
import type { Script } from "./scripts.ts";

export type Argument = string | Buffer | number;

type Client = RedisStoreClient;

/** How long a command may take, reconnects included. */
const COMMAND_MS = 5_000;
const FORMAT = "1";
const CODES = { old: "store-format", evicts: "store-evicts" };

const tuning = {
  lazyConnect: true,
  protocol: 2 as const,
  maxRetriesPerRequest: null,
  connectTimeout: COMMAND_MS - 1_000,
  retryStrategy: (times: number) => Math.min(50 * 2 ** (times - 1), 1_000),
};

const LOCAL = "redis://127.0.0.1:6379";

/** It is made anew when it breaks, by whoever listens. */
const brief = { lazyConnect: true, protocol: 2, enableOfflineQueue: true, retryStrategy: () => null, autoResubscribe: false };

export class Connection {
  readonly #settings: RedisStoreSettings;
  readonly #keys: Keys;
  readonly #place: string;
  readonly #pending = new Set<(reason: unknown) => void>();
  readonly #shas = new Map<Script, Promise<string>>();
  #client: Promise<Client> | undefined;
  #ready: Promise<Client> | undefined;
  #trouble: Error | undefined;
  #isClosed = false;

  constructor(settings: RedisStoreSettings, keys: Keys) {
    this.#settings = settings;
    this.#keys = keys;
    this.#place = settings.client === undefined ? new URL(settings.url ?? LOCAL).host : "the given client";
  }

  requireOpen(): void {
    if (this.#isClosed) throw closed("RedisStore");
  }

  /** Texts come as bytes. @throws AsimovError `store-…` */
  async call(command: string, ...args: Argument[]): Promise<unknown> {
    const client = await this.#prepared();
    return await this.#bounded(client.callBuffer(command, ...args));
  }

  async run(script: Script, keys: readonly string[], args: readonly Argument[]): Promise<unknown> {
    const client = await this.#prepared();
    const sha = await this.#shaOf(script, client);
    try {
      return await this.#bounded(client.callBuffer("evalsha", sha, keys.length, ...keys, ...args));
    } catch (error) {
      if (!(error instanceof AsimovError) || !error.message.includes("NOSCRIPT")) throw error;
      return await this.#bounded(client.callBuffer("eval", script.lua, keys.length, ...keys, ...args));
    }
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Tells what is published from when this settles until the connection is lost, which is told once; of a cluster, any server tells all. */
  async listen(tell: (message: string) => void, lost: () => void): Promise<Listening> {
    const prepared = await this.#prepared();
    const [node = prepared] = prepared.nodes?.("master") ?? [];
    const client = node.duplicate(brief);
    client.on("error", (error) => this.#note(error));
    client.on("message", (_channel, message) => tell(message));
    try {
      await this.#bounded(client.subscribe(this.#keys.changes));
    } catch (error) {
      client.disconnect();
      throw error;
    }
    client.on("end", lost);
    return { end: () => client.disconnect() };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const fail of [...this.#pending]) fail(closed("RedisStore"));
    const client = await this.#client?.catch(() => undefined);
    if (this.#settings.client === undefined) client?.disconnect();
  }

  /** The server says it; of a cluster, one knows the script from then on, and the others learn it when they meet it. */
  #shaOf(script: Script, client: Client): Promise<string> {
    const known = this.#shas.get(script);
    if (known !== undefined) return known;
    const sha = this.#bounded(client.callBuffer("script", "LOAD", script.lua)).then(String);
    this.#shas.set(script, sha);
    sha.catch(() => this.#shas.delete(script));
    return sha;
  }

  #prepared(): Promise<Client> {
    this.requireOpen();
    this.#ready ??= this.#prepare().catch((error: unknown) => {
      this.#ready = undefined;
      throw error;
    });
    return this.#ready;
  }

  async #prepare(): Promise<Client> {
    this.#client ??= this.#open().catch((error: unknown) => {
      this.#client = undefined;
      throw error;
    });
    const client = await this.#client;
    const ask = async (command: string, ...args: Argument[]): Promise<string> =>
      String(await this.#bounded(client.callBuffer(command, ...args)));
    await requireServers(this.#place, client, async (server) => String(await this.#bounded(server.callBuffer("info"))), CODES);
    await ask("set", this.#keys.format, FORMAT, "NX");
    const format = await ask("get", this.#keys.format);
    if (format !== FORMAT) throw otherFormat(this.#place, FORMAT, format);
    return client;
  }

  async #open(): Promise<Client> {
    const { client: given, url = LOCAL } = this.#settings;
    if (given !== undefined) return given;
    const { Redis } = await import("ioredis").catch((cause: unknown) => {
      throw missingPackage(cause);
    });
    const { url: server, database } = databaseOf(url);
    if (database > 0) {
      const probe = new Redis(server, tuning) as unknown as Client;
      await withProbe(
        probe,
        (error) => this.#note(error),
        () => this.#bounded(probe.callBuffer("select", database)),
      );
    }
    const client = new Redis(url, tuning) as unknown as Client;
    client.on("error", (error) => this.#note(error));
    client.on("ready", () => {
      this.#trouble = undefined;
    });
    return client;
  }

  /** Without a listener ioredis would print the error. */
  #note(error: Error): void {
    this.#trouble = error;
  }

  async #bounded<T>(work: Promise<T>): Promise<T> {
    const { promise: stopped, reject } = Promise.withResolvers<never>();
    const cancel = setAnswerTimeout(COMMAND_MS, () => reject(new Error(`no reply within ${COMMAND_MS} ms`)));
    this.#pending.add(reject);
    try {
      return await Promise.race([work, stopped]);
    } catch (error) {
      if (this.#isClosed) throw closed("RedisStore");
      throw failure(this.#place, error, this.#trouble);
    } finally {
      this.#pending.delete(reject);
      cancel();
    }
  }
}
