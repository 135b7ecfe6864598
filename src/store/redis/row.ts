/** A run's row as JSON and back, and the lists that it stands in. */
import { rowDamaged } from "#contract/store/run-errors";
import type { StoredRun } from "#contract/store/run-record";
import { lists } from "./keys.ts";
import { untagged } from "./sealed.ts";

/** Without the info, which lies beside it. */
export const rowText = (run: StoredRun): string => JSON.stringify({ ...run, info: "" });

/** @throws SnapshotError `snapshot-damaged`, also where one of the two is not there */
export function runOf(taskId: string, row: Buffer | null, info: Buffer | null): StoredRun {
  if (row === null || info === null) throw rowDamaged(taskId, `its field ${row === null ? "row" : "info"} is not there`);
  try {
    const read = JSON.parse(row.toString("utf8")) as StoredRun;
    if (read.taskId !== taskId) throw new Error(`it is that of run "${read.taskId}"`);
    return { ...read, info: untagged(info, { taskId, what: "The info" }) };
  } catch (error) {
    throw rowDamaged(taskId, "it cannot be read", error);
  }
}

/** By the name of the list, with what it is ordered by there. */
export function placesOf(run: StoredRun): Map<string, number> {
  const { createdAt, status, dueAt, lease, endedAt, untold, agent, labels } = run;
  const places = new Map([
    [lists.all, createdAt],
    [lists.ofStatus(status), createdAt],
  ]);
  if (status === "open" && dueAt !== null) places.set(lists.due, dueAt).set(lists.dueOf(agent), dueAt);
  if (lease !== null) places.set(lists.leases, lease.until);
  if (endedAt !== null) places.set(lists.ended, endedAt);
  if (untold) places.set(lists.untold, createdAt);
  for (const [key, value] of Object.entries(labels)) places.set(lists.labelled(key, value), createdAt);
  return places;
}
