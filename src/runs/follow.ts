/** What a stored run tells and shows while it goes on, wherever that is. */
import type { Clock } from "#contract/base/services";
import type { AgentEvent } from "#contract/run/events";
import { eventsDropped } from "#contract/run/events-dropped";
import type { RunView } from "#contract/run/run-view";
import type { StoredRun } from "#contract/store/run-record";
import type { RunStore } from "#contract/store/run-store";
import { standingOf, whenGone } from "#keep/owner";
import { type Changes, changesOf } from "./changes.ts";
import { readEvents } from "./read-events.ts";
import { type JudgedRun, readJudged, requireRun } from "./read-run.ts";

/** Milliseconds between two views at least. */
const VIEW_EVERY_MS = 100;
/** The longest that a timer may take. */
const LONGEST_MS = 2 ** 31 - 1;

export interface Follow {
  store: RunStore;
  clock: Clock;
  taskId: string;
  signal: AbortSignal | undefined;
}

/** Ends with the run, after its last event. */
export async function* followEvents({ store, clock, taskId, signal }: Follow, from: number): AsyncGenerator<AgentEvent, undefined> {
  await requireRun(store, taskId);
  const changes = changesOf(store, taskId, clock, signal);
  try {
    let next = from;
    while (!changes.isOver) {
      changes.look();
      const run = await store.read(taskId);
      if (run === undefined) return;
      const { dropped, events } = await readEvents(store, run, next);
      const [first] = events;
      if (first !== undefined && dropped > 0) yield eventsDropped(taskId, { seq: first.seq - 1, at: first.at }, dropped);
      for (const event of events) {
        if (changes.isOver) return;
        yield event;
        next = event.seq + 1;
      }
      if (run.status !== "open" && run.lastSeq < next) return;
      if (first === undefined) await changes.next();
    }
  } finally {
    changes.end();
  }
}

/** Ends with the run, after its last view. */
export async function* followView({ store, clock, taskId, signal }: Follow): AsyncGenerator<RunView, undefined> {
  await requireRun(store, taskId);
  let judged: JudgedRun | undefined;
  const changes = changesOf(store, taskId, clock, signal);
  const read = async (): Promise<RunView | undefined> => {
    judged = await readJudged(store, taskId);
    return judged?.view;
  };
  yield* viewsOf(changes, read, async () => nextChange(changes, judged as JudgedRun, await store.now()));
}

/**
 * Settles when the run is another one than it was: written to, let go by its owner's death, or due, also while nobody waited.
 * @param seen the row, and a moment before it was read, or at which it was judged @param now both by its store's clock
 */
export async function nextChange(changes: Changes, { run, at }: { run: StoredRun; at: number }, now: number): Promise<void> {
  const leave = whenGone(run, () => changes.hint());
  const moment = nextMoment(standingOf(run), at);
  await changes.next(moment === undefined ? undefined : Math.min(LONGEST_MS, Math.max(0, moment - now + 1)));
  leave();
}

/** The view whenever it is another one, until the run has ended or is gone. */
export async function* viewsOf(
  changes: Changes,
  read: () => Promise<RunView | undefined> | RunView,
  next: () => Promise<void>,
): AsyncGenerator<RunView, undefined> {
  try {
    let told = "";
    while (!changes.isOver) {
      changes.look();
      const view = await read();
      if (view === undefined) return;
      const text = JSON.stringify(view);
      if (text !== told) {
        told = text;
        yield view;
        if (view.endedAt !== undefined) return;
        await changes.pause(VIEW_EVERY_MS);
      }
      await next();
    }
  } finally {
    changes.end();
  }
}

/** When its status is another one than it was, though nobody does anything: its lease runs out, or it is due. */
function nextMoment({ lease, dueAt, status }: StoredRun, at: number): number | undefined {
  const moments = [lease?.until, dueAt].filter((moment) => moment !== undefined && moment !== null && moment > at) as number[];
  return status !== "open" || moments.length === 0 ? undefined : Math.min(...moments);
}
