/** Takes a stored run: its lease, and what it was in one of its generations. */

import type { Snapshot } from "xstate";
import { RunError } from "#contract/base/errors";
import type { Graph } from "#contract/graph/graph";
import type { RunView } from "#contract/run/run-view";
import { requireCount } from "#contract/store/run-checks";
import type { ClaimOptions, ClaimResult, StoredGeneration } from "#contract/store/run-commit";
import { notFound, ownedError, rowDamaged } from "#contract/store/run-errors";
import type { Lease, StoredRun } from "#contract/store/run-record";
import type { RunStore } from "#contract/store/run-store";
import { PartsSum } from "#contract/store/seal";
import { loadGeneration, readNewestWhole } from "#keep/newest-whole";
import { openTexts } from "#keep/open-texts";
import { overGone } from "#keep/owner";
import type { PartTexts } from "#keep/part-texts";
import type { PersistedAgent } from "#keep/persisted";
import { readParts } from "#keep/read-parts";
import { withoutOpenQuestions } from "#keep/rekey";
import type { KeeperState } from "#keep/run-keeper";
import { requireSound } from "#keep/sound-row";
import { withStoredAnswers } from "#keep/stored-answers";
import { readStoredView } from "#keep/stored-view";
import { isSubmitted } from "#keep/submission";
import { isReplayPart, openQuestions } from "#replay/replay-log";
import { isValuePart } from "#values/value-parts";
import type { Keeping } from "./keeping.ts";

export interface ClaimedRun extends ReadGeneration {
  /** Where the run does not go on from what its store holds as the newest, nothing of it is stored as it is. */
  graphs: ReadonlyMap<string, PartTexts> | undefined;
  state: KeeperState;
  /** Questions that are open in its store, and that nobody asks any more. */
  stale: readonly string[];
  /** The row as it was found. */
  run: StoredRun;
  /** The newest event that it knows of. */
  seen: number;
  /** Whether its picture is what its events have told. */
  isTold: boolean;
}

interface ReadGeneration {
  persisted: Snapshot<unknown>;
  generation: number;
  /** A sentence for each newer one that is damaged. */
  passedOver: readonly string[];
}

export interface Wanted {
  takeOver?: boolean | undefined;
  /** Default the newest whole one. */
  generation?: number | undefined;
  /** Whether an ended run is taken, too. */
  ended?: boolean;
  /** That of the agent. */
  graph: () => Graph;
}

/**
 * @param found the row, as it was read
 * @throws RunError `run-not-found`, `run-ended`, `run-owned`, `run-fenced`; SnapshotError `snapshot-not-found`, `snapshot-damaged`, `snapshot-codec`
 */
export async function claimRun(
  keeping: Keeping,
  found: StoredRun,
  { takeOver, generation, ended = false, graph }: Wanted,
): Promise<ClaimedRun> {
  const { store } = keeping;
  const { taskId } = found;
  if (generation !== undefined) requireCount(generation, "generation", 1);
  const isOlder = generation !== undefined && generation !== found.generation;
  const { lease, run, lostOwner } = await claimLease(keeping, found, { takeOver, ended: ended || isOlder });
  try {
    requireBegun(run);
    const read = await readRun(store, run, { generation, graph });
    const { persisted, passedOver, sum, graphs } = read;
    const isWhole = read.generation !== run.generation;
    const seen = seqOf(persisted);
    const stale = isWhole ? await askedBefore(store, persisted, generation === undefined) : [];
    requireAll(run, { generation: read.generation, seen });
    return {
      seen,
      isTold: !isWhole && run.lastSeq > 0,
      persisted: numbered(persisted, run),
      generation: read.generation,
      passedOver,
      graphs: isWhole ? undefined : graphs,
      stale,
      run,
      state: {
        lease,
        generation: run.generation,
        sum: isWhole ? new PartsSum(taskId) : sum,
        lastSeq: run.lastSeq,
        isWhole,
        reopens: run.status !== "open",
        lostOwner,
      },
    };
  } catch (error) {
    throw await unlessLost(store, lease, error);
  }
}

/**
 * Gives back a lease that came to nothing. @returns why it did: where the run was another's before it was read, that alone, since what was read
 * does not fit what was claimed
 */
export async function unlessLost(store: RunStore, lease: Lease, error: unknown): Promise<unknown> {
  const given = await store.renew(lease, 0).catch(() => undefined);
  if (given?.ok !== false) return error;
  const { taskId } = lease;
  return new RunError(`Run ${taskId} was taken by somebody else while it was read here, for longer than its lease. It goes on there.`, {
    code: "run-fenced",
    taskId,
  });
}

/** @throws RunError `run-not-found`, `run-ended`, `run-owned`, `run-fenced`; SnapshotError `snapshot-damaged` */
export async function claimLease(
  keeping: Keeping,
  found: StoredRun,
  { takeOver, ended = false }: Pick<Wanted, "takeOver" | "ended">,
): Promise<{ lease: Lease; run: StoredRun; lostOwner: number }> {
  const { taskId } = found;
  const gone = overGone(found);
  const over = takeOver === true && found.lease !== null ? { over: found.lease.token } : gone;
  const claimed = await claimedBy(keeping, taskId, { ...over, ended });
  if (!claimed.ok) {
    if (claimed.why === "not-found") throw notFound(taskId);
    if (claimed.why === "owned") throw ownedError(claimed.run);
    throw new RunError(
      `Run ${taskId} has ended as ${claimed.run.status}: there is nothing to go on with. To go on from before its end, name a generation.`,
      { code: "run-ended", taskId },
    );
  }
  try {
    const { lease } = claimed;
    // One that was there, and that nobody took over: it had run out. Where somebody had the run in between, how that ended is not known here.
    const before = lease.token - 1;
    const isLost = found.lease?.token === before && over.over === gone.over;
    return { lease, run: requireSound(taskId, claimed.run), lostOwner: isLost ? before : 0 };
  } catch (error) {
    throw await unlessLost(keeping.store, claimed.lease, error);
  }
}

/** @throws RunError `run-not-begun` */
function requireBegun(run: StoredRun): void {
  if (!isSubmitted(run)) return;
  const { taskId } = run;
  throw new RunError(
    `Run ${taskId} was submitted, and has not begun: nothing of it is there to go on from. Submit its task under another id, or let a worker begin it.`,
    { code: "run-not-begun", taskId },
  );
}

/** What its newest generation has told is what its row counts, but for the last words of a run that was cancelled while nobody owned it. */
function requireAll(
  { taskId, status, lastSeq, generation: newest }: StoredRun,
  { generation, seen }: { generation: number; seen: number },
): void {
  if (seen === lastSeq || (seen < lastSeq && (status === "CANCELLED" || generation < newest))) return;
  throw rowDamaged(taskId, `generation ${generation} has told ${seen} events, and it counts ${lastSeq}`);
}

/** Where the answer was lost, the store is asked who owns the run. */
async function claimedBy({ store, owner }: Keeping, taskId: string, options: ClaimOptions): Promise<ClaimResult> {
  try {
    return await store.claim(taskId, owner, options);
  } catch (error) {
    const run = await store.read(taskId);
    if (run?.lease?.owner.id !== owner.id) throw error;
    return { ok: true, lease: run.lease, run };
  }
}

/**
 * Where the newest generation is damaged, what was open in the one before stands as its store says: an answer that was accepted is had, and what is open is asked
 * still. Whoever goes back to an older generation by name is asked anew. @returns those that its store holds, and nobody asks
 */
async function askedBefore(store: RunStore, persisted: Snapshot<unknown>, isFallback: boolean): Promise<string[]> {
  const agent = persisted as unknown as PersistedAgent & { view: RunView };
  const { taskId } = agent.view;
  agent.replay = isFallback ? await withStoredAnswers(store, agent.replay) : withoutOpenQuestions(agent.replay);
  const open = openQuestions(Object.entries(agent.replay));
  agent.view = { ...agent.view, questions: open };
  const isAsked = new Set(open.map(({ id }) => id));
  return (await store.questions({ taskId, limit: MOST_QUESTIONS })).flatMap(({ id }) => (isAsked.has(id) ? [] : [id]));
}

const MOST_QUESTIONS = 1_000_000;

const seqOf = (persisted: Snapshot<unknown>): number => (persisted as unknown as { view: { seq: number } }).view.seq;

/** What is told and stored from now on follows all that ever was, also where the run goes on from before that. */
function numbered(persisted: Snapshot<unknown>, { lastSeq, generation }: StoredRun): Snapshot<unknown> {
  const { view } = persisted as unknown as { view: object };
  return Object.assign(persisted, { view: { ...view, seq: lastSeq, generation } });
}

export interface ReadRun extends ReadGeneration {
  sum: PartsSum;
  graphs: ReadonlyMap<string, PartTexts>;
}

/** @param generation default the newest that is whole @param graph see `readParts` */
export async function readRun(
  store: RunStore,
  run: StoredRun,
  { generation, graph }: Pick<Wanted, "generation" | "graph">,
): Promise<ReadRun> {
  const { taskId } = run;
  const read = (stored: StoredGeneration) => readStored(store, taskId, stored, graph);
  if (generation !== undefined) return { ...(await read(await loadGeneration(store, run, generation))), passedOver: [] };
  const { found, passedOver } = await readNewestWhole<Omit<ReadRun, "passedOver">>(store, run, read);
  return { ...found, passedOver };
}

async function readStored(
  store: RunStore,
  taskId: string,
  stored: StoredGeneration,
  known: () => Graph,
): Promise<Omit<ReadRun, "passedOver">> {
  const { texts, sum } = await openTexts(store, taskId, stored);
  const { agent, graphs, parts } = await readParts(texts, known);
  const values = [...texts].filter(([name]) => isValuePart(name));
  if (values.length > 0) agent.values = Object.fromEntries(values);
  agent.replay = Object.fromEntries([...texts].filter(([name]) => isReplayPart(name)));
  agent.view = await readStoredView(parts);
  const persisted = agent as unknown as Snapshot<unknown>;
  return { persisted, generation: stored.generation, graphs, sum };
}
