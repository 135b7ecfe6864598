/** Fires schedules that are due: their tasks are submitted before the schedule moves on, under ids that whoever repeats it makes again. */
import { systemServices } from "#contract/base/services";
import type { StoredRun } from "#contract/store/run-record";
import type { RunStore } from "#contract/store/run-store";
import { type CronTimes, cronTimes } from "#runs/cron";
import { claimSchedule, idOf, readSchedule, SCHEDULES, type StoredSchedule, taskAt, writeSchedule } from "#runs/schedules";
import { submitTask } from "#runs/submit";

interface Firing {
  leaseMs: number;
  refused(error: Error, taskId: string): void;
}

/** A time that is over for longer was missed. */
const MISSED_MS = 60_000;
/** Times of one schedule that are fired at once; the rest follows. */
const MOST = 500;
/** Milliseconds after which a time that waits for the run before is looked at again, though nobody said that it has ended. */
const AGAIN_MS = 60_000;

/** @param ended schedules of which a run has ended here: another may wait for that */
export async function fireSchedules(
  store: RunStore,
  { due, ended }: { due: readonly StoredRun[]; ended: readonly string[] },
  firing: Firing,
): Promise<void> {
  const freed = await Promise.all(ended.map((name) => store.read(idOf(name))));
  for (const run of [...due, ...freed.filter((run) => run !== undefined)]) {
    try {
      await fire(store, run, firing);
    } catch (error) {
      firing.refused(error as Error, run.taskId);
    }
  }
}

async function fire(store: RunStore, found: StoredRun, firing: Firing): Promise<void> {
  const claimed = await claimSchedule(store, found, { ids: systemServices.ids, leaseMs: firing.leaseMs });
  if (claimed === undefined) return;
  try {
    const schedule = await readSchedule(store, claimed.run);
    const times = await cronTimes(schedule);
    const now = await store.now();
    const { moments, seen } = dueOf(schedule, times, now);
    const next = { ...schedule, seen, waiting: [...schedule.waiting, ...moments] };
    await submitAll(store, next, now);
    const soonest = times.after(seen);
    const again = next.waiting.length > 0 ? now + AGAIN_MS : null;
    const dueAt = again === null ? soonest : Math.min(again, soonest ?? again);
    await writeSchedule(store, claimed, next, dueAt);
  } catch (error) {
    await store.renew(claimed.lease, 0).catch(() => {});
    throw error;
  }
}

/** The times that are to be fired, and until when that was looked at. */
function dueOf({ seen: last, missed }: StoredSchedule, times: CronTimes, now: number): { moments: number[]; seen: number } {
  const moments: number[] = [];
  const start = missed === "all" ? last : Math.max(last, now - MISSED_MS - 1);
  for (let next = times.after(start); next !== null && next <= now; next = times.after(next)) {
    moments.push(next);
    if (moments.length === MOST) return { moments, seen: next };
  }
  if (missed === "last" && moments.length === 0) {
    const latest = times.lastIn(last, now);
    if (latest !== null) moments.push(latest);
  }
  return { moments, seen: Math.max(last, now) };
}

async function submitAll(store: RunStore, schedule: StoredSchedule, now: number): Promise<void> {
  const { name, agent, overlap, missed, waiting } = schedule;
  for (let moment = waiting[0]; moment !== undefined; moment = waiting[0]) {
    const task = taskAt(schedule, moment);
    // Whoever was here before may have submitted it, and not come to say so.
    const isThere = (await store.read(task.id)) !== undefined;
    const isHeldUp = !isThere && (await isRunning(store, schedule.latest));
    if (isHeldUp && (overlap === "queue" || (missed === "all" && moment < now - MISSED_MS))) return;
    if (!isHeldUp) {
      if (!isThere) await submitTask(store, task.toJSON(), { agent }, { labels: { [SCHEDULES]: name } });
      schedule.latest = task.id;
    }
    waiting.shift();
  }
}

async function isRunning(store: RunStore, taskId: string | null): Promise<boolean> {
  return taskId !== null && (await store.read(taskId))?.status === "open";
}
