/** What a Postgres store is made with, and the part of a pool of `pg` that it uses. */
import * as z from "zod/mini";
import { lazily } from "#contract/base/lazily";
import { isFunction, parseOptions } from "#contract/base/options";
import { type RunStoreOptions, runStoreShape } from "#contract/store/run-options";

/** A query as the store sends it. */
export interface PostgresQuery {
  text: string;
  values?: unknown[];
  /** How columns are read, whatever the pool's users have set. */
  types?: { getTypeParser(oid: number): (text: string) => unknown };
}

export interface PostgresClient {
  /** Of the server's process, as it was told when it connected. */
  readonly processID?: number | null;
  query(query: PostgresQuery): Promise<{ rows: unknown[]; rowCount: number | null }>;
  /** With true, the connection is closed. */
  release(destroy?: boolean): void;
  on(event: "error", listener: (error: Error) => void): unknown;
  on(event: "end", listener: () => void): unknown;
  on(event: "notification", listener: (told: { channel: string; payload?: string | undefined }) => void): unknown;
  removeListener(event: "error", listener: (error: Error) => void): unknown;
  removeListener(event: "notification", listener: (told: { channel: string; payload?: string | undefined }) => void): unknown;
}

/** The subset of a pool that is used; `new Pool()` of pg 8 fits. */
export interface PostgresPool {
  connect(): Promise<PostgresClient>;
  end(): Promise<void>;
  on(event: "error", listener: (error: Error) => void): unknown;
  on(event: "connect", listener: (client: PostgresClient) => void): unknown;
  removeListener(event: "error", listener: (error: Error) => void): unknown;
  removeListener(event: "connect", listener: (client: PostgresClient) => void): unknown;
}

export interface PostgresStoreOptions extends RunStoreOptions {
  /** `postgres://` or `postgresql://`, as `postgres://user:password@host:5432/database?sslmode=verify-full`. This or `pool` is needed. */
  connectionString?: string;
  /** A pool of `pg` of your own, of at least 3 connections, one of which listens while somebody does. It is left open at `close`. */
  pool?: PostgresPool;
  /** Where the tables are: a schema that is the store's alone, made with them at the first use. Default `"asimov"`. */
  schema?: string;
}

const LEAST_POOL = 3;

const isPool = (value: unknown): boolean => {
  const pool = value as Partial<PostgresPool> | null | undefined;
  return isFunction(pool?.connect) && isFunction(pool?.end) && isFunction(pool?.on);
};

const isLarge = (pool: PostgresPool): boolean => {
  const { options } = pool as { options?: { max?: unknown } };
  return typeof options?.max !== "number" || options.max >= LEAST_POOL;
};

const isAddress = (text: string): boolean => /^postgres(?:ql)?:\/\//.test(text) && URL.canParse(text);

/** PostgreSQL cuts longer names. */
const NAME = /^[a-z_][a-z0-9_]{0,62}$/;

const schema = lazily(() =>
  z
    .strictObject({
      ...runStoreShape(),
      connectionString: z.optional(
        z
          .string()
          .check(
            z.refine(
              isAddress,
              "expected a URL that starts with postgres:// or postgresql://, with what is special in its user and password written as %-escapes",
            ),
          ),
      ),
      pool: z.optional(
        z
          .custom<PostgresPool>(isPool, "expected a pool of pg, made by `new Pool()`")
          .check(z.refine(isLarge, `expected a pool of at least ${LEAST_POOL} connections (\`max\`)`)),
      ),
      schema: z.optional(
        z.string().check(
          z.regex(NAME, "expected a name of at most 63 letters a to z, digits and _, which does not start with a digit"),
          z.refine((name) => !name.startsWith("pg_"), "names that start with pg_ are PostgreSQL's own"),
        ),
      ),
    })
    .check(
      z.refine(
        ({ connectionString, pool }) => (connectionString === undefined) !== (pool === undefined),
        "name the server once, by connectionString or pool",
      ),
    ),
);

export type PostgresStoreSettings = z.infer<ReturnType<typeof schema>>;

/** @throws AsimovError `invalid-options`; the message holds no value of an option */
export function parsePostgresStoreOptions(options: unknown): PostgresStoreSettings {
  return parseOptions(schema(), options, "PostgresStore options");
}
