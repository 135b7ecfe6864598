/**
 * Keeps one run in a store while a process owns it: commits what has changed, grouped, under its lease; hears what others ask of it.
 *
 * What comes in one turn is one commit, and one that fails is tried again with what came since, until it is made or the run has ended.
 */

import { type AsimovError, asimovErrorOf } from "#contract/base/errors";
import { requireAnswer } from "#contract/store/run-answers";
import type { Commit, CommitReason, CommitResult, RenewResult, StoredEvent } from "#contract/store/run-commit";
import type { Lease, RunEnd, StoredRun } from "#contract/store/run-record";
import { isHeld } from "#contract/store/run-steps";
import type { RunStore } from "#contract/store/run-store";
import type { PartsSum } from "#contract/store/seal";
import { commitOf, eventsOf } from "./commit-of.ts";
import { onHint } from "./hints.ts";
import type { KeptRun, Loss } from "./kept.ts";
import { LeaseRenewal } from "./lease-renewal.ts";
import { PartChanges } from "./part-changes.ts";
import { Patience } from "./patience.ts";
import { requireSound } from "./sound-row.ts";

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
  /** The fencing token of the owner before, where that was lost: its lease ran out. Else 0. */
  lostOwner?: number;
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

/** The weightier reason of two names a commit that both asked for. */
const WEIGHT: readonly CommitReason[] = ["progress", "step", "manual", "started", "parked", "ended"];

/** What a store says of a commit that it would never take. */
const REFUSED = new Set(["part-too-large", "run-store-text"]);
/** So often a commit is refused, with what came since, until nothing is left to hope for: what a module writes is looked at before. */
const MOST_REFUSALS = 6;

export class RunKeeper {
  readonly #run: KeptRun;
  readonly #store: RunStore;
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
  #end: { status: RunEnd; untold: boolean } | undefined;
  /** Whether it is to be given back, and has been. */
  #parking: "asked" | "done" | undefined;
  /** Of that: whether it was. */
  #parked: Promise<boolean> | undefined;
  #isOver = false;
  /** The last commit is made: nothing more will be. */
  #isClosed = false;
  #isTroubled = false;
  readonly #renewal: LeaseRenewal;
  readonly #patience: Patience;
  #unsubscribe: (() => void) | undefined;
  readonly #resumed = new Set<() => void>();

  constructor(run: KeptRun, store: RunStore, state: KeeperState) {
    this.#run = run;
    this.#store = store;
    this.#state = state;
    this.#patience = new Patience(run.clock);
    const { leaseMs } = state.lease.owner;
    const renew = async (): Promise<RenewResult> => requireAnswer("renew", await store.renew(this.lease, leaseMs));
    const answered = (renewed: RenewResult): void => this.#renewed(renewed);
    const closed = (): void => this.#lose("closed");
    this.#renewal = new LeaseRenewal({ clock: run.clock, leaseMs, renew, answered, closed });
    this.#unsubscribe = onHint(store, run.taskId, () => void this.look());
  }

  /** The fencing token. */
  get fence(): number {
    return this.#state.lease.token;
  }

  get generation(): number {
    return this.#state.generation;
  }

  /** The one after what is stored, or on its way to the store. */
  get next(): number {
    return this.generation + (this.#sent === undefined ? 1 : 2);
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
    if (this.#parking === undefined && this.#renewal.isSure) return undefined;
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

  /**
   * The last commit: with it the run has ended, and the lease is given back.
   * @param untold whether somebody is to be told of it, by whoever is there to do so
   */
  end(status: RunEnd, untold: boolean): Promise<number> {
    this.#end = { status, untold };
    return this.commit("ended");
  }

  /** Stores what stands now, and gives the lease back with it, once for all who ask; false where the run goes on, or has ended, instead. */
  park(): Promise<boolean> {
    this.#parking ??= "asked";
    this.#parked ??= this.commit("parked").then(() => this.#parking === "done");
    return this.#parked;
  }

  /** The lease is kept, unless it is on its way back already: whether it is kept. */
  keepOn(): boolean {
    if (this.#parking === undefined) return true;
    if (this.#parking === "done" || this.#sent?.commit.release !== undefined) return false;
    if (this.#waiting?.why === "parked") this.#waiting.why = "progress";
    this.#keepLease();
    return true;
  }

  #keepLease(): void {
    this.#parking = undefined;
    this.#parked = undefined;
    this.#goOn();
  }

  /** Nothing is written any more, and the lease runs out, unless it was given back. */
  stop(): void {
    this.#isOver = true;
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
    this.#renewal.stop();
    this.#patience.end();
  }

  async #commitAll(): Promise<void> {
    // What follows at once from what asked for the commit is in it: the node after the one that has ended, and its wish to be stored. Where
    // this turn of the event loop is over for the run, that follows in the next one.
    const turn = this.#run.nextTurn();
    if (turn !== undefined) await turn;
    for (let hop = 0; hop < HOPS; hop++) await undefined;
    try {
      let refusals = 0;
      while ((this.#sent !== undefined || this.#waiting !== undefined) && !this.#isOver) {
        const isRepeat = this.#sent !== undefined;
        this.#sent ??= await this.#written();
        const sent = this.#sent;
        try {
          const result = await this.#run.limited("storing the run", () => this.#store.commit(this.#state.lease, sent.commit));
          requireAnswer("commit", result);
          this.#sent = undefined;
          if (!this.#taken(result, sent, isRepeat)) return;
          this.#patience.renew();
          refusals = 0;
        } catch (error) {
          const refusal = asimovErrorOf(error);
          if (refusal?.code === "store-closed") return this.#lose("closed");
          if (refusal !== undefined && REFUSED.has(refusal.code)) {
            this.#takeBack(sent);
            if (++refusals === MOST_REFUSALS) return await this.#giveUp(refusal);
          }
          if (!this.#isTroubled) this.#run.troubled(error);
          this.#isTroubled = true;
          await this.#patience.pause();
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
    if (this.#end !== undefined) commit.run = { ...code, ...this.#end };
    else if (this.#parking !== undefined) Object.assign(commit, { run: { ...commit.run, dueAt }, release: { seen: this.#run.taken } });
    return { commit, changes, waiting };
  }

  async #giveUp(error: AsimovError): Promise<void> {
    this.stop();
    await this.#run.limited("giving the run back", () => this.#store.renew(this.#state.lease, 0)).catch(() => {});
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
    sent.waiting.why = "progress";
    this.#takeBack(sent);
    this.#keepLease();
    this.#heard({ cancel, posted: inbox.last });
    return true;
  }

  #goOn(): void {
    for (const resume of this.#resumed) resume();
    this.#resumed.clear();
  }

  /** The run stands as this commit left it, and nobody has come since. */
  #isMade(result: CommitResult, { generation }: Commit): boolean {
    if (result.ok || result.why === "not-found") return false;
    const { run } = result;
    return run.generation === generation && run.token === this.fence && (run.lease === null || isHeld(run, this.lease));
  }

  #heard({ cancel, posted }: { cancel: { reason: string } | null; posted: number }): void {
    if (cancel !== null) this.#run.cancel(cancel.reason);
    if (posted > 0) this.#run.posted(posted);
  }

  /** What it gives back itself is nobody else's doing: its last commit says whether it was the owner until then. */
  get #isLeaving(): boolean {
    return this.#parking !== undefined || this.#end !== undefined;
  }

  /** What others asked for meanwhile. */
  async look(): Promise<void> {
    try {
      const run = await this.#run.limited("looking at the run", () => this.#store.read(this.#run.taskId));
      if (this.#isOver || this.#isLeaving) return;
      if (run !== undefined) requireSound(this.#run.taskId, run);
      if (run === undefined || !isHeld(run, this.lease)) return this.#lose(run === undefined ? "not-found" : "fenced");
      this.#heard({ cancel: run.cancel, posted: run.inbox.last });
    } catch {
      // A hint that leads nowhere: the next commit or renewal looks again.
    }
  }

  #lose(why: Loss): void {
    this.stop();
    this.#run.lost(why);
  }

  #renewed(renewed: RenewResult): void {
    if (!renewed.ok) return this.#isLeaving ? undefined : this.#lose("fenced");
    const { lease } = this.#state;
    this.#state = { ...this.#state, lease: { ...lease, until: Math.max(lease.until, renewed.until) } };
    if (this.#parking === undefined) this.#goOn();
    this.#heard(renewed);
  }
}

/** What was asked and closed before, and since. */
function bothOf(before: Commit["questions"], since: Commit["questions"]): Commit["questions"] {
  if (before === undefined || since === undefined) return before ?? since;
  return { put: [...before.put, ...since.put], close: [...before.close, ...since.close] };
}
