/** Stored events, each verified by its seal, without gaps. */
import type { AgentEvent } from "#contract/run/events";
import type { StoredRun } from "#contract/store/run-record";
import type { RunStore } from "#contract/store/run-store";
import { decoded, eventsMissing, openEvent, requireUnbroken } from "#contract/store/seal";

const PAGE = 500;

/**
 * A page of them from that number on. `dropped` is how many before the first are kept no more.
 *
 * @param run its row, read before: all that it counts is there
 * @throws SnapshotError `snapshot-damaged`
 */
export async function readEvents(
  store: RunStore,
  { taskId, lastSeq }: Pick<StoredRun, "taskId" | "lastSeq">,
  from: number,
): Promise<{ dropped: number; events: AgentEvent[] }> {
  const stored = await store.events(taskId, { from, limit: PAGE });
  const last = stored.at(-1)?.seq ?? from - 1;
  // Of a run that was removed meanwhile nothing is missing.
  if (stored.length < PAGE && last < lastSeq && (await store.read(taskId)) !== undefined) throw eventsMissing(taskId, lastSeq, last);
  const first = stored[0]?.seq ?? from;
  requireUnbroken(
    taskId,
    "The events",
    Math.max(first, from),
    stored.map(({ seq }) => seq),
  );
  const events = stored.map(({ seq, at, body }) => {
    const text = openEvent(taskId, { seq, at, body: decoded(store.settings.codec, body, `Event ${seq}`) });
    return { seq, at, taskId, ...(JSON.parse(text) as object) } as AgentEvent;
  });
  return { dropped: first - from, events };
}
