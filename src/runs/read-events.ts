/** Stored events, each verified by its seal, without gaps. */
import type { AgentEvent } from "#contract/run/events";
import type { RunStore } from "#contract/store/run-store";
import { decoded, openEvent, requireUnbroken } from "#contract/store/seal";

const PAGE = 500;

/** A page of them from that number on. `dropped` is how many before the first are kept no more. @throws SnapshotError `snapshot-damaged` */
export async function readEvents(store: RunStore, taskId: string, from: number): Promise<{ dropped: number; events: AgentEvent[] }> {
  const stored = await store.events(taskId, { from, limit: PAGE });
  const first = stored[0]?.seq ?? from;
  requireUnbroken(
    taskId,
    "The events",
    Math.max(first, from),
    stored.map(({ seq }) => seq),
  );
  const events = stored.map(({ seq, at, body }) => {
    const text = openEvent(taskId, { seq, body: decoded(store.settings.codec, body, `Event ${seq}`) });
    return { seq, at, taskId, ...(JSON.parse(text) as object) } as AgentEvent;
  });
  return { dropped: first - from, events };
}
