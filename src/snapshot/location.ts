/** What a caller hands to `load`: a reference or a location, checked before a store looks anything up. */
import { SnapshotError } from "#contract/base/errors";
import type { Snapshot, SnapshotRef } from "#contract/store/snapshot";

/** @throws SnapshotError `snapshot-not-found` when it is neither a string nor a reference */
export function locationOf(ref: SnapshotRef | string): string {
  const location: unknown = typeof ref === "string" ? ref : ref?.location;
  if (typeof location === "string" && location !== "") return location;
  throw new SnapshotError(
    `A snapshot is loaded by its location (a string that is not empty) or by the reference that \`save\` gave; got ${typeof ref}.`,
    {
      code: "snapshot-not-found",
    },
  );
}

/** A reference names its task and generation: another snapshot at its location is not what was asked for. */
export function requireSame(ref: SnapshotRef | string, found: Snapshot): void {
  if (typeof ref === "string" || (ref.taskId === found.taskId && ref.generation === found.generation)) return;
  throw new SnapshotError(
    `Expected generation ${ref.generation} of task "${ref.taskId}" at "${ref.location}"; found generation ${found.generation} of task "${found.taskId}".`,
    { code: "snapshot-not-found" },
  );
}
