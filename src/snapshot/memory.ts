/** Keeps snapshots in this process, sharing the texts of parts that did not change between generations. */
import * as z from "zod/mini";
import { brand } from "#contract/base/brand";
import { SnapshotError } from "#contract/base/errors";
import { lazily } from "#contract/base/lazily";
import { parseOptions } from "#contract/base/options";
import { SNAPSHOT_FORMAT, type Snapshot, type SnapshotRef, type SnapshotStore } from "#contract/store/snapshot";
import { locationOf, requireSame } from "./location.ts";

export interface MemorySnapshotStoreOptions {
  /** How many of the newest generations are kept for each task, at least 1. Default: all. */
  keep?: number;
}

const schema = lazily(() => z.strictObject({ keep: z.optional(z.int().check(z.gte(1))) }));

interface History {
  next: number;
  snapshots: Snapshot[];
}

const copy = (snapshot: Snapshot): Snapshot => ({ ...snapshot, nodes: [...snapshot.nodes], parts: new Map(snapshot.parts) });

/**
 * A snapshot store that ends with its process: for tests, browsers, and runs that only want to go back.
 * A location is `memory/snapshot/GENERATION/TASK_ID`, or `memory/task/TASK_ID` for the newest one.
 *
 * @example
 * const store = new MemorySnapshotStore({ keep: 10 });
 * const agent = new Agent({ nodes, snapshotStore: store });
 */
export class MemorySnapshotStore implements SnapshotStore {
  readonly #histories = new Map<string, History>();
  readonly #keep: number;

  constructor(options: MemorySnapshotStoreOptions = {}) {
    this.#keep = parseOptions(schema(), options, "MemorySnapshotStore").keep ?? Number.POSITIVE_INFINITY;
  }

  async save(snapshot: Omit<Snapshot, "generation" | "format">): Promise<SnapshotRef> {
    const { taskId } = snapshot;
    const history = this.#histories.get(taskId) ?? { next: 0, snapshots: [] };
    this.#histories.set(taskId, history);
    const stored = copy({ ...snapshot, format: SNAPSHOT_FORMAT, generation: history.next++ });
    history.snapshots.push(stored);
    if (history.snapshots.length > this.#keep) history.snapshots.shift();
    return refTo(stored);
  }

  async load(ref: SnapshotRef | string): Promise<Snapshot> {
    const location = locationOf(ref);
    const [, generation, snapshotOf, taskOf] = /^memory\/(?:snapshot\/(\d+)\/(.*)|task\/(.*))$/s.exec(location) ?? [];
    const snapshots = this.#histories.get(snapshotOf ?? taskOf ?? "")?.snapshots ?? [];
    const found = generation === undefined ? snapshots.at(-1) : snapshots.find((each) => each.generation === Number(generation));
    if (found === undefined || (snapshotOf ?? taskOf) === undefined) {
      throw new SnapshotError(
        `This store holds no snapshot at "${location}"; it keeps what was saved in this process. \`list(taskId)\` tells what is there.`,
        {
          code: "snapshot-not-found",
        },
      );
    }
    requireSame(ref, found);
    return copy(found);
  }

  async list(taskId: string): Promise<SnapshotRef[]> {
    return (this.#histories.get(taskId)?.snapshots ?? []).map(refTo);
  }
}

brand(MemorySnapshotStore, "MemorySnapshotStore");

function refTo({ taskId, generation }: Snapshot): SnapshotRef {
  return { taskId, generation, location: `memory/snapshot/${generation}/${taskId}` };
}
