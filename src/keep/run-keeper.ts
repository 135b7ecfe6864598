/**
 * Keeps one run in a store while a process owns it: commits what has changed, grouped, under its lease; hears what others ask of it.
 *
 * What comes in one turn is one commit, and one that fails is tried again with what came since, until it is made or the run has ended.
 */

import { AsimovError, asimovErrorOf, RunError } from "#contract/base/errors";
import { type Clock, monotonicOf } from "#contract/base/services";
import type { Commit, CommitResult, CreateResult, NewRun, StoredEvent } from "#contract/store/run-commit";
import type { Lease, Owner, RunEnd, StoredRun } from "#contract/store/run-record";
import type { RunStore } from "#contract/store/run-store";
import { encoded, PartsSum, sealEvent, sealGeneration } from "#contract/store/seal";
import { onHint } from "./hints.ts";
import { PartChanges } from "./part-changes.ts";
import { noteText } from "./state-format.ts";

/** Why a generation was made. */
export type CommitReason = "started" | "step" | "progress" | "parked" | "ended" | "manual";

/** What the runtime says of a generation, beside its parts. */
export interface GenerationNote {
  why: CommitReason;
  nodes: readonly string[];
  hint?: string;
}

/** Why a run is not this process's any more. */
export type Loss = "fenced" | "not-found" | "closed";

/** The run that is kept, as its keeper sees it. */
export interface KeptRun {
  readonly taskId: string;
  readonly clock: Clock;
  /** In time, or with an error that says so. */
  limited<T>(what: string, work: () => Promise<T>): Promise<T>;
  /** What follows at once is in another turn of the event loop; undefined where it is in this one. */
  nextTurn(): Promise<void> | undefined;
  /** Until then what it would write is in two places; undefined where it is not. */
  settling(): Promise<void> | undefined;
  /** The next generation is about to be written. */
  saving(generation: number, note: GenerationNote): void;
  /** Adds what has changed since this was last asked, at a moment when no actor is in the middle of an event. */
  writeChanges(changes: PartChanges): void;
  /** What was told since this was last asked, as JSON. */
  takeEvents(): { seq: number; at: number; body: string }[];
  /** Those that were asked or closed since this was last asked. */
  takeQuestions(): Commit["questions"];
  /** They are stored: whoever listens hears them. */
  release(seq: number): void;
  /** The run is somebody else's, or gone. */
  lost(why: Loss): void;
  /** Somebody outside wants it to end. */
  cancel(reason: string): void;
  /** The store does not take what was written; told once until it does again. */
  troubled(error: unknown): void;
  /** The store will never take it: the run goes on from what is stored, elsewhere or later. */
  refused(error: AsimovError): void;
  /** Messages may have come. */
  posted(last: number): void;
  /** When it can go on once nobody owns it, without an answer or a message; null for never. */
  readonly dueAt: number | null;
}

/** What a keeper goes on from. */
export interface KeeperState {
  lease: Lease;
  generation: number;
  sum: PartsSum;
  lastSeq: number;
  /** What is written next stands on nothing that is stored: the generation before is another one's, or damaged. */
  isWhole?: boolean;
  /** The run had ended, and goes on. */
  reopens?: boolean;
  /** Whether the code that goes on with it is another one, and which. */
  code?: { graphHash: string; version: string };
}

interface Waiting {
  why: CommitReason;
  nodes: Set<string>;
  hint: string | undefined;
  made: Promise<number>;
  resolve(generation: number): void;
}

/** Microtasks until what follows at once from an event has come. */
const HOPS = 8;

interface Sent {
  commit: Commit;
  changes: PartChanges;
  waiting: Waiting;
}

/** Milliseconds between two tries of a commit that a store did not take, from the first to the longest. */
const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 2_000;

/** The weightier reason of two names a commit that both asked for. */
const WEIGHT: readonly CommitReason[] = ["progress", "step", "manual", "started", "parked", "ended"];

/** What a store says of a commit that it would never take. */
const REFUSED = new Set(["part-too-large", "run-store-text"]);
/** So often a commit is refused, with what came since, until nothing is left to hope for: what a module writes is looked at before. */
const MOST_REFUSALS = 6;

export class RunKeeper {
  readonly #run: KeptRun;
  readonly #store: RunStore;
  readonly #leaseMs: number;
  #state: KeeperState;
  #waiting: Waiting | undefined;
  #committing: Promise<void> | undefined;
  /** Of a commit that was refused. */
  #unsent = new PartChanges();
  /** Until there is an answer to it: it may have been made though that was lost, so that it is sent again as it was. */
  #sent: Sent | undefined;
  #events: StoredEvent[] = [];
  #consumed: number[] = [];
  #questions: Commit["questions"];
  #end: { status: RunEnd } | undefined;
  /** Whether it is to be given back, and has been. */
  #parking: "asked" | "done" | undefined;
  #isOver = false;
  /** The last commit is made: nothing more will be. */
  #isClosed = false;
  #isTroubled = false;
  /** The newest message that is known of. */
  #seen = 0;
  #renewedAt: number;
  #timer: unknown;
  #unsubscribe: (() => void) | undefined;
  readonly #resumed = new Set<() => void>();

  constructor(run: KeptRun, store: RunStore, state: KeeperState) {
    this.#run = run;
    this.#store = store;
    this.#state = state;
    this.#leaseMs = state.lease.owner.leaseMs;
    this.#renewedAt = monotonicOf(run.clock);
    this.#unsubscribe = onHint(store, run.taskId, () => void this.look());
    this.#armRenewal();
  }

  /** Stores a run for the first time, and owns it. @throws RunError `run-exists` */
  static async create(
    run: KeptRun,
    { store, owner }: { store: RunStore; owner: Owner },
    note: GenerationNote,
    about: (first: Commit) => NewRun,
  ): Promise<RunKeeper> {
    const { taskId } = run;
    for (let settling = run.settling(); settling !== undefined; settling = run.settling()) await settling;
    run.saving(1, note);
    const sum = new PartsSum(taskId);
    const changes = new PartChanges();
    run.writeChanges(changes);
    const events = eventsOf(run, store);
    const first = commitOf(run, store, { generation: 1, sum, changes, note, events, consumed: [], questions: run.takeQuestions() });
    const created = await createdBy(store, about(first), owner);
    if (!created.ok) throw existsError(created.run);
    const lastSeq = events.at(-1)?.seq ?? 0;
    run.release(lastSeq);
    return new RunKeeper(run, store, { lease: created.lease as Lease, generation: 1, sum, lastSeq });
  }

  /** The fencing token. */
  get fence(): number {
    return this.#state.lease.token;
  }

  get generation(): number {
    return this.#state.generation;
  }

  get lease(): Lease {
    return this.#state.lease;
  }

  /** Nothing is written any more: it has ended, or is somebody else's. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Where the lease could not be renewed in time, or is being given back, nothing more starts before it is sure: there is this to wait for. */
  whenSure(): Promise<void> | undefined {
    if (this.#parking === undefined && monotonicOf(this.#run.clock) - this.#renewedAt < (this.#leaseMs * 2) / 3) return undefined;
    return new Promise((resolve) => this.#resumed.add(resolve));
  }

  /** Settles with the generation that holds what stands now; never where the run is lost. */
  commit(why: CommitReason, nodes: Iterable<string> = [], hint?: string): Promise<number> {
    if (this.#isClosed) return Promise.resolve(this.generation);
    const { promise: made, resolve } = Promise.withResolvers<number>();
    this.#waiting ??= { why, nodes: new Set(), hint: undefined, made, resolve };
    const waiting = this.#waiting;
    for (const node of nodes) waiting.nodes.add(node);
    if (WEIGHT.indexOf(why) > WEIGHT.indexOf(waiting.why)) waiting.why = why;
    waiting.hint ??= hint;
    this.#committing ??= this.#commitAll();
    return waiting.made;
  }

  /** The message is in the run's values: the next commit takes it out of the inbox. */
  consumed(n: number): void {
    this.#consumed.push(n);
  }

  /** The last commit: with it the run has ended, and the lease is given back. */
  end(status: RunEnd): Promise<number> {
    this.#end = { status };
    return this.commit("ended");
  }

  /** Stores what stands now, and gives the lease back with it; false where the run was told to end, or has ended, before. */
  async park(): Promise<boolean> {
    this.#parking ??= "asked";
    await this.commit("parked");
    return this.#parking === "done";
  }

  /** The run goes on to its end: the lease is kept, unless it is on its way back already. */
  keepOn(): void {
    if (this.#parking !== "asked" || this.#sent?.commit.release !== undefined) return;
    this.#parking = undefined;
    if (this.#waiting?.why === "parked") this.#waiting.why = "progress";
    this.#goOn();
  }

  /** Nothing is written any more, and the lease runs out, unless it was given back. */
  stop(): void {
    this.#isOver = true;
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
    this.#run.clock.clearTimeout(this.#timer);
  }

  async #commitAll(): Promise<void> {
    // What follows at once from what asked for the commit is in it: the node after the one that has ended, and its wish to be stored. Where
    // this turn of the event loop is over for the run, that follows in the next one.
    const turn = this.#run.nextTurn();
    if (turn !== undefined) await turn;
    for (let hop = 0; hop < HOPS; hop++) await undefined;
    try {
      let pause = FIRST_PAUSE_MS;
      let refusals = 0;
      while ((this.#sent !== undefined || this.#waiting !== undefined) && !this.#isOver) {
        const isRepeat = this.#sent !== undefined;
        this.#sent ??= await this.#written();
        const sent = this.#sent;
        try {
          const result = await this.#run.limited("storing the run", () => this.#store.commit(this.#state.lease, sent.commit));
          if (!isAnswer(result)) throw unanswered(result);
          this.#sent = undefined;
          if (!this.#taken(result, sent, isRepeat)) return;
          pause = FIRST_PAUSE_MS;
          refusals = 0;
        } catch (error) {
          const refusal = asimovErrorOf(error);
          if (refusal !== undefined && REFUSED.has(refusal.code)) {
            this.#takeBack(sent);
            if (++refusals === MOST_REFUSALS) return await this.#giveUp(refusal);
          }
          if (!this.#isTroubled) this.#run.troubled(error);
          this.#isTroubled = true;
          await new Promise<void>((resolve) => this.#run.clock.setTimeout(resolve, pause));
          pause = Math.min(2 * pause, LONGEST_PAUSE_MS);
        }
      }
    } finally {
      // In the step in which it sees that nothing waits: whoever comes later begins anew.
      this.#committing = undefined;
    }
  }

  /** What has changed, as the next commit. */
  async #written(): Promise<Sent> {
    // Nothing else is awaited between this and what is written: another message would be on its way.
    for (let settling = this.#run.settling(); settling !== undefined; settling = this.#run.settling()) await settling;
    const waiting = this.#waiting as Waiting;
    this.#waiting = undefined;
    const { why, nodes, hint } = waiting;
    const note = { why, nodes: [...nodes], ...(hint === undefined ? {} : { hint }) };
    const { sum, isWhole, reopens, code } = this.#state;
    const generation = this.#state.generation + 1;
    this.#run.saving(generation, note);
    const changes = new PartChanges();
    this.#run.writeChanges(changes);
    changes.after(this.#unsent);
    this.#unsent = new PartChanges();
    const events = [...this.#events.splice(0), ...eventsOf(this.#run, this.#store)];
    const consumed = this.#consumed.splice(0);
    const questions = bothOf(this.#questions, this.#run.takeQuestions());
    this.#questions = undefined;
    const commit = commitOf(this.#run, this.#store, { generation, sum, changes, note, events, consumed, questions });
    if (isWhole === true) Object.assign(commit, { whole: true, remove: [] });
    const { dueAt } = this.#run;
    if (code !== undefined || reopens === true) commit.run = { ...code, ...(reopens === true ? { status: "open", dueAt } : {}) };
    if (this.#end !== undefined) commit.run = { ...code, status: this.#end.status };
    else if (this.#parking !== undefined) Object.assign(commit, { run: { ...commit.run, dueAt }, release: { seen: this.#seen } });
    return { commit, changes, waiting };
  }

  async #giveUp(error: AsimovError): Promise<void> {
    this.stop();
    await this.#store.renew(this.#state.lease, 0).catch(() => {});
    this.#run.refused(error);
  }

  /** What no store would take, however often it is sent, waits for what comes after it. */
  #takeBack({ commit, changes, waiting }: Sent): void {
    this.#sent = undefined;
    this.#unsent = changes;
    this.#events.unshift(...commit.events);
    this.#consumed.unshift(...commit.consumed);
    this.#questions = bothOf(commit.questions, this.#questions);
    const later = this.#waiting;
    this.#waiting = waiting;
    if (later === undefined) return;
    if (WEIGHT.indexOf(later.why) > WEIGHT.indexOf(waiting.why)) waiting.why = later.why;
    for (const node of later.nodes) waiting.nodes.add(node);
    void waiting.made.then(later.resolve);
  }

  /** Whether the run goes on being kept. @param isRepeat of one whose answer was lost: it may have been made already */
  #taken(result: CommitResult, sent: Sent, isRepeat: boolean): boolean {
    const { commit, waiting } = sent;
    if (!result.ok && !(isRepeat && this.#isMade(result, commit))) {
      if (result.why === "cancelled") return this.#goOnToEnd(sent, result.run);
      this.#lose(result.why);
      return false;
    }
    this.#isTroubled = false;
    const { lease, sum } = this.#state;
    const lastSeq = commit.events.at(-1)?.seq ?? this.#state.lastSeq;
    this.#state = { lease, sum, generation: commit.generation, lastSeq };
    this.#run.release(lastSeq);
    if (commit.release !== undefined) this.#parking = "done";
    waiting.resolve(commit.generation);
    if ((commit.run?.status ?? "open") !== "open" || commit.release !== undefined) {
      this.#isClosed = true;
      this.stop();
      return false;
    }
    if (result.ok) this.#heard(result);
    return true;
  }

  /** It was to be given back, and somebody had asked for its end: it ends here. */
  #goOnToEnd(sent: Sent, { cancel, inbox }: StoredRun): true {
    this.#parking = undefined;
    sent.waiting.why = "progress";
    this.#takeBack(sent);
    this.#goOn();
    this.#heard({ cancel, posted: inbox.last });
    return true;
  }

  #goOn(): void {
    for (const resume of this.#resumed) resume();
    this.#resumed.clear();
  }

  /** The run stands as this commit left it, and nobody has come since. */
  #isMade(result: CommitResult, { generation }: Commit): boolean {
    return !result.ok && result.why !== "not-found" && result.run.generation === generation && result.run.token === this.fence;
  }

  #heard({ cancel, posted }: { cancel: { reason: string } | null; posted: number }): void {
    if (cancel !== null) this.#run.cancel(cancel.reason);
    this.#seen = posted;
    if (posted > 0) this.#run.posted(posted);
  }

  /** What others asked for meanwhile. */
  async look(): Promise<void> {
    try {
      const run = await this.#store.read(this.#run.taskId);
      // What it gives back itself is nobody else's doing.
      if (this.#isOver || this.#parking !== undefined || this.#end !== undefined) return;
      if (run === undefined || run.lease?.token !== this.fence) return this.#lose(run === undefined ? "not-found" : "fenced");
      this.#heard({ cancel: run.cancel, posted: run.inbox.last });
    } catch {
      // A hint that leads nowhere: the next commit or renewal looks again.
    }
  }

  #lose(why: Loss): void {
    this.stop();
    this.#run.lost(why);
  }

  #armRenewal(): void {
    this.#timer = this.#run.clock.setTimeout(() => void this.#renew(), this.#leaseMs / 3);
  }

  async #renew(): Promise<void> {
    const asked = monotonicOf(this.#run.clock);
    try {
      const renewed = await this.#store.renew(this.#state.lease, this.#leaseMs);
      if (this.#isOver) return;
      if (!renewed.ok) return this.#lose("fenced");
      this.#renewedAt = asked;
      this.#state = { ...this.#state, lease: { ...this.#state.lease, until: renewed.until } };
      if (this.#parking === undefined) this.#goOn();
      this.#heard(renewed);
    } catch (error) {
      if (asimovErrorOf(error)?.code === "store-closed") return this.#lose("closed");
    }
    if (!this.#isOver) this.#armRenewal();
  }
}

const isAnswer = (result: CommitResult): boolean => result.ok === true || ["fenced", "not-found", "cancelled"].includes(result.why);

const unanswered = (came: unknown): AsimovError =>
  new AsimovError(
    `The store answered a commit with ${JSON.stringify(came)}, expected whether it was made, or why not. Run \`runStoreLaws\` over it.`,
    {
      code: "store-unavailable",
      retryable: true,
    },
  );

export const existsError = ({ taskId, agent, status }: StoredRun): RunError =>
  new RunError(
    `Run ${taskId} is stored already, of agent "${agent}", ${status === "open" ? "unfinished" : `as ${status}`}; a task runs once. Go on with it by \`resume\`, or give the task another id.`,
    { code: "run-exists", taskId },
  );

const eventsOf = (run: KeptRun, store: RunStore): StoredEvent[] =>
  run.takeEvents().map(({ seq, at, body }) => ({ seq, at, body: encoded(store.settings.codec, sealEvent(run.taskId, { seq, at }, body)) }));

/** Where the answer was lost, the store is asked whether the run is there and owned. */
async function createdBy(store: RunStore, run: NewRun, owner: Owner): Promise<CreateResult> {
  try {
    return await store.create(run, owner);
  } catch (error) {
    const lease = (await store.read(run.taskId))?.lease;
    if (lease?.owner.id !== owner.id) throw error;
    return { ok: true, lease };
  }
}

/** What was asked and closed before, and since. */
function bothOf(before: Commit["questions"], since: Commit["questions"]): Commit["questions"] {
  if (before === undefined || since === undefined) return before ?? since;
  return { put: [...before.put, ...since.put], close: [...before.close, ...since.close] };
}

/** @param given.sum brought up to date by the changes */
function commitOf(
  { taskId }: KeptRun,
  store: RunStore,
  given: Pick<Commit, "generation" | "events" | "consumed"> & { questions: Commit["questions"] } & {
    sum: PartsSum;
    changes: PartChanges;
    note: GenerationNote;
  },
): Commit {
  const { generation, sum, changes, note, events, consumed, questions } = given;
  const put = new Map([...changes.put].map(([name, text]) => [name, encoded(store.settings.codec, text)] as const));
  for (const [name, content] of put) sum.put(name, content);
  for (const name of changes.removed) sum.remove(name);
  const info = sealGeneration(taskId, generation, sum, noteText(note));
  const asked = questions === undefined ? {} : { questions };
  return { generation, info, nodes: note.nodes, put, remove: [...changes.removed], events, consumed, ...asked };
}
