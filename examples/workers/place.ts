/** Where the runs live, and what wakes the workers, as the environment says: Redis with BullMQ, or PostgreSQL alone. */
import { randomUUID } from "node:crypto";
import type { RunStore } from "asimov-agents";
import { PostgresStore } from "asimov-agents/postgres";
import { RedisStore } from "asimov-agents/redis";
import { bullQueue, localQueue, type WorkQueue } from "asimov-agents/worker";

export interface Place {
  store: RunStore;
  queue: WorkQueue;
  close(): Promise<void>;
}

export function placeOf({ REDIS_URL, DATABASE_URL, PLACE = "reports" }: NodeJS.ProcessEnv): Place {
  if (REDIS_URL !== undefined) {
    const store = new RedisStore({ url: REDIS_URL, prefix: `${PLACE}:` });
    const queue = bullQueue({ connection: REDIS_URL, prefix: `${PLACE}-bull` });
    return { store, queue, close: async () => void (await Promise.all([queue.close(), store.close()])) };
  }
  if (DATABASE_URL === undefined) throw new Error("Set REDIS_URL or DATABASE_URL.");
  const store = new PostgresStore({ connectionString: DATABASE_URL, schema: PLACE.replaceAll("-", "_") });
  return { store, queue: localQueue(), close: () => store.close() };
}

/** A place of its own for each time that a story is told. */
export const newPlace = (): string => `reports-${randomUUID()}`;
