/** The PostgreSQL of a queue: its tables are made before BullMQ is, and its connections end no process when the server dies. */
import type { BackendFactory } from "bullmq";
import { AsimovError, messageOf } from "#contract/base/errors";
import { load } from "./bull-load.ts";
import { queueAway } from "./queue-away.ts";

type Bull = typeof import("bullmq");

interface Asked {
  query(text: string): Promise<{ rows: Record<string, unknown>[] }>;
}
interface Pool extends Asked {
  connect(): Promise<Asked & { release(): void }>;
}
type Config = Record<string, unknown> & { connectionString?: string; schema?: string };

/** Of each agent's queue, and of its worker, which listens by one more. BullMQ's own number is that of `pg`, ten. */
const POOLED = { queue: 2, worker: 3 };
/** A server that is asked for nothing else answers by then. */
const LIMITS = { connectionTimeoutMillis: 5_000, query_timeout: 10_000 };
const SCHEMA = "bullmq";

/** Beginnings of SQLSTATE, and words of the driver, of what no moment mends. */
const REFUSALS: readonly { says: RegExp; todo: string }[] = [
  { says: /^28|SASL|password must be/, todo: "Write its user name and password into `connection`, and see its pg_hba.conf." },
  { says: /^3D000/, todo: "Make the database by `create database`, or name another one." },
  { says: /^42501/, todo: `Make its user owner of BullMQ's schema, or let it make one: \`grant create on database … to …\`.` },
  { says: /^42704/, todo: "Check `options` in `connection`." },
  { says: /does not support SSL/, todo: "Set `ssl` to on there, or leave it out of `connection`." },
  { says: /after calling end/, todo: "End the pool after the queue is closed." },
  { says: /requires PostgreSQL|schema version/i, todo: "Update the server, or use the version of BullMQ that made its tables." },
];

const isPool = (connection: object): connection is Pool => "query" in connection;

const configOf = (connection: string | object): Config =>
  typeof connection === "string" ? { connectionString: connection } : (connection as Config);

/** Whoever asked by it hears of what it meets all the same; nobody listens while it is just made, out of its pool, or being closed. */
async function heardClient() {
  const { Client } = await load<typeof import("pg")>("pg");
  return class extends Client {
    override emit(event: string, ...given: unknown[]): boolean {
      if (event === "error" && this.listenerCount("error") === 0) return false;
      return super.emit(event, ...given);
    }
  };
}

/** A pool that is given is as it was given. */
export async function postgresConnection(connection: string | object, of: keyof typeof POOLED): Promise<object> {
  const config = configOf(connection);
  return isPool(config) ? config : { max: POOLED[of], Client: await heardClient(), ...config };
}

/** BullMQ makes the connection by which it listens of the package itself, and not of the pool's `Client`. */
export async function heardBackend({ createPostgresBackend }: Bull): Promise<BackendFactory> {
  const Client = await heardClient();
  return ((...given: Parameters<typeof createPostgresBackend>) => {
    const backend = createPostgresBackend(...given);
    const connection = Reflect.get(backend, "connection") as unknown as { pgModule?: object };
    if (connection.pgModule !== undefined) connection.pgModule = { ...connection.pgModule, Client };
    return backend;
  }) as BackendFactory;
}

export class BullPostgres {
  readonly #connection: string | object;
  #asked: Promise<void> | undefined;

  constructor(connection: string | object) {
    this.#connection = connection;
  }

  /** Once it has answered it is not asked again. @throws AsimovError `queue-refused`, `queue-away`, `missing-package` */
  async require(): Promise<void> {
    this.#asked ??= this.#ask().catch((error: unknown) => {
      this.#asked = undefined;
      throw error;
    });
    await this.#asked;
  }

  async #ask(): Promise<void> {
    const bull = await load<Bull>("bullmq");
    const config = configOf(this.#connection);
    await (isPool(config) ? prepareIn(config, bull) : prepareAt(config, bull)).catch((error: unknown) => {
      throw failure(isPool(config) ? "the given pool" : placeOf(config), error);
    });
  }
}

/** Through a pool that is given, which has to look where BullMQ's tables are. */
async function prepareIn(pool: Pool, { runMigrations }: Bull): Promise<void> {
  const client = await pool.connect();
  try {
    await runMigrations(client as never, SCHEMA);
    const { rows } = await client.query(`select '${SCHEMA}' = any(current_schemas(false)) as finds`);
    if (rows[0]?.finds !== true) throw unplaced();
  } finally {
    client.release();
  }
}

async function prepareAt(config: Config, { runMigrations }: Bull): Promise<void> {
  const { schema = SCHEMA, migrate = true, skipVersionCheck = false, ...settings } = config;
  const client = new (await heardClient())({ ...LIMITS, ...settings });
  try {
    await client.connect();
    if (migrate === true) await runMigrations(client as never, schema, { skipVersionCheck: skipVersionCheck === true });
  } finally {
    client.end().catch(() => {});
  }
}

const unplaced = (): AsimovError =>
  new AsimovError(
    `The pool of the queue does not look into the schema "${SCHEMA}", where BullMQ's tables are. Make it with \`options: "-c search_path=${SCHEMA}"\`, or give options in place of a pool.`,
    { code: "queue-refused" },
  );

function placeOf({ connectionString, host = "localhost", port = 5432 }: Config): string {
  if (connectionString === undefined || !URL.canParse(connectionString)) return `${String(host)}:${String(port)}`;
  return new URL(connectionString).host || "localhost";
}

function failure(place: string, error: unknown): AsimovError {
  if (error instanceof AsimovError) return error;
  const { code } = (error ?? {}) as { code?: unknown };
  const refusal = REFUSALS.find(({ says }) => says.test(String(code)) || says.test(messageOf(error)));
  const text = `PostgreSQL at ${place}, where the queue is, refused: ${messageOf(error)}`;
  return refusal === undefined ? queueAway(text) : new AsimovError(`${text}. ${refusal.todo}`, { code: "queue-refused" });
}
