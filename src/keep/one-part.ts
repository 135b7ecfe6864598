/** A generation that is one part, and no agent's state: what the library itself keeps as the row of a run. */
import type { Commit } from "#contract/store/run-commit";
import type { StoredRun } from "#contract/store/run-record";
import type { RunStore } from "#contract/store/run-store";
import { encoded, PartsSum, sealGeneration } from "#contract/store/seal";
import { loadGeneration } from "./newest-whole.ts";
import { openTexts } from "./open-texts.ts";
import { PartTexts, type Shape } from "./part-texts.ts";
import { noteText } from "./state-format.ts";

export function commitOfPart(
  store: RunStore,
  taskId: string,
  { generation, name, value }: { generation: number; name: string; value: object },
): Commit {
  const content = encoded(store.settings.codec, JSON.stringify(value));
  const sum = new PartsSum(taskId, [[name, content]]);
  const info = sealGeneration(taskId, generation, sum, noteText({ why: generation === 1 ? "started" : "progress", nodes: [] }));
  return { generation, info, put: new Map([[name, content]]), remove: [], events: [], consumed: [] };
}

/** @throws SnapshotError `snapshot-damaged` */
export async function readPart<T>(store: RunStore, run: StoredRun, name: string, shape: Shape): Promise<T> {
  const { texts } = await openTexts(store, run.taskId, await loadGeneration(store, run, run.generation));
  return new PartTexts(texts).read<T>(name, shape);
}
