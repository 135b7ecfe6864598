/** A run's row that can be believed: no seal is on it, since stores move it by themselves, but each thing in it is of its kind and fits the others. */
import * as z from "zod/mini";
import { messageOf } from "#contract/base/errors";
import { lazily } from "#contract/base/lazily";
import { parseOptions } from "#contract/base/options";
import { rowDamaged } from "#contract/store/run-errors";
import type { StoredRun } from "#contract/store/run-record";

const count = () => z.int().check(z.gte(0));
const moment = () => z.nullable(z.number());

const schema = lazily(() =>
  z.looseObject({
    taskId: z.string(),
    agent: z.string(),
    version: z.string(),
    type: z.string(),
    labels: z.record(z.string(), z.string()),
    graphHash: z.string(),
    status: z.enum(["open", "COMPLETE", "FAILED", "PARTIAL", "CANCELLED"]),
    createdAt: z.number(),
    updatedAt: z.number(),
    endedAt: moment(),
    ends: count(),
    untold: z.boolean(),
    dueAt: moment(),
    generation: z.int().check(z.gte(1)),
    lastSeq: count(),
    token: count(),
    lease: z.nullable(z.looseObject({ token: count(), until: z.number(), owner: z.looseObject({ id: z.string(), leaseMs: z.number() }) })),
    cancel: z.nullable(z.looseObject({ reason: z.string() })),
    inbox: z.looseObject({ count: count(), last: count() }),
  }),
);

/** @throws SnapshotError `snapshot-damaged` */
export function requireSound(taskId: string, run: StoredRun): StoredRun {
  try {
    parseOptions(schema(), run, "Its shape");
  } catch (error) {
    throw rowDamaged(taskId, messageOf(error), error);
  }
  const { count: pending, last } = run.inbox;
  if (run.taskId !== taskId) throw rowDamaged(taskId, `expected task "${taskId}", found "${run.taskId}"`);
  if (pending > last) throw rowDamaged(taskId, `expected at most ${last} messages, found a count of ${pending}`);
  if ((run.status === "open") !== (run.endedAt === null)) throw rowDamaged(taskId, `it is ${run.status}, and ended at ${run.endedAt}`);
  if (run.untold && (run.status === "open" || run.ends === 0)) {
    throw rowDamaged(taskId, `it is ${run.status} with ${run.ends} ends, and its end is still to be told`);
  }
  return run;
}
