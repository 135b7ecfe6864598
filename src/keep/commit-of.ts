/** What has changed of a run, as a commit that bears its seals. */
import type { Commit, StoredEvent } from "#contract/store/run-commit";
import type { RunStore } from "#contract/store/run-store";
import { encoded, type PartsSum, sealEvent, sealGeneration } from "#contract/store/seal";
import type { GenerationNote, KeptRun } from "./kept.ts";
import type { PartChanges } from "./part-changes.ts";
import { noteText } from "./state-format.ts";

export const eventsOf = (run: KeptRun, { settings }: RunStore): StoredEvent[] =>
  run.takeEvents().map(({ seq, at, body }) => ({ seq, at, body: encoded(settings.codec, sealEvent(run.taskId, { seq, at }, body)) }));

/** @param given.sum brought up to date by the changes */
export function commitOf(
  { taskId }: KeptRun,
  { settings }: RunStore,
  given: Pick<Commit, "generation" | "events" | "consumed"> & { questions: Commit["questions"] } & {
    sum: PartsSum;
    changes: PartChanges;
    note: GenerationNote;
  },
): Commit {
  const { generation, sum, changes, note, events, consumed, questions } = given;
  const put = new Map([...changes.put].map(([name, text]) => [name, encoded(settings.codec, text)] as const));
  for (const [name, content] of put) sum.put(name, content);
  for (const name of changes.removed) sum.remove(name);
  const info = sealGeneration(taskId, generation, sum, noteText(note));
  return {
    generation,
    info,
    nodes: note.nodes,
    put,
    remove: [...changes.removed],
    events,
    consumed,
    ...(questions === undefined ? {} : { questions }),
  };
}
