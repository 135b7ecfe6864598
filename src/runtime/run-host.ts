/** What one run has of its own: values, task, events, spans and the way to its snapshots; shared by the graphs nested in it. */
import type { AnyActorRef } from "xstate";
import type { Outbox } from "#actors/publish-messages";
import { dropping } from "#contract/base/dropping";
import { EffectLimits } from "#contract/base/effect-limits";
import { shownMessageOf } from "#contract/base/error-details";
import { AsimovError, asimovErrorOf, RunError } from "#contract/base/errors";
import { moveTask, type Task, type TaskJSON } from "#contract/base/task";
import type { Span, SpanFailure } from "#contract/base/telemetry";
import { afterThisTurn } from "#contract/base/turns";
import type { TaskStatus } from "#contract/base/vocabulary";
import { type CallEstimate, runInNoScope, type SettleCall } from "#contract/chat/call-scope";
import type { Usage } from "#contract/chat/usage";
import type { Graph } from "#contract/graph/graph";
import type { OutputMailbox } from "#contract/node/output-mailbox";
import type { Failure, Fault } from "#contract/node/result";
import { NOTHING_SPENT, type Spending } from "#contract/run/budget";
import type { ChildQueue } from "#contract/run/child-queue";
import { endId } from "#contract/run/end";
import type { RunEventBody } from "#contract/run/events";
import type { Order } from "#contract/run/order";
import type { ParkedRun } from "#contract/run/parked";
import type { Answer, Question } from "#contract/run/question";
import type { RunView, Waiting } from "#contract/run/run-view";
import type { Cache } from "#contract/store/cache";
import type { SnapshotRef } from "#contract/store/run-commit";
import { existsError, inOurs } from "#contract/store/run-errors";
import type { RunEnd } from "#contract/store/run-record";
import { requireRoom, type Written } from "#contract/store/run-room";
import type { QuestionEnd } from "#contract/store/stored-question";
import { Patience, untilAnswered } from "#keep/patience";
import { ReplayLog } from "#replay/replay-log";
import type { AgentServices } from "./agent-services.ts";
import { Asking } from "./asking.ts";
import { CallLedger } from "./call-ledger.ts";
import { Children } from "./children.ts";
import { conditionScope } from "./condition-scope.ts";
import { EndOrders } from "./end-orders.ts";
import { EventHub } from "./event-hub.ts";
import { InputMailboxes } from "./input-mailboxes.ts";
import type { KeepingOf, WhenWaiting } from "./keeping.ts";
import { Kept } from "./kept-run.ts";
import { Lifetime } from "./lifetime.ts";
import type { NodeResults } from "./node-results.ts";
import { Parking } from "./parking.ts";
import { RunMail } from "./run-mail.ts";
import { StartScope } from "./start-scope.ts";
import { storeFault } from "./store-fault.ts";
import { type PlacedValues, ValuesPlace } from "./values-place.ts";

/** Of an event, what is not the picture in it. */
const MOST_EVENT_FRAME = 20_000;

/** A graph of the run, as far as it is kept. */
interface KeptGraph {
  keep(kept: Kept | undefined): void;
}

export class RunHost implements Outbox {
  readonly services: AgentServices;
  readonly runId: string;
  readonly task: Task;
  readonly place: ValuesPlace;
  readonly events: EventHub;
  /** Of a run that is stored. */
  kept: Kept | undefined;
  /** All that live, nested ones too. */
  readonly graphs = new Set<KeptGraph>();
  /** Of each time limit that counts: says that its node has changed. */
  readonly counting = new Set<() => void>();
  readonly #keeping: KeepingOf | undefined;
  /** What its modules have had, over all attempts. */
  readonly replayLog: ReplayLog;
  #asking: Asking | undefined;
  #children: Children | undefined;
  /** What its modules wait for. */
  readonly waits = new Set<Waiting>();
  readonly inputMailboxes = new InputMailboxes();
  readonly span: Span;
  /** Told of the node that has spent something, by `pathKey`. */
  usageChanged: ((key: string) => void) | undefined;
  /** Why it did not complete, once it has ended. */
  failure: Failure | undefined;
  /** The agent actor of the whole run. */
  root: AnyActorRef | undefined;
  readonly createdAt: number;
  readonly isRestored: boolean;
  #isReplay = false;
  readonly #mail = new RunMail(this);
  readonly #ledger: CallLedger;
  readonly #limits: EffectLimits;
  #orders: EndOrders | undefined;
  /** For a store that is away as the run begins. */
  #patience: Patience | undefined;
  #isFinished = false;
  /** Its end was asked for. */
  #isCancelled = false;
  #isWaiting = false;
  /** How many messages have come, and after how many of them it stood still. */
  #stirs = 0;
  /** It is being put down since all of it waits, and for nobody who has asked for that. */
  #parksItself = false;
  #stilled = 0;
  /** Of one that was put down: when it is due. */
  #parkedUntil: number | null = null;
  /** How it ends, once that is known. */
  #end: Extract<RunEventBody, { type: "run.ended" }> | undefined;
  #hasToldEnd = false;
  /** Why the run is nobody's here any more. */
  #lost: RunError | undefined;
  readonly startScope = new StartScope();
  #parking: Parking | undefined;
  #hasBegun = false;
  /** Told when it begins. */
  readonly #changed: [body: RunEventBody, path: readonly string[]][] = [];
  #lifetime: Lifetime | undefined;

  constructor(
    services: AgentServices,
    run: {
      runId: string;
      task: Task;
      values: PlacedValues;
      restored?: { spent: Spending; view: RunView | undefined; replay: Readonly<Record<string, string>> | undefined };
      keeping?: KeepingOf | undefined;
    },
  ) {
    this.services = services;
    this.runId = run.runId;
    this.task = run.task;
    this.events = new EventHub({ taskId: run.task.id, clock: services.clock, view: run.restored?.view });
    this.createdAt = Math.floor(services.clock.now());
    this.isRestored = run.restored !== undefined;
    this.#keeping = run.keeping;
    this.replayLog = new ReplayLog(Object.entries(run.restored?.replay ?? {}));
    this.kept = run.keeping?.isKept === true ? new Kept(this, run.keeping.how(), run.keeping.stored) : undefined;
    const { clock, effectTimeoutMs, abortGraceMs } = services;
    this.#limits = new EffectLimits(clock, { limitMs: effectTimeoutMs, graceMs: abortGraceMs });
    this.#ledger = new CallLedger(services.budget, run.restored?.spent ?? NOTHING_SPENT, (reason, code) => this.#askEnd({ reason, code }));
    this.place = new ValuesPlace(services, run.values, (written) => this.requireRoom(written));
    this.span = services.telemetry.startSpan(
      `run ${run.task.type}`,
      { "asimov.run.id": run.runId, "asimov.task.id": run.task.id },
      undefined,
    );
  }

  get taskId(): string {
    return this.task.id;
  }

  /** Cancels the run when the signal does. */
  listen(signal: AbortSignal | undefined): void {
    if (signal !== undefined && this.#endOrders().listen(signal)) this.startScope.heard(signal);
  }

  /** The run fails at that moment, unless it has ended. */
  endBy(deadline: number | undefined): void {
    if (deadline !== undefined) this.#endOrders().endBy(deadline);
  }

  #endOrders(): EndOrders {
    this.#orders ??= new EndOrders(this, this.services.clock);
    return this.#orders;
  }

  /** How a graph differs from the stored one: told when the run goes on. */
  tellChanged(changed: RunEventBody, path: readonly string[]): void {
    if (this.#hasBegun) this.events.tell(changed, path);
    else this.#changed.push([changed, path]);
  }

  /** It goes on from a stored generation. @param isTold whether that is what its events have told */
  tellRestored(from: { generation: number; passedOver: readonly string[]; isTold: boolean }): void {
    const { generation, passedOver, isTold } = from;
    const view = isTold ? {} : { view: this.#viewToTell() };
    const newer = passedOver.length === 0 ? {} : { passedOver };
    const { version } = this.services;
    this.events.tell({ type: "run.restored", runId: this.runId, version, generation, ...newer, ...view }, []);
  }

  #viewToTell(): RunView | null {
    const view = this.events.view();
    const text = JSON.stringify(view);
    try {
      this.requireRoom({ what: () => "The run's picture", length: text.length, text: () => text, spare: MOST_EVENT_FRAME });
      return view;
    } catch (error) {
      if (asimovErrorOf(error)?.code === "part-too-large") return null;
      throw error;
    }
  }

  /** Its actor starts. */
  begin(): void {
    if (!this.#isFinished) this.#orders?.arm();
    this.events.restoredFrom = undefined;
    this.#hasBegun = true;
    for (const [changed, path] of this.#changed.splice(0)) this.events.tell(changed, path);
    this.#lifetime?.begin();
    this.listen(this.startScope.begin());
  }

  /** Its deadline has come. */
  expire(deadline: number): void {
    const reason = `The run was not at its end by ${new Date(deadline).toISOString()}, its deadline (deadlineMs).`;
    this.#askEnd({ reason, code: "run-deadline" });
  }

  /** @param reason told masked and cut in size, as any error is */
  cancel(reason: unknown): void {
    // Of a run around this one: it says so itself.
    const isTold = asimovErrorOf(reason)?.code === "cancelled";
    const why = reason === undefined || reason === "" ? "." : `: ${shownMessageOf(reason)}`;
    this.#askEnd({ reason: isTold ? shownMessageOf(reason) : `The run was cancelled${why}` });
  }

  /** Somebody outside of this process wants it to end. @param reason told already as it shall be */
  cancelBy(reason: string): void {
    this.#askEnd({ reason });
  }

  #askEnd(order: { reason: string; code?: string }): void {
    if (!this.#isFinished) this.root?.send({ type: "run.cancel", ...order });
  }

  /** All that is unfinished waits for something outside, or something works again. */
  waiting(waits: boolean): void {
    this.#isWaiting = waits;
    // Nobody has asked for it to be put down: it works again.
    if (!waits && this.#parksItself) this.keepOn();
    if (!waits || !this.#parksWhenWaiting) return;
    void this.#parkIfWaiting().catch(() => {});
  }

  /** Unless what it waits for is there already, or is due; whoever ended it meanwhile, or wants its end, has it. */
  async #parkIfWaiting(): Promise<void> {
    await this.#still();
    if (!this.#isWaiting || this.#isDue || this.#children?.stays === true) return;
    if (this.#parking?.isOver !== false) this.#parksItself = true;
    await this.#park();
  }

  /** What is due wakes it by itself. */
  get #isDue(): boolean {
    return !this.#isStirred && (this.dueAt ?? Number.POSITIVE_INFINITY) <= this.services.clock.now();
  }

  /** A message has come, which may be what a module waits for. */
  stirred(): void {
    this.#stirs++;
  }

  /** What has come is taken up, and whoever was woken by it has said that it goes on. */
  async #still(): Promise<void> {
    for (let stirs = -1; stirs !== this.#stirs && this.#isWaiting; ) {
      stirs = this.#stirs;
      await this.kept?.caughtUp();
      await new Promise<void>(afterThisTurn);
      // Elsewhere nobody here knows when a message is there.
      if (this.place.own !== undefined) this.#stilled = stirs;
    }
  }

  /** Whoever was woken may not have said so yet. */
  get #isStirred(): boolean {
    return this.#stirs !== this.#stilled;
  }

  get #parksWhenWaiting(): boolean {
    return this.whenWaiting === "park";
  }

  get whenWaiting(): WhenWaiting {
    return this.#keeping?.whenWaiting ?? "hold";
  }

  get onQuestion(): ((question: Question) => void) | undefined {
    return this.#keeping?.onQuestion;
  }

  get childQueue(): ChildQueue | undefined {
    return this.#keeping?.childQueue;
  }

  get parent(): string | undefined {
    return this.#keeping?.parent;
  }

  /** Made with the first; of a restored run, when somebody asks for them. */
  get children(): Children {
    this.#children ??= new Children(this.replayLog, () => this.waiting(this.#isWaiting));
    return this.#children;
  }

  /** The runs that its modules wait for end with it, or with one node of it. Settles when they are told; undefined where there are none. */
  leaveChildren(at?: string): Promise<unknown> | undefined {
    const left = this.replayLog.size === 0 ? [] : this.children.leave(at);
    return left.length === 0 ? undefined : Promise.all(left.map((taskId) => this.kept?.cancelRun(taskId)));
  }

  /** What its outcome is where it was put down, and may be. */
  get parked(): ParkedRun | undefined {
    if (!this.#parksWhenWaiting || this.#lost?.code !== "run-parked") return undefined;
    const { taskId, questions } = this.view();
    return { status: "PARKED", taskId, questions, ...(this.#parkedUntil === null ? {} : { dueAt: this.#parkedUntil }) };
  }

  /** Made with the first question; of a restored run, when somebody asks for them. */
  get asking(): Asking {
    this.#asking ??= new Asking({
      clock: this.services.clock,
      log: this.replayLog,
      tell: (event) => this.events.tell(event, []),
      onQuestion: (question) => this.#announce(question),
      expire: (question) => this.#expire(question),
      stored: async (node) => this.kept?.commit("progress", [node]),
      escalated: () => this.waiting(this.#isWaiting),
    });
    return this.#asking;
  }

  #announce(question: Question): void {
    for (const tell of [this.services.onQuestion, this.#keeping?.onQuestion]) {
      // What is done about it, such as a run that tells somebody, is none of the module's that asks.
      runInNoScope(() => dropping(() => tell?.(question)));
    }
  }

  get hasQuestions(): boolean {
    return this.#asking !== undefined || this.replayLog.size > 0;
  }

  /** Of an answer and its deadline one wins: where the run is stored, whoever comes to its store first. */
  async #expire(question: Question): Promise<void> {
    if (this.kept === undefined) this.answered(question.id, { why: "deadline" });
    else await this.kept.expire(question);
  }

  /** A question has its answer, or will have none; one that nobody asks any more is passed over. */
  answered(id: string, answer: Answer): void {
    if (!this.#isFinished) this.asking.settle(id, answer);
  }

  /** When it can go on without an answer or a message, once nobody owns it: now, unless all of it waits; null for never. */
  get dueAt(): number | null {
    const { clock } = this.services;
    if (!this.#isWaiting || this.#isStirred || this.#children?.stays === true) return clock.now();
    const moments = [...this.waits].flatMap(({ until }) => until ?? []);
    if (this.#asking !== undefined) moments.push(...this.#asking.moments());
    const deadline = this.#orders?.deadline;
    if (deadline !== undefined) moments.push(deadline);
    return moments.length === 0 ? null : Math.min(...moments);
  }

  /** The run goes on elsewhere, or nowhere: it stops at once, and publishes nothing. */
  lose(error: RunError): void {
    if (this.#isFinished) return;
    this.#lost = error;
    this.events.cut();
    // An actor that is stopped before its start would start all the same: this one never does.
    if (this.#hasBegun) (this.root as AnyActorRef).stop();
  }

  get lost(): RunError | undefined {
    return this.#lost;
  }

  /** Stores the run and lets it go, once for all who ask. @throws RunError `run-not-parked`, `run-parking`; AsimovError `run-ended` */
  async park(): Promise<void> {
    this.#parksItself = false;
    await this.#park();
  }

  async #park(): Promise<void> {
    if (this.#lost?.code === "run-parked") return;
    if (this.#isFinished || this.#isCancelled) throw this.refusal("park");
    if (this.#parking?.isOver !== false) this.#parking = new Parking(this, (isWanted) => this.#putDown(isWanted));
    await this.#parking.wait();
  }

  async #putDown(isWanted: () => boolean): Promise<void> {
    const isParked = await this.#whileItLasts("park", async () => {
      await this.keep();
      await this.#still();
      if (this.#parksItself && !this.#isWaiting) return this.#withdraw();
      return !this.#isCancelled && isWanted() ? await this.kept?.park() : false;
    });
    if (isParked !== true) throw runEnded("park");
    this.#parkedUntil = this.dueAt;
    this.lose(
      new RunError(`Run ${this.taskId} was parked: it is stored, and nobody owns it. Go on with it by \`resume\`.`, {
        code: "run-parked",
        taskId: this.taskId,
      }),
    );
  }

  /** Whoever asks from now on asks anew. */
  #withdraw(): false {
    this.#parking = undefined;
    return false;
  }

  /** It is not put down any more, unless that is on its way: whether it goes on. */
  keepOn(): boolean {
    return this.kept?.keepOn() ?? true;
  }

  /** Rejects where the run is over before the work is. */
  #whileItLasts<T>(what: string, work: () => Promise<T>): Promise<T> {
    this.#lifetime ??= new Lifetime(this, this.#hasBegun);
    return this.#lifetime.during(what, work);
  }

  /** Its end was asked for, though it may not be there yet. */
  get isEnding(): boolean {
    return this.#isCancelled;
  }

  /** Why what its modules have asked is nobody's any more, where they end without an answer. */
  get closing(): QuestionEnd {
    if (!this.#isCancelled) return "superseded";
    return this.#failure?.code === "cancelled" ? "cancelled" : "ended";
  }

  /** Why the whole run fails, where that is known. */
  get #failure(): Failure | undefined {
    return ((this.root as AnyActorRef).getSnapshot().context as { failure?: Failure }).failure;
  }

  /** Why it does nothing more for whoever asks for that. */
  refusal(what: string): Error {
    return this.#lost ?? runEnded(what);
  }

  /** Told with the commit that stores the end, before its actor ends. @returns how the run is stored as ended */
  endAs(status: TaskStatus): RunEnd {
    const failure = this.#failure;
    this.#end = { type: "run.ended", status, ...(failure === undefined ? {} : { code: failure.code }) };
    this.place.own?.end(this);
    return failure?.code === "cancelled" ? "CANCELLED" : (status as RunEnd);
  }

  get hasToldEnd(): boolean {
    return this.#hasToldEnd;
  }

  /** How often it has ended by then. */
  get #ends(): number {
    return (this.#keeping?.ends ?? 0) + 1;
  }

  /** Of the message of its end. */
  get endId(): string {
    return endId(this.task.id, this.#ends);
  }

  /** The message of its end was told. */
  async endTold(): Promise<void> {
    await this.kept?.endTold(this.#ends);
  }

  tellEnd(): void {
    if (this.#hasToldEnd || this.#end === undefined) return;
    this.#hasToldEnd = true;
    this.events.tell(this.#end, []);
  }

  /** See `EffectLimits`. */
  limited<T>(what: string, work: () => Promise<T>): Promise<T> {
    return this.#limits.run(what, work);
  }

  /** Its actor was told to end, by whomever: whoever wants that has it, and not a run that was put down. */
  hasten(): void {
    this.#isCancelled = true;
    this.keepOn();
    this.#limits.hasten();
    this.#patience?.end();
  }

  /** The agent's. */
  get cache(): Cache {
    return this.services.cache;
  }

  get values(): Cache {
    return this.place.cache;
  }

  async evaluate(source: string, results: NodeResults): Promise<boolean> {
    const { conditions, turns } = this.services;
    const { task, values } = this;
    const read = <T>(work: () => Promise<T>): Promise<T> => this.limited("reading the run's values", work);
    const scope = await conditionScope(await conditions.compile(source), { task, values, results, read });
    // Nodes that are skipped run no module, which would ask.
    await turns.pause();
    // The engine keeps what it compiled; where another evaluation crashed it meanwhile, this waits until it is back.
    const condition = await conditions.compile(source);
    return condition.evaluate(scope);
  }

  /** Sends a message through the agent's outbox; settles when it is in its mailbox. @throws AsimovError `part-too-large`; RunError `send-unstored` */
  async send(mailbox: string, message: unknown): Promise<void> {
    if (this.#isFinished || this.root === undefined) throw runEnded("send");
    this.#requireRoomFor(mailbox, message);
    await this.#mail.send((id) => this.root?.send({ type: "message.publish", mailbox, message, id }));
    // It is there after a crash: in the run's store, unless its values are elsewhere.
    if (this.place.own === undefined || (this.kept === undefined && this.#keeping?.store === undefined)) return;
    await this.#whileItLasts("send", async () => {
      if (this.kept === undefined) await this.keep();
      else await this.#stored(this.kept, mailbox);
    });
  }

  async #stored(kept: Kept, mailbox: string): Promise<void> {
    try {
      await this.limited("storing a message", () => kept.stored());
    } catch (cause) {
      if (asimovErrorOf(cause)?.code !== "effect-timeout") throw cause;
      throw new RunError(
        `The message to mailbox "${mailbox}" is taken by run ${this.taskId}, and not stored yet: its store has not answered. It is stored with what comes next, and is lost where this process dies before. Do not send it again.`,
        { code: "send-unstored", taskId: this.taskId, cause },
      );
    }
  }

  /** It is to be stored, also where the run is not yet. */
  #requireRoomFor(mailbox: string, message: unknown): void {
    const settings = this.kept?.settings ?? this.#keeping?.store?.settings;
    if (this.place.own === undefined || settings === undefined) return;
    const text = JSON.stringify(message);
    const what = (): string => `A message to mailbox "${mailbox}"`;
    requireRoom({ taskId: this.task.id, ...settings }, { what, length: text.length, text: () => text });
  }

  publish(mailbox: OutputMailbox, message: unknown, settle: (error?: string) => void): void {
    this.#mail.publish(mailbox, message, settle);
  }

  acknowledge(id: string, error?: string): void {
    this.#mail.acknowledge(id, error);
  }

  settling(): Promise<void> | undefined {
    return this.#mail.settling();
  }

  /** What is written of a run that is stored has room in its store. @throws AsimovError `part-too-large` */
  requireRoom(written: Written): void {
    this.kept?.requireRoom(written);
  }

  /** Of a run that has ended nobody is there to be told. */
  reportUnstored(fault: Fault): void {
    if (this.root?.getSnapshot().status === "active") this.root.send({ type: "snapshot.failed", fault });
  }

  /** Whether no node of it runs before it is stored. */
  get isKeptFromStart(): boolean {
    return this.#keeping?.isKept === true;
  }

  /** Whether it is stored, or may be. */
  get mayKeep(): boolean {
    return this.#keeping !== undefined;
  }

  /**
   * A task runs once: it is stored from here on, or is not stored by anybody. A store that is away is waited for.
   *
   * @throws RunError `run-exists`, and what the store threw
   */
  async open(): Promise<void> {
    const patience = new Patience(this.services.clock);
    this.#patience = patience;
    this.kept?.hasBegun();
    // It may be over by now.
    if (this.#isCancelled || this.#isFinished) patience.end();
    // No node runs before the run is stored, and owned.
    if (this.kept !== undefined && this.isKeptFromStart) return await this.kept.open(undefined, patience);
    const store = this.#keeping?.store;
    if (store === undefined || this.isRestored || this.kept !== undefined) return;
    const troubled = (error: unknown): void =>
      this.reportUnstored(storeFault("The run's store could not be asked, and is asked until it answers", error));
    const there = await untilAnswered(patience, troubled, () =>
      this.limited("looking for the run in its store", () => store.read(this.task.id)),
    );
    // What stores this run itself meanwhile finds out by that.
    if (there !== undefined && this.kept === undefined) throw existsError(there);
  }

  get isReplay(): boolean {
    return this.#isReplay;
  }

  /** It has ended, and is looked at: its outcome is worked out once more, and nobody is told anything. */
  replay(): void {
    this.#isReplay = true;
    this.events.end();
  }

  /** From now on the run is stored. @throws RunError `run-exists`, and what the store threw */
  async keep(open: (kept: Kept) => Promise<unknown> = (kept) => kept.open()): Promise<void> {
    if (this.kept !== undefined || this.#keeping === undefined) return;
    const kept = new Kept(this, this.#keeping.how());
    this.kept = kept;
    for (const graph of this.graphs) graph.keep(kept);
    try {
      await open(kept);
    } catch (error) {
      kept.forget();
      this.kept = undefined;
      for (const graph of this.graphs) graph.keep(undefined);
      this.events.unhold();
      throw inOurs("store", error, this.taskId);
    }
  }

  /** Stores the run as it stands. */
  async snapshot(hint: string | undefined): Promise<SnapshotRef> {
    await Promise.resolve();
    if (this.root === undefined || this.#isFinished) throw this.refusal("snapshot");
    const nodes = this.currentNodes;
    return await this.#whileItLasts("snapshot", () => this.#storedNow(nodes, hint));
  }

  #storedNow(nodes: readonly string[], hint: string | undefined): Promise<SnapshotRef> {
    return this.limited("storing a snapshot", async () => {
      const taken = (kept: Kept): Promise<number> => kept.snapshot(nodes, hint);
      let generation = 0;
      if (this.kept !== undefined) generation = await taken(this.kept);
      else
        await this.keep(async (kept) => {
          generation = await taken(kept);
        });
      return { taskId: this.task.id, generation };
    });
  }

  /** Its picture as it stands. */
  view(): RunView {
    return { ...this.events.view(), ...this.kept?.standing };
  }

  /** The nodes that run now, or next. */
  get currentNodes(): readonly string[] {
    const pool = (this.root as AnyActorRef).getSnapshot().children.nodes?.getSnapshot() as { order: Order } | undefined;
    return pool?.order.current() ?? [];
  }

  /** Of the run's own graph, as it stands. */
  get rootGraph(): Graph {
    const pool = (this.root as AnyActorRef).getSnapshot().children.nodes?.getSnapshot() as { order: Order } | undefined;
    return pool?.order.graph ?? { nodes: [] };
  }

  /** What each node of every graph spent, by `pathKey`. */
  get usage(): Readonly<Record<string, Usage>> {
    return ((this.root as AnyActorRef).getSnapshot() as { context: { usage: Record<string, Usage> } }).context.usage;
  }

  /** @param node by `pathKey`; see `CallScope.admit` */
  admit(node: string, estimate: CallEstimate, recorded: (usage: Usage) => void): SettleCall {
    return this.#ledger.admit(estimate, {
      recorded: (usage, spent) => {
        // What was left behind by a run is nobody's any more.
        if (this.#isFinished) return;
        this.usageChanged?.(node);
        this.root?.send({ type: "usage.recorded", node, usage, spent });
        recorded(usage);
      },
    });
  }

  followTask(task: TaskJSON): void {
    moveTask(this.task, task);
  }

  /** Frees what the run holds; its actor has ended, failed or was stopped. */
  finish(error: string | undefined, details?: SpanFailure): void {
    if (this.#isFinished) return;
    this.#isFinished = true;
    this.kept?.stop();
    this.#patience?.end();
    this.#asking?.stop();
    this.#orders?.end();
    this.#mail.end();
    this.place.own?.end(this);
    this.span.end(error, details);
    this.events.end();
    this.startScope.end();
    const lifetime = this.#lifetime;
    if (lifetime === undefined) return;
    // What was stored with the end settles by itself.
    if (this.#lost === undefined) afterThisTurn(() => lifetime.end());
    else lifetime.end();
  }
}

const runEnded = (what: string): AsimovError =>
  new AsimovError(`${what}: the run has ended, so that nobody is there any more; start another one.`, { code: "run-ended" });
