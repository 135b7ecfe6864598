/** The snapshot port: a run's persisted state as named parts of JSON text, so that a store may write only what changed. */

/** The version of everything in a snapshot; it changes when an older reader would misread. */
export const SNAPSHOT_FORMAT = 1;

/**
 * One snapshot. Part names, each `kind` or `kind/name`:
 * `agent` (progress, failed nodes, the order of past plans), `graph`, `levels` (the plan), `plan/ID` for each distinct past plan, `task`,
 * `node/NAME` for each node that was visited, `view`, `view-graph`, `view-plan` and `view/NAME` (the run's picture), and of the run's own values `value/KEY`
 * for each and `mailbox/POSITION/NAME` for each message, where keys and mailboxes are named as in a cache (`prefix:key:suffix`). Other names stand as they
 * are, unescaped.
 */
export interface Snapshot {
  format: typeof SNAPSHOT_FORMAT;
  taskId: string;
  /** Counts up from 0 for each task, over restarts too. */
  generation: number;
  /** The nodes that run next; for people, and for the names of files. */
  nodes: readonly string[];
  /** Free text given by whoever asked for the snapshot. */
  hint?: string;
  /** Milliseconds since 1970. */
  createdAt: number;
  /** JSON texts by part name. A part that did not change since the generation before is the same string. */
  parts: ReadonlyMap<string, string>;
}

/** Where a snapshot is: plain data, to keep and to hand to `runFromSnapshot`. */
export interface SnapshotRef {
  taskId: string;
  generation: number;
  /** What the store needs to find it: for the file store its directory. */
  location: string;
}

/** Keeps snapshots; drivers in `snapshot/` pass one contract suite. */
export interface SnapshotStore {
  /**
   * Stores a snapshot, whole or not at all, under the next generation of its task.
   * @throws SnapshotError `snapshot-write-failed`; what was stored before stays readable
   */
  save(snapshot: Omit<Snapshot, "generation" | "format">): Promise<SnapshotRef>;
  /**
   * Reads a snapshot and checks it. A string is a location, of a snapshot or of a task (then its newest whole snapshot).
   * @throws SnapshotError `snapshot-not-found`, `snapshot-damaged` or `snapshot-format`, saying what differs
   */
  load(ref: SnapshotRef | string): Promise<Snapshot>;
  /** The whole snapshots of a task, oldest first. */
  list(taskId: string): Promise<SnapshotRef[]>;
}
