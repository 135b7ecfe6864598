/** What a fork is made of: a generation of a run, and the messages that the run had not taken by then, none of them missing or twice. */
import type { StoredMessage } from "#contract/store/run-commit";
import type { RunStore } from "#contract/store/run-store";
import { messagesMissing } from "#contract/store/seal";
import { requireRun } from "#runs/read-run";
import { type ReadRun, readRun } from "./claim-run.ts";

export interface ForkSource extends ReadRun {
  messages: readonly StoredMessage[];
}

/** With the newest generation come all messages that are still to be taken; with an older one those of them that were there when it was made. */
export async function readForkSource(store: RunStore, taskId: string, wanted: Parameters<typeof readRun>[2]): Promise<ForkSource> {
  const { generation } = wanted;
  for (;;) {
    const row = await requireRun(store, taskId);
    const { count } = row.inbox;
    const messages = count === 0 ? [] : await store.inbox(taskId, 0);
    const read = await readRun(store, row, wanted);
    if (generation !== undefined && generation !== row.generation) {
      return { ...read, messages: await thereAt(store, taskId, generation, messages) };
    }
    // What was taken meanwhile may be in neither, or in both.
    if (count > 0 && (await requireRun(store, taskId)).generation !== row.generation) continue;
    if (messages.length < count) throw messagesMissing(taskId, count, messages.length);
    return { ...read, messages };
  }
}

async function thereAt(store: RunStore, taskId: string, generation: number, messages: readonly StoredMessage[]): Promise<StoredMessage[]> {
  const [made] = messages.length === 0 ? [] : await store.generations(taskId, { before: generation + 1, limit: 1 });
  return messages.filter(({ at }) => made?.generation === generation && at <= made.at);
}
