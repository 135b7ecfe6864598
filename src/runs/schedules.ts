/** Schedules: each is a small stored run of the library's own, due at its next time, so that whichever worker claims it fires it, once. */
import * as z from "zod/mini";
import { AsimovError } from "#contract/base/errors";
import { copyJson } from "#contract/base/json";
import { lazily } from "#contract/base/lazily";
import { requireName } from "#contract/base/names";
import { nonEmpty, parseOptions } from "#contract/base/options";
import type { Clock } from "#contract/base/services";
import { Task } from "#contract/base/task";
import type { Lease, StoredRun } from "#contract/store/run-record";
import type { RunStore } from "#contract/store/run-store";
import { encoded, sealInfo } from "#contract/store/seal";
import { commitOfPart, readPart } from "#keep/one-part";
import { newOwner, overGone } from "#keep/owner";
import { schemaShape } from "#keep/part-texts";
import { cronTimes } from "./cron.ts";

export interface ScheduleOptions {
  /** The name of the agent that runs the tasks. */
  agent: string;
  /** Five fields, minute first, or six, second first, such as `"0 9 * * *"`. */
  cron: string;
  /** Default `"UTC"`. */
  timeZone?: string;
  /** Of each task; its id is made of the schedule's name and the time. */
  task: { type: string; objective: string; params?: Record<string, unknown>; labels?: Record<string, string> };
  /** What becomes of a time at which the run before has not ended: none of it, or a run when that one has. Default `"skip"`. */
  overlap?: "skip" | "queue";
  /** What becomes of times that are over for more than a minute when a worker comes: a run for the last of them, for none or for all. Default `"last"`. */
  missed?: "last" | "skip" | "all";
}

/** A schedule as it is stored. */
export interface StoredSchedule extends Required<ScheduleOptions> {
  name: string;
  /** All times until this one were looked at. */
  seen: number;
  /** Times that wait for the run before to end. */
  waiting: number[];
  /** The task of the newest run. */
  latest: string | null;
}

/** The name by which schedules are known among agents; as a label of a run, it tells whose it is. */
export const SCHEDULES = "asimov.schedule";
const PART = "schedule";

const optionsSchema = lazily(() =>
  z.strictObject({
    agent: nonEmpty,
    cron: nonEmpty,
    timeZone: z.optional(nonEmpty),
    task: z.unknown(),
    overlap: z.optional(z.enum(["skip", "queue"])),
    missed: z.optional(z.enum(["last", "skip", "all"])),
  }),
);

const shape = schemaShape(() =>
  z.looseObject({
    name: z.string(),
    agent: z.string(),
    cron: z.string(),
    timeZone: z.string(),
    task: z.looseObject({ type: z.string(), objective: z.string() }),
    seen: z.number(),
    waiting: z.array(z.number()),
    latest: z.nullable(z.string()),
  }),
);

export const idOf = (name: string): string => `${SCHEDULES}/${name}`;

/** The task of one time: two that make it make one run. */
export function taskAt({ name, task }: Pick<StoredSchedule, "name" | "task">, moment: number): Task<unknown> {
  return new Task({ ...task, id: `${name}@${new Date(moment).toISOString()}` } as ConstructorParameters<typeof Task>[0]);
}

export const readSchedule = (store: RunStore, run: StoredRun): Promise<StoredSchedule> => readPart<StoredSchedule>(store, run, PART, shape);

/** Gives the lease back; false where it was lost. */
export async function writeSchedule(
  store: RunStore,
  { lease, run }: Claimed,
  schedule: StoredSchedule,
  dueAt: number | null,
): Promise<boolean> {
  const commit = commitOfPart(store, run.taskId, { generation: run.generation + 1, name: PART, value: schedule });
  const result = await store.commit(lease, { ...commit, whole: true, run: { dueAt }, release: { seen: run.inbox.last } });
  return result.ok;
}

export interface Claimed {
  lease: Lease;
  run: StoredRun;
}

/** Undefined where somebody else owns it, or it is gone. */
export async function claimSchedule(
  store: RunStore,
  run: StoredRun,
  { ids, leaseMs }: { ids: () => string; leaseMs: number },
): Promise<Claimed | undefined> {
  const claimed = await store.claim(run.taskId, newOwner(ids(), leaseMs), overGone(run));
  return claimed.ok ? claimed : undefined;
}

function takeSchedule(name: string, given: ScheduleOptions): Omit<StoredSchedule, "seen" | "waiting" | "latest"> {
  requireName(name, "schedule");
  const {
    agent,
    cron,
    timeZone = "UTC",
    overlap = "skip",
    missed = "last",
  } = parseOptions(optionsSchema(), given, "schedule") as ScheduleOptions;
  requireName(agent, "agent");
  const task = copyJson(given.task, "schedule: task") as unknown as ScheduleOptions["task"];
  taskAt({ name, task }, 0);
  return { name, agent, cron, timeZone, task, overlap, missed };
}

const never = (cron: string): AsimovError =>
  new AsimovError(`schedule: the cron line ${JSON.stringify(cron)} names a time that never comes.`, { code: "schedule-invalid" });

/** How often, and after how many milliseconds, a schedule is asked for that a worker is firing. */
const TRIES = 50;
const AGAIN_MS = 20;
const LEASE_MS = 10_000;

/** @throws AsimovError `schedule-invalid`, `schedule-busy`, `invalid-options` */
export async function storeSchedule(
  store: RunStore,
  { clock, ids }: { clock: Clock; ids: () => string },
  name: string,
  options: ScheduleOptions,
): Promise<void> {
  const asked = takeSchedule(name, options);
  const times = await cronTimes(asked);
  const now = await store.now();
  if (times.after(now) === null) throw never(asked.cron);
  const fresh: StoredSchedule = { ...asked, seen: now, waiting: [], latest: null };
  const taskId = idOf(name);
  for (let left = TRIES; left > 0; left--) {
    const next = times.after(now);
    const info = encoded(store.settings.codec, sealInfo(taskId, JSON.stringify({ objective: asked.cron, params: {} })));
    const first = commitOfPart(store, taskId, { generation: 1, name: PART, value: fresh });
    const row = { taskId, agent: SCHEDULES, version: "", type: "schedule", labels: {}, graphHash: SCHEDULES, info, dueAt: next, first };
    const created = await store.create(row);
    if (created.ok) return;
    const claimed = await claimSchedule(store, created.run, { ids, leaseMs: LEASE_MS });
    if (claimed !== undefined) {
      const before = await readSchedule(store, claimed.run);
      const isSame = before.cron === fresh.cron && before.timeZone === fresh.timeZone;
      // One that fires as before has missed what it has missed.
      const { seen, waiting, latest } = before;
      const schedule = { ...fresh, waiting, latest, ...(isSame ? { seen } : {}) };
      const dueAt = isSame ? (waiting.length > 0 ? now : times.after(seen)) : next;
      if (await writeSchedule(store, claimed, schedule, dueAt)) return;
    }
    await new Promise<void>((resolve) => clock.setTimeout(resolve, AGAIN_MS));
  }
  throw new AsimovError(`Schedule "${name}" could not be changed: somebody else holds it. Try again.`, {
    code: "schedule-busy",
    retryable: true,
  });
}

/** @throws AsimovError `schedule-not-found` */
export async function removeSchedule(store: RunStore, name: string): Promise<void> {
  requireName(name, "schedule");
  if (await store.remove(idOf(name))) return;
  throw new AsimovError(`This store holds no schedule "${name}".`, { code: "schedule-not-found" });
}
