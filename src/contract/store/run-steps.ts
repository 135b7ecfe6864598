/** What each step makes of a run's row: pure, for every driver that can read a row, decide, and write it in one atomic step. */
import { AsimovError } from "#contract/base/errors";
import type { Asked, CancelOrder, ClaimOptions, Commit, MessageOrder, NewRun } from "./run-commit.ts";
import type { Lease, Owner, StoredRun } from "./run-record.ts";
import { isOwned } from "./run-status.ts";

/** Of a row that is not there, or is another's. */
type Refused<Why extends string> = { ok: false; why: Why };
type Stepped = { ok: true; run: StoredRun };

const leaseOf = (taskId: string, token: number, owner: Owner, now: number): Lease => ({
  taskId,
  token,
  until: now + owner.leaseMs,
  owner: { id: owner.id, leaseMs: owner.leaseMs, ...(owner.process === undefined ? {} : { process: { ...owner.process } }) },
});

/** The row of a run with its first generation. */
export function createdRun(given: NewRun, owner: Owner | undefined, now: number): StoredRun {
  const { taskId, agent, version, type, labels, graphHash, info, dueAt, createdAt = now, first } = given;
  const token = owner === undefined ? 0 : 1;
  const run: StoredRun = {
    taskId,
    agent,
    version,
    type,
    labels: { ...labels },
    graphHash,
    info,
    status: "open",
    createdAt,
    updatedAt: now,
    endedAt: null,
    ends: 0,
    untold: false,
    dueAt: owner === undefined ? dueAt : now,
    generation: 0,
    // What was told before a run was stored is in no store.
    lastSeq: (first.events[0]?.seq ?? 1) - 1,
    token,
    lease: owner === undefined ? null : leaseOf(taskId, token, owner, now),
    cancel: null,
    inbox: { count: 0, last: 0 },
  };
  requireNext(run, first);
  return written(run, first, now);
}

export function claimedRun(run: StoredRun, owner: Owner, options: ClaimOptions, now: number): Stepped | Refused<"owned" | "ended"> {
  if (run.status !== "open" && options.ended !== true) return { ok: false, why: "ended" };
  if (isOwned(run, now) && run.lease?.token !== options.over) return { ok: false, why: "owned" };
  const token = run.token + 1;
  const dueAt = run.status === "open" ? Math.min(run.dueAt ?? now, now) : null;
  return { ok: true, run: { ...run, token, dueAt, lease: leaseOf(run.taskId, token, owner, now), updatedAt: now } };
}

/** Not by its token alone: those of a run that was removed are given again to the next one of its id. */
export const isHeld = ({ lease }: Pick<StoredRun, "lease">, { token, owner }: Pick<Lease, "token" | "owner">): boolean =>
  lease !== null && lease.token === token && lease.owner.id === owner.id;

export const askedOf = ({ cancel, inbox }: StoredRun): Asked => ({ cancel: cancel && { ...cancel }, posted: inbox.last });

export function renewedRun(run: StoredRun, lease: Lease, leaseMs: number, now: number): Stepped | Refused<"fenced"> {
  if (!isHeld(run, lease) || run.lease === null) return { ok: false, why: "fenced" };
  return { ok: true, run: { ...run, lease: leaseMs === 0 ? null : { ...run.lease, until: now + leaseMs } } };
}

export function committedRun(run: StoredRun, lease: Lease, commit: Commit, now: number): Stepped | Refused<"fenced" | "cancelled"> {
  if (!isHeld(run, lease) || commit.generation !== run.generation + 1) return { ok: false, why: "fenced" };
  const ends = commit.run?.status !== undefined && commit.run.status !== "open";
  if (commit.release !== undefined && run.cancel !== null && run.status === "open" && !ends) return { ok: false, why: "cancelled" };
  requireNext(run, commit);
  return { ok: true, run: written(run, commit, now) };
}

function written(run: StoredRun, commit: Commit, now: number): StoredRun {
  const { status = run.status, dueAt = run.dueAt, info = run.info, graphHash = run.graphHash, version = run.version } = commit.run ?? {};
  const ended = status !== "open";
  const endsNow = ended && commit.run?.status !== undefined;
  const isMissed = commit.release !== undefined && run.inbox.last > commit.release.seen;
  return {
    ...run,
    status,
    dueAt: ended ? null : isMissed ? Math.min(dueAt ?? now, now) : dueAt,
    info,
    graphHash,
    version,
    updatedAt: now,
    endedAt: ended ? (endsNow ? now : run.endedAt) : null,
    ends: endsNow ? run.ends + 1 : run.ends,
    untold: endsNow ? commit.run?.untold === true : ended && run.untold,
    generation: commit.generation,
    lastSeq: commit.events.at(-1)?.seq ?? run.lastSeq,
    lease: endsNow || commit.release !== undefined ? null : run.lease,
    // A run that goes on after its end has done what it was asked.
    cancel: ended || run.status !== "open" ? null : run.cancel,
    inbox: { count: run.inbox.count - commit.consumed.length, last: run.inbox.last },
  };
}

/** @throws AsimovError `commit-invalid` */
function requireNext(run: StoredRun, { generation, events }: Commit): void {
  if (generation !== run.generation + 1) fault(run, `expected generation ${run.generation + 1}, got ${generation}`);
  for (const [index, { seq }] of events.entries()) {
    if (seq !== run.lastSeq + 1 + index) fault(run, `expected event ${run.lastSeq + 1 + index}, got ${seq}`);
  }
}

function fault(run: StoredRun, what: string): never {
  throw new AsimovError(`A commit to run "${run.taskId}" does not follow what is stored: ${what}. Read the run before it is written.`, {
    code: "commit-invalid",
  });
}

/** Why a message comes too late or too early, if it does. @param isClosed whether the question that it ends is closed */
export function untimely(
  run: StoredRun,
  { until, from, closes }: MessageOrder,
  isClosed: boolean,
  now: number,
): "closed" | "cancelled" | "late" | "early" | undefined {
  if (closes !== undefined && isClosed) return "closed";
  if (closes !== undefined && run.cancel !== null) return "cancelled";
  if (until !== undefined && now >= until) return "late";
  return from !== undefined && now < from ? "early" : undefined;
}

/** A message more: whoever owns the run sees it; a run that nobody owns is due, unless nobody has begun it, and so said of which graph it is. */
export function postedRun(run: StoredRun, now: number): StoredRun {
  const { count, last } = run.inbox;
  const isSeen = isOwned(run, now) || run.graphHash === "";
  const dueAt = isSeen ? run.dueAt : Math.min(run.dueAt ?? now, now);
  return { ...run, dueAt, updatedAt: now, inbox: { count: count + 1, last: last + 1 } };
}

/** The request where somebody owns the run, else its end; a lease that ran out is worth nothing from then on. */
export function cancelledRun(run: StoredRun, request: CancelOrder, now: number): { ended: boolean; run: StoredRun } {
  if (isOwned(run, now) && run.lease?.token !== request.over)
    return { ended: false, run: { ...run, updatedAt: now, cancel: run.cancel ?? { reason: request.reason, at: now } } };
  const { info = run.info, events } = request.end;
  const ended: StoredRun = {
    ...run,
    info,
    status: "CANCELLED",
    updatedAt: now,
    endedAt: now,
    ends: run.ends + 1,
    untold: true,
    dueAt: null,
    lease: null,
    cancel: null,
    lastSeq: run.lastSeq + events.length,
  };
  return { ended: true, run: ended };
}

/** Undefined where there is nothing to tell of that end. */
export const toldRun = (run: StoredRun, end: number): StoredRun | undefined =>
  run.untold && run.ends === end ? { ...run, untold: false } : undefined;
