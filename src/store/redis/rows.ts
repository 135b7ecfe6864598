/** Rows of runs as they are found by lists. */
import { SnapshotError } from "#contract/base/errors";
import type { StoredRun } from "#contract/store/run-record";
import type { Connection } from "./connection.ts";
import type { Keys } from "./keys.ts";
import { runOf } from "./row.ts";

/** @throws SnapshotError `snapshot-damaged` */
export async function readRun(connection: Connection, keys: Keys, taskId: string): Promise<StoredRun | undefined> {
  const reply = await connection.call("hmget", keys.ofRun(taskId).run, "row", "info", "rev");
  const [row, info, rev] = reply as (Buffer | null)[] as [Buffer | null, Buffer | null, Buffer | null];
  return row === null && info === null && rev === null ? undefined : runOf(taskId, row, info);
}

/** One of many: what cannot be read of it is told to whoever asks for that run. */
export async function listedRun(connection: Connection, keys: Keys, taskId: string): Promise<StoredRun | "damaged" | undefined> {
  try {
    return await readRun(connection, keys, taskId);
  } catch (error) {
    if (error instanceof SnapshotError) return "damaged";
    throw error;
  }
}
