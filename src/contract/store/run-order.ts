/** The order of runs, and which of them a query finds: for drivers that have no index. */
import type { FindQuery } from "./run-commit.ts";
import type { StoredRun } from "./run-record.ts";
import { statusOf, withoutGone } from "./run-status.ts";

/** Code units in the order of the UTF-8 bytes that they become: halves of pairs stand above all others. */
const rankOf = (unit: number): number => (unit < 0xd800 ? unit : unit < 0xe000 ? unit + 0x2000 : unit - 0x800);

/** As databases order texts: by their UTF-8 bytes. */
function compareTexts(a: string, b: string): number {
  const shorter = Math.min(a.length, b.length);
  for (let at = 0; at < shorter; at++) {
    const difference = a.charCodeAt(at) - b.charCodeAt(at);
    if (difference !== 0) return rankOf(a.charCodeAt(at)) - rankOf(b.charCodeAt(at));
  }
  return a.length - b.length;
}

type Place = Pick<StoredRun, "createdAt" | "taskId">;

/** Newest first. */
export const compareRuns = (a: Place, b: Place): number => b.createdAt - a.createdAt || compareTexts(b.taskId, a.taskId);

type DuePlace = { taskId: string; dueAt?: number | null };

/** Soonest first. */
const compareDue = (a: DuePlace, b: DuePlace): number => (a.dueAt ?? 0) - (b.dueAt ?? 0) || compareTexts(a.taskId, b.taskId);

/** The order that a query asks for. */
export const orderOf = ({ order }: FindQuery): ((a: Place & DuePlace, b: Place & DuePlace) => number) =>
  order === "due" ? compareDue : compareRuns;

export function isFound(run: StoredRun, query: FindQuery, now: number): boolean {
  const { agent, type, statuses, labels, updatedBefore, untold, leased, after, isGone = () => false } = query;
  return (
    (agent === undefined || run.agent === agent) &&
    (type === undefined || run.type === type) &&
    (statuses === undefined || statuses.includes(statusOf(withoutGone(run, isGone), now))) &&
    (labels === undefined || Object.entries(labels).every(([key, value]) => Object.hasOwn(run.labels, key) && run.labels[key] === value)) &&
    (updatedBefore === undefined || run.updatedAt < updatedBefore) &&
    (untold === undefined || run.untold) &&
    (leased === undefined || run.lease !== null) &&
    (query.order === undefined || run.dueAt !== null) &&
    (after === undefined || orderOf(query)(after, run) < 0)
  );
}
