/** What a queue on BullMQ is made with. */
import * as z from "zod/mini";
import { timerMs } from "#contract/base/durations";
import { lazily } from "#contract/base/lazily";
import { nonEmpty, parseOptions } from "#contract/base/options";
import { redisUrl } from "#contract/base/redis-url";

export interface BullQueueOptions {
  /**
   * Where BullMQ keeps its jobs: `redis://…` or `rediss://…`, options or a client of ioredis (a `Cluster` too), which has
   * `maxRetriesPerRequest: null` and no `keyPrefix`; with `backend: "postgres"`
   * `postgres://…` or options of a pool of `pg`, which may name BullMQ's own `schema` (default `"bullmq"`). It need not be where the runs are.
   */
  connection: string | object;
  /** Default `"redis"`. */
  backend?: "redis" | "postgres";
  /** What the names of BullMQ's keys in Redis begin with. Default `"bull"`, as of BullMQ's own tools, and `"{bull}"` on a cluster, where it must have a hash tag. */
  prefix?: string;
  /** At most `max` turns of one agent in `duration` milliseconds, of all workers together. Default: no limit. */
  limiter?: { max: number; duration: number };
  /** How many jobs that are over are kept of an agent, of those that went well and of the others. Default 1,000. */
  keepJobs?: number;
  /** For how many minutes BullMQ counts jobs, for its `getMetrics`. Default none. */
  metricsMinutes?: number;
  /** Milliseconds after which a worker looks for what lost owners have left, and for what the queue was not told of; at least 10. Default 1,000. */
  sweepMs?: number;
}

const count = () => z.int().check(z.gte(1));
const PROTOCOLS = { redis: /^rediss?:\/\//, postgres: /^postgres(?:ql)?:\/\// };
/** What of a key says its slot. */
const HASH_TAG = /^[^{]*\{[^}]+\}/;

export const isCluster = (connection: unknown): boolean => (connection as { isCluster?: unknown }).isCluster === true;

export const isClient = (connection: string | object): boolean => typeof (connection as { duplicate?: unknown }).duplicate === "function";

interface Settings {
  keyPrefix?: string;
  maxRetriesPerRequest?: number | null;
  redisOptions?: Settings;
}

/** Of ioredis: as they are given, or those of a client; those of a cluster's servers are apart. */
function settingsOf(connection: string | object): Settings[] {
  if (typeof connection === "string") return [];
  const { options = {} } = isClient(connection) ? (connection as { options?: Settings }) : { options: connection as Settings };
  return [options, options.redisOptions ?? {}];
}

/** Of options of ioredis too. */
const urlOf = (connection: string | object): unknown =>
  typeof connection === "string" ? connection : (connection as { url?: unknown }).url;
const isAddress = (url: unknown): boolean => typeof url !== "string" || !PROTOCOLS.redis.test(url) || redisUrl().safeParse(url).success;

const schema = lazily(() =>
  z
    .strictObject({
      connection: z.union([nonEmpty, z.custom<object>((value) => typeof value === "object" && value !== null)], {
        error: "expected a URL, or an object: options or a client",
      }),
      backend: z.optional(z.enum(["redis", "postgres"])),
      prefix: z.optional(nonEmpty),
      limiter: z.optional(z.strictObject({ max: count(), duration: count() })),
      keepJobs: z.optional(z.int().check(z.gte(0))),
      metricsMinutes: z.optional(count()),
      sweepMs: z.optional(timerMs(10)),
    })
    .check(
      z.refine(
        ({ connection, backend = "redis" }) =>
          typeof connection !== "string" || (PROTOCOLS[backend].test(connection) && URL.canParse(connection)),
        {
          path: ["connection"],
          error: 'expected a URL that starts with redis:// or rediss://, with `backend: "postgres"` postgres:// or postgresql://',
        },
      ),
      z.refine(({ connection, backend = "redis" }) => backend !== "redis" || isAddress(urlOf(connection)), {
        path: ["connection"],
        error: "expected the number of a database behind the address, as in redis://localhost:6379/2",
      }),
      z.refine(({ connection }) => settingsOf(connection).every(({ keyPrefix = "" }) => keyPrefix === ""), {
        path: ["connection"],
        error: "must have no `keyPrefix`; use `prefix` of the queue",
      }),
      z.refine(
        ({ connection }) =>
          !isClient(connection) || settingsOf(connection).every(({ maxRetriesPerRequest = null }) => maxRetriesPerRequest === null),
        {
          path: ["connection"],
          error: "expected a client with `maxRetriesPerRequest: null`: BullMQ waits for jobs for as long as it takes",
        },
      ),
      z.refine(({ connection, prefix }) => prefix === undefined || !isCluster(connection) || HASH_TAG.test(prefix), {
        path: ["prefix"],
        error: "on a cluster a hash tag is expected, as in {bull}, which puts all keys of a queue into one slot",
      }),
      z.refine(({ prefix, backend }) => prefix === undefined || backend !== "postgres", {
        path: ["prefix"],
        error: "is of Redis alone; on Postgres name a `schema` in `connection`",
      }),
    ),
);

/** @throws AsimovError `invalid-options`; the message holds no value of an option */
export const takeBullOptions = (options: unknown): BullQueueOptions => parseOptions(schema(), options, "bullQueue") as BullQueueOptions;
