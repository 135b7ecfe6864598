/** BullMQ's connections to PostgreSQL, which end no process when the server dies. */
import type { BackendFactory } from "bullmq";
import { load } from "./bull-load.ts";

/** Of each agent's queue, and of its worker, which listens by one more. BullMQ's own number is that of `pg`, ten. */
const POOLED = { queue: 2, worker: 3 };

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
  const config = typeof connection === "string" ? { connectionString: connection } : connection;
  if ("query" in config) return config;
  return { migrate: true, max: POOLED[of], Client: await heardClient(), ...config };
}

/** BullMQ makes the connection by which it listens of the package itself, and not of the pool's `Client`. */
export async function heardBackend({ createPostgresBackend }: typeof import("bullmq")): Promise<BackendFactory> {
  const Client = await heardClient();
  return ((...given: Parameters<typeof createPostgresBackend>) => {
    const backend = createPostgresBackend(...given);
    const connection = Reflect.get(backend, "connection") as unknown as { pgModule?: object };
    if (connection.pgModule !== undefined) connection.pgModule = { ...connection.pgModule, Client };
    return backend;
  }) as BackendFactory;
}
