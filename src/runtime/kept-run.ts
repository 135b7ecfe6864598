/** A run that is stored, as its keeper sees it: what has changed of its graphs, values and picture, and what others ask of it. */

import { type AsimovError, asimovErrorOf, RunError } from "#contract/base/errors";
import type { Clock } from "#contract/base/services";
import type { Task } from "#contract/base/task";
import type { Turns } from "#contract/base/turns";
import type { Graph } from "#contract/graph/graph";
import type { Fault } from "#contract/node/result";
import type { ChildEnding } from "#contract/run/child-end";
import { ANSWERS, type Answer, answerMessageId, type Question } from "#contract/run/question";
import type { RunView } from "#contract/run/run-view";
import type { Commit, CommitReason, NewRun } from "#contract/store/run-commit";
import type { RunStoreSettings } from "#contract/store/run-options";
import type { RunEnd } from "#contract/store/run-record";
import { requireRoom, type Written } from "#contract/store/run-room";
import type { RunStore } from "#contract/store/run-store";
import { encoded, sealInfo, sealMessage, sealQuestion } from "#contract/store/seal";
import type { NewQuestion } from "#contract/store/stored-question";
import { storeFirst } from "#keep/first-commit";
import type { GraphParts, LiveGraph } from "#keep/graph-parts";
import type { GenerationNote, KeptRun, Loss } from "#keep/kept";
import type { PartChanges } from "#keep/part-changes";
import type { PartTexts } from "#keep/part-texts";
import type { Patience } from "#keep/patience";
import { type KeeperState, RunKeeper } from "#keep/run-keeper";
import { AnsweredStore } from "#runs/answered-store";
import { cancelRun, tellEnding } from "#runs/orders";
import type { Asking } from "./asking.ts";
import { DeltaPublisher } from "./delta-publisher.ts";
import { earlierOf } from "./earlier-events.ts";
import { graphHashOf } from "./graph-hash.ts";
import type { Keeping } from "./keeping.ts";
import { type ChangingRun, RunChanges } from "./run-changes.ts";
import { RunInbox } from "./run-inbox.ts";
import { storeFault } from "./store-fault.ts";
import type { ValuesPlace } from "./values-place.ts";

/** The run, as far as it is kept. */
interface Host extends ChangingRun {
  readonly task: Task;
  readonly services: {
    readonly name: string;
    readonly version: string;
    readonly clock: Clock;
    readonly turns: Pick<Turns, "isOver" | "next">;
  };
  readonly hasQuestions: boolean;
  readonly asking: Asking;
  answered(id: string, answer: Answer): void;
  readonly children: { ending(ending: ChildEnding): void };
  readonly parent: string | undefined;
  /** Settles when the runs that its modules wait for were told that it ends; undefined where there are none. */
  leaveChildren(): Promise<unknown> | undefined;
  readonly dueAt: number | null;
  /** Something has come that a module may wait for. */
  stirred(): void;
  readonly isKeptFromStart: boolean;
  /** Milliseconds since 1970, a whole number. */
  readonly createdAt: number;
  /** Settles when messages that are on their way to the run's own mailboxes are there. */
  settling(): Promise<void> | undefined;
  limited<T>(what: string, work: () => Promise<T>): Promise<T>;
  /** Tells that something could not be stored, or read. */
  reportUnstored(fault: Fault): void;
  readonly rootGraph: Graph;
  readonly hasToldEnd: boolean;
  /** The generation of its end is about to be written. */
  tellEnd(): void;
  lose(error: AsimovError): void;
  cancelBy(reason: string): void;
}

/** By why: the code, and what is said of the run. */
const LOSSES: Readonly<Record<Loss, readonly [code: string, message: string]>> = {
  fenced: ["run-fenced", "is owned by somebody else by now: whatever this process still does is nobody's. It goes on there."],
  "not-found": ["run-not-found", "is not in its store any more: it was removed while it ran."],
  closed: [
    "store-closed",
    "has lost its store, which was closed while it ran: it goes on from what is stored. Open the store, and resume the run.",
  ],
};

/** Milliseconds until what a run tells is stored, and heard. */
const TELL_WITHIN_MS = 50;

/** Milliseconds between two tries to tell a store that a deadline is over: its clock may be behind, or it may be away. */
const FIRST_TRY_MS = 10;
const LONGEST_TRY_MS = 2_000;

const MOST_SPARE_BYTES = 16 * 1024;

export class Kept implements KeptRun {
  readonly #run: Host;
  readonly #keeping: Keeping;
  /** For what the run waits for: each answer comes in time, or none does. */
  readonly #asked: RunStore;
  #keeper: RunKeeper | undefined;
  readonly #changes: RunChanges;
  #inbox: RunInbox | undefined;
  #telling: unknown;
  #isStopped = false;
  #isForgotten = false;
  /** Asked for, and made or on its way. */
  #end: { status: RunEnd; untold: boolean } | undefined;
  #opening: Promise<void> | undefined;
  readonly #opened = Promise.withResolvers<void>();
  /** Of a run that was submitted: settles when its first values are there, without which nobody could go on with it. */
  #begun: PromiseWithResolvers<void> | undefined;
  #isPutDown = false;
  /** See `KeeperState`. */
  #lostOwner = 0;

  constructor(run: Host, keeping: Keeping, stored?: ReadonlyMap<string, PartTexts>) {
    this.#run = run;
    this.#keeping = keeping;
    this.#asked = new AnsweredStore(keeping.store, { run: (what, work) => run.limited(what, work) });
    this.#changes = new RunChanges(run, stored);
    run.events.hold(() => this.#told(), stored !== undefined);
    run.events.storedIn(earlierOf(this.#asked, run.task.id));
    run.events.deltas.publishBy(new DeltaPublisher(this.#asked, run.task.id, run.services.clock));
  }

  get taskId(): string {
    return this.#run.task.id;
  }

  get clock(): Clock {
    return this.#run.services.clock;
  }

  get dueAt(): number | null {
    return this.#run.dueAt;
  }

  /** 0 before the run is owned. */
  get fence(): number {
    return this.#keeper?.fence ?? 0;
  }

  get leaseMs(): number {
    return this.#keeping.owner.leaseMs;
  }

  get lostOwner(): number {
    return this.#lostOwner;
  }

  get generation(): number {
    return this.#keeper?.generation ?? 0;
  }

  /** Of the run's picture, what its store says and no event. */
  get standing(): Pick<RunView, "owner"> {
    if (this.#keeper === undefined || this.#keeper.isOver) return {};
    const { owner, until } = this.#keeper.lease;
    return { owner: { id: owner.id, until } };
  }

  /** Of a graph that begins, or is restored. */
  partsOf(graph: LiveGraph): GraphParts {
    return this.#changes.partsOf(graph);
  }

  changed(graph: GraphParts): void {
    this.#changes.changed(graph);
  }

  over(graph: GraphParts): void {
    this.#changes.over(graph);
  }

  whenSure(): Promise<void> | undefined {
    return this.#keeper?.whenSure();
  }

  get settings(): RunStoreSettings {
    return this.#keeping.store.settings;
  }

  /** @throws AsimovError `part-too-large` */
  requireRoom(written: Written): void {
    requireRoom({ taskId: this.taskId, ...this.settings }, written);
  }

  /** In a node's part, for how the node ends. */
  get spareBytes(): number {
    return Math.min(MOST_SPARE_BYTES, Math.floor(this.settings.maxPartBytes / 8));
  }

  refused(error: AsimovError): void {
    this.#run.lose(error);
  }

  /**
   * Stores the run for the first time, and owns it; once for all who ask. @throws RunError `run-exists`, and what the store threw
   *
   * @param patience for a store that is away; absent where whoever asks hears of that at once
   */
  async open(note: GenerationNote = { why: "started", nodes: [] }, patience?: Patience): Promise<void> {
    if (this.#keeper !== undefined) return;
    this.#opening ??= this.#open(note, patience);
    await this.#opening;
  }

  async #open(note: GenerationNote, patience: Patience | undefined): Promise<void> {
    const { store, owner } = this.#keeping;
    const about = (first: NewRun["first"]): NewRun => this.#newRun(first);
    const late = (state: KeeperState): void => this.#openedLate(state);
    const keeper = this.#keep(await storeFirst(this, { store, owner, note, about, patience, late }));
    if (this.#isStopped) keeper.stop();
    // Before any node of it starts.
    if (this.#isPutDown) void keeper.park();
    this.#opened.resolve();
  }

  /** It was given up, and is stored and owned after all: it is what became of it meanwhile. */
  #openedLate(state: KeeperState): void {
    const { store } = this.#keeping;
    if (this.#isForgotten) store.remove(this.taskId).catch(() => {});
    else if (this.#end !== undefined) void this.#keep(state).end(this.#end.status, this.#end.untold);
    else if (this.#isStopped) store.renew(state.lease, 0).catch(() => {});
    else this.#keep(state);
  }

  /** It could not be opened, and the run goes on without it: what comes to its store after all is nobody's. */
  forget(): void {
    this.#isForgotten = true;
  }

  #keep(state: KeeperState, pending = 0): RunKeeper {
    const { store } = this.#keeping;
    this.#lostOwner = state.lostOwner ?? 0;
    this.#inbox = new RunInbox(this, this.#asked, pending);
    this.#keeper = new RunKeeper(this, store, state);
    return this.#keeper;
  }

  /** Goes on with a run that is owned, in whose inbox so many messages wait: they are looked for when its events say that it goes on. */
  goOn(state: KeeperState, pending: number): void {
    this.#keep(state, pending);
    this.#changes.restored();
  }

  /** Begins a run that was stored, with nothing of it done, and is owned: its first commit is all of it. */
  begin(state: KeeperState, pending: number): void {
    const keeper = this.#keep(state, pending);
    this.#begun = Promise.withResolvers();
    this.#opened.resolve();
    void keeper.look();
  }

  /** Its first values are there. */
  hasBegun(): void {
    this.#begun?.resolve();
  }

  #newRun(first: NewRun["first"]): NewRun {
    const { task, services, isKeptFromStart, createdAt } = this.#run;
    const { codec } = this.settings;
    const { objective, params } = task;
    const { parent } = this.#run;
    const info = { objective, params, ...(parent === undefined ? {} : { parent }) };
    return {
      taskId: task.id,
      agent: services.name,
      version: services.version,
      type: task.type,
      labels: task.labels,
      graphHash: graphHashOf(this.#run.rootGraph),
      info: encoded(codec, sealInfo(task.id, JSON.stringify(info))),
      dueAt: null,
      ...(isKeptFromStart ? {} : { createdAt }),
      first,
    };
  }

  /** Settles when what stands now is stored, or at once where nobody waits for that. */
  async commit(why: CommitReason, nodes: Iterable<string> = []): Promise<void> {
    if (this.#keeper === undefined) await this.#opening;
    const made = this.#keeper?.commit(why, nodes);
    if (this.#keeping.durability === "sync") await made;
  }

  /** Settles when what stands now is stored. */
  async stored(): Promise<void> {
    if (this.#keeper === undefined) await (this.#opening ?? this.opened);
    await this.#keeper?.commit("progress");
  }

  /** @returns the generation that holds what stands now */
  async snapshot(nodes: readonly string[], hint: string | undefined): Promise<number> {
    if (this.#keeper !== undefined) return await this.#keeper.commit("manual", nodes, hint);
    await this.open({ why: "manual", nodes, ...(hint === undefined ? {} : { hint }) });
    return this.generation;
  }

  /** The run has ended: whoever waits goes on when that is stored. @param untold whether somebody is to be told of it */
  async end(status: RunEnd, untold: boolean): Promise<void> {
    this.#end = { status, untold };
    // What kept it from being stored was told.
    if (this.#keeper === undefined) await this.#opening?.catch(() => {});
    if (this.#keeper === undefined) return this.freeze();
    const told = this.#tellEnding();
    if (told !== undefined) await told;
    await this.#keeper.end(status, untold);
  }

  /** Before the end is stored, so that no crash leaves a parent that waits for it without a word, or a child without an end. */
  #tellEnding(): Promise<unknown> | undefined {
    const { parent } = this.#run;
    const told = [this.#run.leaveChildren(), parent === undefined ? undefined : this.#tellParent(parent)];
    return told.some((each) => each !== undefined) ? Promise.all(told) : undefined;
  }

  #tellParent(parent: string): Promise<void> {
    const token = this.fence;
    return this.#untilTaken(() => tellEnding(this.#asked, parent, { taskId: this.taskId, token }, String(token)));
  }

  /** The run ends, and so does that one: what keeps it from being told is no matter of this run's. */
  async cancelRun(taskId: string): Promise<void> {
    const reason = `run ${this.taskId}, which waited for it, does so no more`;
    await this.#untilTaken(() => cancelRun(this.#asked, taskId, reason).catch(unlessOver));
  }

  /** As long as nobody else has the run: its store may be away. */
  async #untilTaken(work: () => Promise<unknown>): Promise<void> {
    for (let pause = FIRST_TRY_MS; !(this.#keeper?.isOver ?? this.#isStopped); pause = Math.min(2 * pause, LONGEST_TRY_MS)) {
      try {
        return void (await work());
      } catch (error) {
        if (asimovErrorOf(error)?.code === "store-closed") return;
      }
      await new Promise<void>((resolve) => this.clock.setTimeout(resolve, pause));
    }
  }

  /** Its end is not stored yet, and its actors are about to be gone: what is written of it is what stands now. */
  freeze(): void {
    if (!this.#run.hasToldEnd) this.saving(this.#keeper?.next ?? 2, { why: "ended", nodes: [] });
    this.#changes.freeze();
  }

  /** The message of its end was told. */
  async endTold(number: number): Promise<void> {
    if (this.#end !== undefined) this.#end.untold = false;
    if (this.#keeper === undefined) return;
    // Where the store does not hear of it, it is told once more.
    await this.#asked.endTold(this.taskId, number).catch(() => {});
  }

  /** Nothing is written any more, but for an end that is on its way. */
  stop(): void {
    this.#isStopped = true;
    this.clock.clearTimeout(this.#telling);
    if (this.#end === undefined) this.#keeper?.stop();
  }

  /** Whoever listens hears what is told soon, also where nothing else asks for a commit. */
  #told(): void {
    this.#telling ??= this.clock.setTimeout(() => {
      this.#telling = undefined;
      if (this.#run.events.hasHeld) void this.#keeper?.commit("progress");
    }, TELL_WITHIN_MS);
  }

  /** Settles when the run is in its store. */
  get opened(): Promise<void> {
    return this.#opened.promise;
  }

  /** Stores the run as it stands, and lets it go; false where it has ended instead. */
  async park(): Promise<boolean> {
    this.#isPutDown = true;
    if (this.#keeper === undefined) await this.opened;
    await this.#begun?.promise;
    return this.#isPutDown && (await this.#keeper?.park()) === true;
  }

  /** It is not put down any more, unless that is on its way: whether it goes on. */
  keepOn(): boolean {
    this.#isPutDown = false;
    return this.#keeper?.keepOn() ?? true;
  }

  settling(): Promise<void> | undefined {
    return this.#run.settling();
  }

  limited<T>(what: string, work: () => Promise<T>): Promise<T> {
    return this.#run.limited(what, work);
  }

  nextTurn(): Promise<void> | undefined {
    const { turns } = this.#run.services;
    return turns.isOver() ? new Promise((resolve) => turns.next(resolve)) : undefined;
  }

  saving(generation: number, { why, nodes }: GenerationNote): void {
    if (this.#changes.isFrozen) return;
    const { events } = this.#run;
    // The first event is that of its start: one that is put down before that begins when it is taken up.
    if (events.told > 0) {
      events.tell({ type: "snapshot.saved", ref: { taskId: this.taskId, generation }, why, nodes }, []);
      if (why === "parked") events.tell({ type: "run.parked", dueAt: this.#run.dueAt }, []);
    }
    if (why === "ended") this.#run.tellEnd();
  }

  writeChanges(changes: PartChanges): void {
    this.#changes.write(changes);
  }

  takeEvents(): ReturnType<KeptRun["takeEvents"]> {
    return this.#changes.takeEvents();
  }

  takeQuestions(): Commit["questions"] {
    const changes = this.#run.hasQuestions ? this.#run.asking.takeChanges() : undefined;
    if (changes === undefined) return undefined;
    const { codec } = this.#keeping.store.settings;
    const put = changes.put.map((question): NewQuestion => {
      const { id, askedAt, deadline = null, to = null } = question;
      return { id, askedAt, deadline, to, body: encoded(codec, sealQuestion(this.taskId, id, JSON.stringify(question))) };
    });
    return { put, close: changes.close };
  }

  /** No answer comes any more, unless one was there before: the store says which, and it is taken. */
  async expire({ id, deadline = 0, taskId }: Question): Promise<void> {
    const store = this.#asked;
    const message = { id: answerMessageId(id), mailbox: ANSWERS };
    const body = encoded(store.settings.codec, sealMessage(taskId, message, JSON.stringify({ why: "deadline" })));
    const order = { kind: "message", ...message, body, from: deadline, closes: { id, why: "deadline" } } as const;
    await this.#untilTaken(async () => {
      if ((await store.post(taskId, order)) === "early") throw new Error("its clock is behind");
      await this.caughtUp();
    });
  }

  release(seq: number): void {
    this.#run.events.release(seq);
  }

  lost(why: Loss): void {
    const { id } = this.#run.task;
    const [code, message] = LOSSES[why];
    this.#run.lose(new RunError(`Run ${id} ${message}`, { code, taskId: id }));
  }

  cancel(reason: string): void {
    this.#run.cancelBy(reason);
  }

  troubled(error: unknown): void {
    this.#run.reportUnstored(storeFault("The run could not be stored, and is tried again until it is", error, "snapshot-write-failed"));
  }

  /** What others had asked for is known here, and the messages that had come are taken. */
  async caughtUp(): Promise<void> {
    await this.#keeper?.look();
    await this.#inbox?.idle;
  }

  posted(last: number): void {
    this.#inbox?.posted(last);
  }

  get taken(): number {
    return this.#inbox?.taken ?? 0;
  }

  answered(question: string, answer: Answer): void {
    this.#run.answered(question, answer);
  }

  ending(ending: ChildEnding): void {
    this.#run.children.ending(ending);
  }

  received(n: number): void {
    this.#run.stirred();
    this.#keeper?.consumed(n);
    void this.#keeper?.commit("progress");
  }

  get place(): ValuesPlace {
    return this.#run.place;
  }

  unread(what: string, error: unknown): void {
    this.#run.reportUnstored(storeFault(what, error));
  }
}

/** Of a run that is gone, or has ended, there is nobody to tell. */
function unlessOver(error: unknown): void {
  const code = asimovErrorOf(error)?.code;
  if (code !== "run-not-found" && code !== "run-ended") throw error;
}
