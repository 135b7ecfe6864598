/** What a Redis store is made with, and the part of an ioredis client that it uses. */
import * as z from "zod/mini";
import { lazily } from "#contract/base/lazily";
import { nonEmpty, parseOptions } from "#contract/base/options";
import { redisUrl } from "#contract/base/redis-url";
import { type RunStoreOptions, runStoreShape } from "#contract/store/run-options";

type Argument = string | Uint8Array | number;

/** The subset of a client that is used; `new Redis()` and `new Cluster()` of ioredis 5.3 or later fit. */
export interface RedisStoreClient {
  readonly status: string;
  callBuffer(command: string, ...args: Argument[]): Promise<unknown>;
  duplicate(override?: object): RedisStoreClient;
  /** Of a cluster. */
  nodes?(role: "master"): RedisStoreClient[];
  subscribe(channel: string): Promise<unknown>;
  disconnect(): void;
  on(event: "error", listener: (error: Error) => void): unknown;
  on(event: "ready" | "end", listener: () => void): unknown;
  on(event: "message", listener: (channel: string, message: string) => void): unknown;
}

export interface RedisStoreOptions extends RunStoreOptions {
  /** `redis://` or `rediss://` (TLS). Default `redis://127.0.0.1:6379`. */
  url?: string;
  /**
   * An ioredis client of your own, in place of `url`; a `Cluster` is one. The store sends its commands through it and leaves it open at
   * `close`; what tells it of changes is a duplicate of it, which the store closes. It must have no `keyPrefix`.
   */
  client?: RedisStoreClient;
  /** What the name of each key begins with, so that several stores share a database. Default `"asimov:"`. */
  prefix?: string;
}

function isClient(value: unknown): boolean {
  const client = value as Partial<RedisStoreClient> | null | undefined;
  return typeof client?.callBuffer === "function" && typeof client.duplicate === "function" && typeof client.subscribe === "function";
}

/** Those of a cluster's servers are apart. */
interface ClientOptions {
  keyPrefix?: string;
  replyMapping?: string;
  redisOptions?: Omit<ClientOptions, "redisOptions">;
}

const optionsOf = (client: unknown): ClientOptions[] => {
  const { options = {} } = client as { options?: ClientOptions };
  return [options, options.redisOptions ?? {}];
};

const hasPrefix = (client: unknown): boolean => optionsOf(client).some(({ keyPrefix = "" }) => keyPrefix !== "");
const hasOtherReplies = (client: unknown): boolean => optionsOf(client).some(({ replyMapping }) => replyMapping === "resp3");

const schema = lazily(() =>
  z
    .strictObject({
      ...runStoreShape(),
      url: z.optional(redisUrl()),
      client: z.optional(
        z.custom<RedisStoreClient>(isClient, "expected a client of ioredis, made by `new Redis()` or `new Cluster()`").check(
          z.refine((client) => !hasPrefix(client), "the client must not have a `keyPrefix`; use `prefix` of the store"),
          z.refine((client) => !hasOtherReplies(client), 'the client must not have `replyMapping: "resp3"`'),
        ),
      ),
      prefix: z.optional(nonEmpty.check(z.regex(/^[^{}]*$/, "expected a text without braces"))),
    })
    .check(z.refine(({ url, client }) => url === undefined || client === undefined, "name the server once, not by client and url")),
);

export type RedisStoreSettings = z.infer<ReturnType<typeof schema>>;

/** @throws AsimovError `invalid-options`; the message holds no value of an option */
export function parseRedisStoreOptions(options: unknown): RedisStoreSettings {
  return parseOptions(schema(), options, "RedisStore options");
}
