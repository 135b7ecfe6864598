/** A stored run as its picture, read without the code of its agent: what is shown is verified by its seal, and nothing else is parsed. */
import { asimovErrorOf, messageOf, RunError, SnapshotError } from "#contract/base/errors";
import { NO_USAGE } from "#contract/chat/usage";
import { applyEvents } from "#contract/run/apply-event";
import type { KeptView } from "#contract/run/run-draft";
import type { RunView } from "#contract/run/run-view";
import { requireCount, requireText } from "#contract/store/run-checks";
import type { StoredGeneration } from "#contract/store/run-commit";
import { notFound, rowDamaged } from "#contract/store/run-errors";
import type { StoredRun } from "#contract/store/run-record";
import { isOwned, statusOf } from "#contract/store/run-status";
import type { RunStore } from "#contract/store/run-store";
import { decoded, openInfo } from "#contract/store/seal";
import { loadGeneration, readNewestWhole } from "#keep/newest-whole";
import { openTexts } from "#keep/open-texts";
import { standingOf } from "#keep/owner";
import { PartTexts } from "#keep/part-texts";
import { requireSound } from "#keep/sound-row";
import { isShown, readStoredView } from "#keep/stored-view";
import { readEvents } from "./read-events.ts";

/** Of a run that goes on while it is read. */
const READS = 5;

/** @throws RunError `run-not-found`, SnapshotError `snapshot-damaged`, AsimovError `invalid-options` */
export async function requireRun(store: RunStore, taskId: string): Promise<StoredRun> {
  requireText(taskId, "The task id");
  const run = await store.read(taskId);
  if (run === undefined) throw notFound(taskId);
  return requireSound(taskId, run);
}

async function viewIn(store: RunStore, run: StoredRun, stored: StoredGeneration): Promise<RunView> {
  const { texts } = await openTexts(store, run.taskId, stored, isShown);
  // Of a run that was submitted, and that had not begun by then, nothing was told.
  const unbegun = (): RunView => ({ ...viewOfRow(store, run), seq: 0, updatedAt: run.createdAt });
  const shown: KeptView = texts.has("view") ? await readStoredView(new PartTexts(texts)) : unbegun();
  const { planNumber: _number, ...view } = shown;
  return { ...view, generation: stored.generation };
}

const damageOf = ({ taskId }: StoredRun, error: string): RunView["errors"][number] => ({
  taskId,
  status: "error",
  error,
  code: "snapshot-damaged",
});

/** With a sentence among its errors for each newer generation that is damaged. */
async function newestView(store: RunStore, run: StoredRun): Promise<RunView> {
  const { found, passedOver } = await readNewestWhole<RunView>(store, run, (stored) => viewIn(store, run, stored));
  return passedOver.length === 0 ? found : { ...found, errors: [...found.errors, ...passedOver.map((error) => damageOf(run, error))] };
}

/** Where it stands by the store's clock, and who owns it. */
function standing(view: RunView, found: StoredRun, now: number): RunView {
  const { endedAt: _endedAt, owner: _owner, ...rest } = view;
  const run = standingOf(found);
  const { lease } = run;
  const owner = lease !== null && isOwned(run, now) ? { owner: { id: lease.owner.id, until: lease.until } } : {};
  const endedAt = run.status === "open" ? {} : { endedAt: view.endedAt ?? run.endedAt ?? run.updatedAt };
  return { ...rest, status: statusOf(run, now), ...endedAt, ...owner };
}

/** A row is never behind what its store gave. */
function requireReached({ taskId, generation }: StoredRun, given: number): void {
  if (generation >= given) return;
  throw rowDamaged(taskId, `it says that generation ${generation} is the newest, and its store gave ${given}`);
}

/** The picture now, of the newest whole generation: those that were passed over are told among its errors. @throws RunError `run-not-found`, SnapshotError `snapshot-damaged` */
export async function readView(store: RunStore, taskId: string): Promise<RunView> {
  return (await judgedRun(store, taskId)).view;
}

export interface JudgedRun {
  view: RunView;
  run: StoredRun;
  /** By its store's clock: when it was judged where it stands. */
  at: number;
}

/** Undefined where it is gone. @throws SnapshotError `snapshot-damaged` */
export async function readJudged(store: RunStore, taskId: string): Promise<JudgedRun | undefined> {
  try {
    return await judgedRun(store, taskId);
  } catch (error) {
    if (asimovErrorOf(error)?.code === "run-not-found") return undefined;
    throw error;
  }
}

async function judgedRun(store: RunStore, taskId: string): Promise<JudgedRun> {
  for (let left = READS; ; left--) {
    const run = await requireRun(store, taskId);
    const view = await newestView(store, run);
    // It went on meanwhile.
    if (view.generation > run.generation) {
      requireReached(await requireRun(store, taskId), view.generation);
      if (left > 0) continue;
    }
    const told = await withLastWords(store, run, view);
    const at = await store.now();
    return { view: standing(told, run, at), run, at };
  }
}

/** Of a run that somebody cancelled while nobody owned it: its end is told by its events alone. */
export async function withLastWords(store: RunStore, run: StoredRun, view: RunView): Promise<RunView> {
  if (run.status !== "CANCELLED" || view.seq >= run.lastSeq) return view;
  const { dropped, events } = await readEvents(store, run, view.seq + 1);
  // A store that keeps fewer than these has the last.
  return applyEvents({ ...view, seq: view.seq + dropped }, events);
}

/** The picture as it was. @throws RunError `run-not-found`, SnapshotError `snapshot-not-found`, `snapshot-damaged` */
export async function readViewAt(store: RunStore, taskId: string, generation: number): Promise<RunView> {
  requireCount(generation, "at: generation", 1);
  const run = await requireRun(store, taskId);
  return await viewIn(store, run, await loadGeneration(store, run, generation));
}

/** One of many: what cannot be read of it is said in its place; undefined where it is gone by now. */
export async function readFound(store: RunStore, run: StoredRun): Promise<RunView | undefined> {
  try {
    return await readView(store, run.taskId);
  } catch (error) {
    if (error instanceof RunError) return undefined;
    if (!(error instanceof SnapshotError)) throw error;
    const report = { taskId: run.taskId, status: "error" as const, error: error.message, code: error.code };
    const view = { ...viewOfRow(store, run), errors: [report] };
    return standing(view, run, await store.now());
  }
}

/** What the row alone says: of a run that was submitted and never began, or that is damaged. */
function viewOfRow(store: RunStore, run: StoredRun): RunView {
  const { taskId, agent, version, type, generation, lastSeq, createdAt, updatedAt } = run;
  return {
    ...{ taskId, agent, version, type, objective: objectiveOf(store, run), status: "RUNNING" as const, generation, seq: lastSeq },
    ...{ startedAt: createdAt, updatedAt, graph: { nodes: [] }, nodes: {}, plan: [], failedChains: [], questions: [], errors: [] },
    usage: NO_USAGE,
  };
}

export interface RunInfo {
  objective: string;
  params: Record<string, unknown>;
  /** The task of the run that waits for it in a module, if one does. */
  parent?: string;
}

/** @throws SnapshotError `snapshot-damaged`, `snapshot-codec` */
export function readInfo(store: RunStore, { taskId, info }: StoredRun): RunInfo {
  const text = openInfo(taskId, decoded(store.settings.codec, info, "The info"));
  try {
    return JSON.parse(text) as RunInfo;
  } catch (error) {
    throw new SnapshotError(`The info of run ${taskId} cannot be read: ${messageOf(error)}`, { code: "snapshot-damaged", cause: error });
  }
}

function objectiveOf(store: RunStore, run: StoredRun): string {
  try {
    return readInfo(store, run).objective;
  } catch {
    return "";
  }
}
