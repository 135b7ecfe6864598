/** The runs of a key that may begin: which of them have begun, and which have ended, as their rows say. */
import type { StoredRun } from "#contract/store/run-record";
import type { RunStore } from "#contract/store/run-store";
import { newOwner, overGone } from "#keep/owner";
import { isSubmitted } from "#keep/submission";
import type { KeyState } from "./key-record.ts";

const MINUTE = 60_000;
/** Milliseconds after which all that is open is looked at, though nobody said that anything has ended. */
export const LOOK_MS = 1_000;
/** So few are looked at each time. */
const FEW = 20;
/** Milliseconds for which nobody else takes a run that is about to be let go. */
const OPENING_MS = 1_000;

/** Whether it is stored and nothing has let it go. */
export const waitsForTurn = (run: StoredRun): boolean => run.status === "open" && isSubmitted(run) && run.dueAt === null;

export const isOpen = (run: StoredRun | undefined): boolean => run?.status === "open";

/** Counts a start; that of a run that is gone counts as now. */
export function noteStart({ limit, starts }: KeyState, at: number): void {
  if (limit?.perMinute !== undefined) starts.push(at);
}

/** What has ended makes room. Gives those that were to be let go and were not, since whoever did it was lost. @param ended those of which somebody says so */
export async function lookAtOpen(store: RunStore, state: KeyState, now: number, ended: ReadonlySet<string>): Promise<string[]> {
  const isAll = state.open.length <= FEW || now - state.lookedAt >= LOOK_MS;
  const asked = ({ taskId, begunAt }: KeyState["open"][number]): boolean => isAll || begunAt === null || ended.has(taskId);
  const rows = await Promise.all(state.open.map((each) => (asked(each) ? store.read(each.taskId) : null)));
  if (isAll) state.lookedAt = now;
  const left: string[] = [];
  state.open = state.open.filter((each, index) => {
    const row = rows[index];
    if (row === null) return true;
    const hasBegun = row === undefined || !isSubmitted(row);
    if (each.begunAt === null && hasBegun) {
      // Each write of its owner is later than its begin.
      each.begunAt = row?.updatedAt ?? now;
      noteStart(state, each.begunAt);
    }
    if (row === undefined || row.status !== "open") return false;
    if (waitsForTurn(row)) left.push(each.taskId);
    return true;
  });
  const most = state.limit?.perMinute ?? 0;
  state.starts = most === 0 ? [] : state.starts.filter((at) => at > now - MINUTE).sort((a, b) => a - b);
  return left;
}

/** How many more may begin now. */
export function roomOf({ limit, open, starts }: KeyState): number {
  const { concurrent = Number.POSITIVE_INFINITY, perMinute = Number.POSITIVE_INFINITY } = limit ?? {};
  const unbegun = open.filter(({ begunAt }) => begunAt === null).length;
  return Math.max(0, Math.min(concurrent - open.length, perMinute - unbegun - starts.length));
}

/** When there may be room again, though nothing ends; null: then alone. */
export const roomAt = ({ limit, open, starts }: KeyState): number | null => {
  const isFull = limit?.concurrent !== undefined && open.length >= limit.concurrent;
  const [first] = starts;
  return isFull || first === undefined ? null : first + MINUTE;
};

/** Whoever claims a run makes it due: it is READY once nobody owns it, also where whoever did this is lost in the middle. */
export async function letGo(store: RunStore, taskId: string, ids: () => string): Promise<void> {
  const owner = newOwner(ids(), OPENING_MS);
  const claimed = await store.claim(taskId, owner);
  if (claimed.ok) {
    await store.renew(claimed.lease, 0);
    return;
  }
  // Owned by somebody who has begun it, or by who was lost as this was done.
  if (claimed.why !== "owned") return;
  const over = overGone(claimed.run);
  const again = over.over === undefined ? claimed : await store.claim(taskId, owner, over);
  if (again.ok) await store.renew(again.lease, 0);
}
