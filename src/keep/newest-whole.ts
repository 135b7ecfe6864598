/** The newest generation of a run that is whole; those after it are passed over by name. */
import { asimovErrorOf, type SnapshotError } from "#contract/base/errors";
import type { StoredGeneration } from "#contract/store/run-commit";
import type { RunStore } from "#contract/store/run-store";

/** Generations that are looked at together when those before are damaged. */
const LOOK_AT = 20;

const isDamage = (error: unknown): error is SnapshotError => asimovErrorOf(error)?.code === "snapshot-damaged";

export interface Whole<T> {
  value: T;
  generation: number;
  /** A sentence for each newer one that is damaged. */
  passedOver: readonly string[];
}

/**
 * What `read` makes of it; undefined where there is no run, or it holds no generation.
 * @param read throws `snapshot-damaged` where it is not as it was stored
 * @throws SnapshotError `snapshot-damaged` where none is whole
 */
export async function newestWhole<T>(
  store: RunStore,
  taskId: string,
  read: (stored: StoredGeneration) => T,
): Promise<Whole<T> | undefined> {
  const first = await store.load(taskId);
  if (first === undefined) return undefined;
  const passedOver = [...first.passedOver];
  let fault: unknown;
  for await (const stored of from(store, taskId, first)) {
    try {
      return { value: read(stored), generation: stored.generation, passedOver };
    } catch (error) {
      if (!isDamage(error)) throw error;
      fault ??= error;
      passedOver.push(error.message);
    }
  }
  throw fault;
}

/** A generation and those before it, newest first; what the store itself sees as damaged is left out. */
async function* from(store: RunStore, taskId: string, first: StoredGeneration): AsyncIterable<StoredGeneration> {
  yield first;
  for (let before = first.generation; ; ) {
    const older = await store.generations(taskId, { before, limit: LOOK_AT });
    for (const { generation } of older) {
      const stored = await store.load(taskId, generation).catch((error: unknown) => {
        if (!isDamage(error)) throw error;
      });
      if (stored !== undefined) yield stored;
      before = generation;
    }
    if (older.length === 0) return;
  }
}
