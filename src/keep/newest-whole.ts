/** Generations that are as they were stored: of the newest ones, what is damaged is passed over by name. */
import { asimovErrorOf, SnapshotError } from "#contract/base/errors";
import type { StoredGeneration } from "#contract/store/run-commit";
import type { StoredRun } from "#contract/store/run-record";
import type { RunStore } from "#contract/store/run-store";
import { requireFalling } from "#contract/store/seal";

/** Generations that are looked at together when those before are damaged. */
const LOOK_AT = 20;

/**
 * @param run its row, read before
 * @param read throws `snapshot-damaged` for one that is not whole
 * @throws SnapshotError `snapshot-not-found`, `snapshot-damaged`
 */
export async function readNewestWhole<T>(
  store: RunStore,
  { taskId, generation: newest }: Pick<StoredRun, "taskId" | "generation">,
  read: (stored: StoredGeneration) => Promise<T>,
): Promise<{ found: T; passedOver: readonly string[] }> {
  const first = await store.load(taskId);
  if (first === undefined) throw new SnapshotError(`Run ${taskId} holds no generation.`, { code: "snapshot-not-found" });
  const passedOver = [...first.passedOver];
  if (first.generation < newest && passedOver.length === 0) {
    passedOver.push(
      `Generation ${newest} of run "${taskId}" is the newest, and the store gives generation ${first.generation} in its place.`,
    );
  }
  let fault: unknown;
  for await (const stored of from(store, taskId, first)) {
    try {
      return { found: await read(stored), passedOver };
    } catch (error) {
      if (!isDamage(error)) throw error;
      fault ??= error;
      passedOver.push(error.message);
    }
  }
  throw fault;
}

/** @throws SnapshotError `snapshot-not-found`, `snapshot-damaged` */
export async function loadGeneration(
  store: RunStore,
  { taskId, generation: newest }: Pick<StoredRun, "taskId" | "generation">,
  generation: number,
): Promise<StoredGeneration> {
  const stored = await store.load(taskId, generation);
  if (stored === undefined) {
    throw new SnapshotError(
      `Run ${taskId} holds no generation ${generation}; its newest is ${newest}, and its store keeps the newest ${store.settings.keep}. See \`history\`.`,
      { code: "snapshot-not-found" },
    );
  }
  if (stored.generation === generation) return stored;
  throw new SnapshotError(`Run ${taskId}: expected generation ${generation}, and its store gives ${stored.generation} in its place.`, {
    code: "snapshot-damaged",
  });
}

/** A generation and those before it, newest first; what the store itself sees as damaged is left out. */
async function* from(store: RunStore, taskId: string, first: StoredGeneration): AsyncIterable<StoredGeneration> {
  yield first;
  for (let before = first.generation; ; ) {
    const older = await store.generations(taskId, { before, limit: LOOK_AT });
    for (const { generation } of older) {
      requireFalling(taskId, generation, before);
      before = generation;
      const stored = await store.load(taskId, generation).catch((error: unknown) => {
        if (!isDamage(error)) throw error;
      });
      if (stored?.generation === generation) yield stored;
    }
    if (older.length === 0) return;
  }
}

const isDamage = (error: unknown): error is SnapshotError => asimovErrorOf(error)?.code === "snapshot-damaged";
