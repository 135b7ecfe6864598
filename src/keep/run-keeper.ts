/**
 * Keeps one run in a store while a process owns it: commits what has changed, grouped, under its lease; hears what others ask of it.
 *
 * What comes in one turn is one commit, and one that fails is tried again with what came since, until it is made or the run has ended.
 */

import { asimovErrorOf, RunError } from "#contract/base/errors";
import { type Clock, monotonicOf } from "#contract/base/services";
import type { Commit, CommitResult, NewRun, StoredEvent } from "#contract/store/run-commit";
import type { Lease, Owner, RunEnd } from "#contract/store/run-record";
import type { RunStore } from "#contract/store/run-store";
import { encoded, PartsSum, sealEvent, sealGeneration } from "#contract/store/seal";
import { PartChanges } from "./part-changes.ts";

/** Why a generation was made. */
export type CommitReason = "started" | "step" | "progress" | "parked" | "ended" | "manual";

/** What the runtime says of a generation, beside its parts. */
export interface GenerationNote {
  why: CommitReason;
  nodes: readonly string[];
  hint?: string;
}

/** The run that is kept, as its keeper sees it. */
export interface KeptRun {
  readonly taskId: string;
  readonly clock: Clock;
  /** Adds what has changed since this was last asked, at a moment when no actor is in the middle of an event. */
  writeChanges(changes: PartChanges): void;
  /** What was told since this was last asked, as JSON. */
  takeEvents(): { seq: number; at: number; body: string }[];
  /** They are stored: whoever listens hears them. */
  release(seq: number): void;
  /** The run is somebody else's, or gone. */
  lost(why: "fenced" | "not-found"): void;
  /** Somebody outside wants it to end. */
  cancel(reason: string): void;
  /** The store does not take what was written; told once until it does again. */
  troubled(error: unknown): void;
  /** Messages may have come. */
  posted(last: number): void;
}

/** What a keeper goes on from. */
export interface KeeperState {
  lease: Lease;
  generation: number;
  sum: PartsSum;
  lastSeq: number;
  /** What the next commit says of the run besides, and whether it holds all of its parts: nothing of those before is left. */
  anew?: { run: NonNullable<Commit["run"]>; whole?: true };
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

/** Milliseconds between two tries of a commit that a store did not take, from the first to the longest. */
const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 2_000;

/** The weightier reason of two names a commit that both asked for. */
const WEIGHT: readonly CommitReason[] = ["progress", "step", "manual", "started", "parked", "ended"];

export class RunKeeper {
  readonly #run: KeptRun;
  readonly #store: RunStore;
  readonly #leaseMs: number;
  #state: KeeperState;
  #waiting: Waiting | undefined;
  #committing: Promise<void> | undefined;
  /** Of a commit that was not made. */
  #unsent = new PartChanges();
  #events: StoredEvent[] = [];
  #consumed: number[] = [];
  #end: { status: RunEnd } | undefined;
  #isParked = false;
  #isOver = false;
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
    this.#unsubscribe = store.subscribe((taskId) => {
      if (taskId === null || taskId === run.taskId) void this.look();
    });
    this.#armRenewal();
  }

  /** Stores a run for the first time, and owns it. @throws RunError `run-exists` */
  static async create(run: KeptRun, store: RunStore, owner: Owner, about: (first: Commit) => NewRun): Promise<RunKeeper> {
    const { taskId } = run;
    const sum = new PartsSum(taskId);
    const changes = new PartChanges();
    run.writeChanges(changes);
    const events = eventsOf(run, store);
    const first = commitOf(run, store, { generation: 1, sum, changes, note: { why: "started", nodes: [] }, events, consumed: [] });
    const created = await store.create(about(first), owner);
    if (!created.ok) {
      const { status, agent } = created.run;
      throw new RunError(
        `Run ${taskId} is stored already, of agent "${agent}", as ${status}; a task runs once. Go on with it by \`resume\`, or give the task another id.`,
        { code: "run-exists", taskId },
      );
    }
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

  /** Where the lease could not be renewed in time, nothing more starts before it is: until then there is this to wait for. */
  whenSure(): Promise<void> | undefined {
    if (monotonicOf(this.#run.clock) - this.#renewedAt < (this.#leaseMs * 2) / 3) return undefined;
    return new Promise((resolve) => this.#resumed.add(resolve));
  }

  /** Settles with the generation that holds what stands now; never where the run is lost. */
  commit(why: CommitReason, nodes: Iterable<string> = [], hint?: string): Promise<number> {
    const { promise: made, resolve } = Promise.withResolvers<number>();
    this.#waiting ??= { why, nodes: new Set(), hint: undefined, made, resolve };
    const waiting = this.#waiting;
    for (const node of nodes) waiting.nodes.add(node);
    if (WEIGHT.indexOf(why) > WEIGHT.indexOf(waiting.why)) waiting.why = why;
    waiting.hint ??= hint;
    this.#committing ??= this.#commitAll().finally(() => {
      this.#committing = undefined;
    });
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

  /** Stores what stands now, and gives the lease back with it. */
  park(): Promise<number> {
    this.#isParked = true;
    return this.commit("parked");
  }

  /** Nothing is written any more, and the lease runs out, unless it was given back. */
  stop(): void {
    this.#isOver = true;
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
    this.#run.clock.clearTimeout(this.#timer);
  }

  /** Stops, and gives the lease back. */
  async release(): Promise<void> {
    if (this.#isOver) return;
    this.stop();
    await this.#committing;
    await this.#store.renew(this.#state.lease, 0);
  }

  async #commitAll(): Promise<void> {
    let pause = FIRST_PAUSE_MS;
    // What follows at once from what asked for the commit is in it: the node after the one that has ended, and its wish to be stored.
    for (let hop = 0; hop < HOPS; hop++) await undefined;
    while (this.#waiting !== undefined && !this.#isOver) {
      const waiting = this.#waiting;
      this.#waiting = undefined;
      const changes = new PartChanges();
      this.#run.writeChanges(changes);
      changes.after(this.#unsent);
      this.#unsent = changes;
      this.#events.push(...eventsOf(this.#run, this.#store));
      try {
        const commit = this.#written(waiting, changes);
        const result = await this.#store.commit(this.#state.lease, commit);
        if (!this.#taken(result, commit, waiting)) return;
        pause = FIRST_PAUSE_MS;
      } catch (error) {
        this.#again(waiting);
        if (!this.#isTroubled) this.#run.troubled(error);
        this.#isTroubled = true;
        await new Promise<void>((resolve) => this.#run.clock.setTimeout(resolve, pause));
        pause = Math.min(2 * pause, LONGEST_PAUSE_MS);
      }
    }
  }

  /** What asked while the commit was under way is asked for with it. */
  #again(waiting: Waiting): void {
    const later = this.#waiting;
    this.#waiting = waiting;
    if (later === undefined) return;
    if (WEIGHT.indexOf(later.why) > WEIGHT.indexOf(waiting.why)) waiting.why = later.why;
    for (const node of later.nodes) waiting.nodes.add(node);
    void waiting.made.then(later.resolve);
  }

  #written({ why, nodes, hint }: Waiting, changes: PartChanges): Commit {
    const note = { why, nodes: [...nodes], ...(hint === undefined ? {} : { hint }) };
    const { sum, generation } = this.#state;
    const commit = commitOf(this.#run, this.#store, {
      generation: generation + 1,
      sum,
      changes,
      note,
      events: [...this.#events],
      consumed: [...this.#consumed],
    });
    const { anew } = this.#state;
    const whole = { ...(anew === undefined ? {} : { run: anew.run }), ...(anew?.whole === true ? { whole: true, remove: [] } : {}) };
    if (this.#end !== undefined) return { ...commit, ...whole, run: { ...anew?.run, status: this.#end.status } };
    if (!this.#isParked) return { ...commit, ...whole };
    return { ...commit, ...whole, run: { ...anew?.run, dueAt: this.#run.clock.now() }, release: { seen: this.#seen } };
  }

  /** Whether the run goes on being kept. */
  #taken(result: CommitResult, commit: Commit, waiting: Waiting): boolean {
    if (!result.ok) {
      this.stop();
      if (result.why !== "cancelled") this.#run.lost(result.why);
      return false;
    }
    this.#isTroubled = false;
    const last = commit.events.at(-1)?.seq ?? this.#state.lastSeq;
    const { anew: _anew, ...state } = this.#state;
    this.#state = { ...state, generation: commit.generation, lastSeq: last };
    this.#unsent = new PartChanges();
    this.#events = this.#events.slice(commit.events.length);
    this.#consumed = this.#consumed.slice(commit.consumed.length);
    this.#run.release(last);
    waiting.resolve(commit.generation);
    if ((commit.run?.status ?? "open") !== "open" || commit.release !== undefined) {
      this.stop();
      return false;
    }
    this.#heard(result);
    return true;
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
      if (this.#isOver || this.#isParked || this.#end !== undefined) return;
      if (run === undefined || run.lease?.token !== this.fence) return this.#lose(run === undefined ? "not-found" : "fenced");
      this.#heard({ cancel: run.cancel, posted: run.inbox.last });
    } catch {
      // A hint that leads nowhere: the next commit or renewal looks again.
    }
  }

  #lose(why: "fenced" | "not-found"): void {
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
      for (const resume of this.#resumed) resume();
      this.#resumed.clear();
      this.#heard(renewed);
    } catch (error) {
      if (asimovErrorOf(error)?.code === "store-closed") return this.#lose("not-found");
    }
    if (!this.#isOver) this.#armRenewal();
  }
}

const eventsOf = (run: KeptRun, store: RunStore): StoredEvent[] =>
  run.takeEvents().map(({ seq, at, body }) => ({ seq, at, body: encoded(store.settings.codec, sealEvent(run.taskId, seq, body)) }));

/** @param given.sum brought up to date by the changes */
function commitOf(
  { taskId }: KeptRun,
  store: RunStore,
  given: Pick<Commit, "generation" | "events" | "consumed"> & { sum: PartsSum; changes: PartChanges; note: GenerationNote },
): Commit {
  const { generation, sum, changes, note, events, consumed } = given;
  const put = new Map([...changes.put].map(([name, text]) => [name, encoded(store.settings.codec, text)] as const));
  for (const [name, content] of put) sum.put(name, content);
  for (const name of changes.removed) sum.remove(name);
  const info = sealGeneration(taskId, generation, sum, JSON.stringify(note));
  return { generation, info, nodes: note.nodes, put, remove: [...changes.removed], events, consumed };
}
