/** What a Redis cache is made with, and the part of an ioredis client that it uses. */
import * as z from "zod/mini";
import { lazily } from "#contract/base/lazily";
import { nonEmpty, parseOptions } from "#contract/base/options";
import { redisUrl } from "#contract/base/redis-url";

type Argument = string | number;

/** The subset of an ioredis client that is used; `new Redis()` of ioredis 5 or 6 fits, a `Cluster` does not. */
export interface RedisClient {
  readonly status: string;
  call(command: string, ...args: Argument[]): Promise<unknown>;
  multi(commands: Argument[][]): { exec(): Promise<[error: Error | null, result: unknown][] | null> };
  duplicate(override?: object): RedisClient;
  disconnect(): void;
  on(event: "error", listener: (error: Error) => void): unknown;
  on(event: "end" | "ready", listener: () => void): unknown;
  on(event: "messageBuffer", listener: (channel: unknown, message: unknown) => void): unknown;
}

export interface RedisCacheOptions {
  /** Default `127.0.0.1`. */
  host?: string;
  /** Default 6379. */
  port?: number;
  /** The number of the database. Default 0. */
  db?: number;
  username?: string;
  password?: string;
  /** `redis://` or `rediss://` (TLS), in place of the five above. */
  url?: string;
  /**
   * An ioredis client of your own, in place of all of the above. The cache sends its commands through it and leaves it open at `close`;
   * connections that wake receivers are duplicates of it, which the cache closes. It must have no `keyPrefix`.
   */
  client?: RedisClient;
  /** The prefix of this view. Default: none. */
  defaultPrefix?: string;
  /** The suffix of this view. Default: none. */
  defaultSuffix?: string;
}

function isClient(value: unknown): value is RedisClient {
  const client = value as Partial<RedisClient> | null | undefined;
  return typeof client?.call === "function" && typeof client.multi === "function" && typeof client.duplicate === "function";
}

const schema = lazily(() =>
  z
    .strictObject({
      host: z.optional(nonEmpty),
      port: z.optional(z.int().check(z.gte(1), z.lte(65_535))),
      db: z.optional(z.int().check(z.gte(0))),
      username: z.optional(z.string()),
      password: z.optional(z.string()),
      url: z.optional(redisUrl()),
      client: z.optional(
        z.custom<RedisClient>(isClient, "expected a client of ioredis, made by `new Redis()`").check(
          z.refine(
            (client) => !("isCluster" in client && client.isCluster === true),
            "a Cluster cannot be used: mailboxes and their bookkeeping lie in different slots",
          ),
          z.refine(
            (client) => !(client as { options?: { keyPrefix?: string } }).options?.keyPrefix,
            "the client must not have a `keyPrefix`; use `defaultPrefix` of the cache",
          ),
        ),
      ),
      defaultPrefix: z.optional(z.string()),
      defaultSuffix: z.optional(z.string()),
    })
    .check(({ value: options, issues }) => {
      const server = (["host", "port", "db", "username", "password"] as const).filter((name) => options[name] !== undefined);
      const whole = (["client", "url"] as const).filter((name) => options[name] !== undefined);
      if (whole.length + Math.min(server.length, 1) <= 1) return;
      issues.push({ code: "custom", message: `name the server once, not by ${[...whole, ...server].join(" and ")}`, input: options });
    }),
);

export type RedisSettings = z.infer<ReturnType<typeof schema>>;

/** @throws AsimovError `invalid-options`; the message holds no value of an option */
export function parseRedisOptions(options: unknown): RedisSettings {
  return parseOptions(schema(), options, "RedisCache options");
}
