/** What one run has of its own: values, task, events, spans and the way to its snapshots; shared by the graphs nested in it. */
import type { AnyActorRef } from "xstate";
import type { Outbox } from "#actors/publish-messages";
import { shownMessageOf } from "#contract/base/error-details";
import { AsimovError, asimovErrorOf, RunError } from "#contract/base/errors";
import { setLongTimeout } from "#contract/base/long-timer";
import type { Services } from "#contract/base/services";
import { moveTask, type Task, type TaskJSON } from "#contract/base/task";
import type { Span, SpanFailure, Telemetry } from "#contract/base/telemetry";
import { afterThisTurn, type Turns } from "#contract/base/turns";
import type { SnapshotControl, TaskStatus } from "#contract/base/vocabulary";
import { type CallEstimate, type CallScope, currentScope, type SettleCall } from "#contract/chat/call-scope";
import type { Usage } from "#contract/chat/usage";
import type { Graph } from "#contract/graph/graph";
import type { ConditionEngine } from "#contract/node/condition";
import { type OutputMailbox, shownMailbox } from "#contract/node/output-mailbox";
import type { Permits } from "#contract/node/permits";
import type { Failure, Fault } from "#contract/node/result";
import { type Budget, NOTHING_SPENT, type Spending } from "#contract/run/budget";
import type { Order } from "#contract/run/order";
import type { ParkedRun } from "#contract/run/parked";
import type { Answer, Question } from "#contract/run/question";
import type { RunView, Waiting } from "#contract/run/run-view";
import type { Cache } from "#contract/store/cache";
import type { SnapshotRef } from "#contract/store/run-commit";
import type { RunEnd } from "#contract/store/run-record";
import type { Written } from "#contract/store/run-room";
import type { RunStore } from "#contract/store/run-store";
import type { Migration } from "#keep/migrate";
import type { Parts } from "#keep/read-parts";
import { existsError } from "#keep/run-keeper";
import { ReplayLog } from "#replay/replay-log";
import { Asking } from "./asking.ts";
import { CallLedger } from "./call-ledger.ts";
import { conditionScope } from "./condition-scope.ts";
import { EffectLimits } from "./effect-limits.ts";
import { EventHub } from "./event-hub.ts";
import type { DynamicNodes } from "./graph-nodes.ts";
import { InputMailboxes } from "./input-mailboxes.ts";
import { type Keeping, Kept } from "./kept-run.ts";
import type { NodeResults } from "./node-results.ts";
import { type PlacedValues, type PlaceSettings, ValuesPlace } from "./values-place.ts";

/** What an agent gives to all its runs. */
export interface AgentServices extends Services, PlaceSettings {
  readonly name: string;
  readonly version: string;
  readonly turns: Turns;
  /** Whether charts run compiled. */
  readonly compile: boolean;
  /** Milliseconds for one read or write of the cache or the store that the run itself does. */
  readonly effectTimeoutMs: number;
  readonly permits: Permits;
  readonly conditions: ConditionEngine;
  readonly telemetry: Telemetry;
  readonly abortGraceMs: number;
  /** Absent for the default. */
  readonly maxTotalIterations?: number;
  readonly autoSnapshot: boolean;
  /** What nodes do that say nothing. */
  readonly snapshot: SnapshotControl;
  readonly outputMailbox: string | null;
  readonly errorMailbox: string | null;
  readonly dynamicNodes: DynamicNodes;
  /** Mends a stored run that does not fit the agent's graph. */
  readonly migrate?: (run: Migration) => void;
  /** Told of each question that is open, and of each that somebody else is asked. */
  readonly onQuestion?: (question: Question) => void;
  /** Of each run. */
  readonly budget: Budget;
}

/** How a run is kept that an agent starts itself. */
export interface KeepingOf {
  how(): Keeping;
  /** Whether it is stored from its start, or has been; else from the first time that somebody asks for it. */
  isKept: boolean;
  /** Where a task may be stored already; absent where nobody said where runs are stored. */
  store?: RunStore;
  /** Whether it is put down when all that is unfinished waits for something outside. Default `"hold"`. */
  whenWaiting?: WhenWaiting | undefined;
  /** What its store holds of it as it is, by graph. */
  stored?: ReadonlyMap<string, Parts>;
}

/** What becomes of a run all of which waits: it stays in memory, or is stored and let go. */
export type WhenWaiting = "hold" | "park";

/** A graph of the run, as far as it is kept. */
interface KeptGraph {
  keep(kept: Kept | undefined): void;
}

/** Where a graph's end and its errors go: as the agent says that runs it, at its start and at every restore. */
export function mailboxesOf(
  { errorMailbox, outputMailbox }: AgentServices,
  isNested: boolean,
): { outputMailbox: string | null; errorMailbox: string | null } {
  return { outputMailbox: isNested ? null : outputMailbox, errorMailbox };
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
  /** What its modules wait for. */
  readonly waits = new Set<Waiting>();
  readonly inputMailboxes = new InputMailboxes();
  readonly span: Span;
  /** Told of the node that has spent something, by `pathKey`. */
  usageChanged: ((key: string) => void) | undefined;
  /** The agent actor of the whole run. */
  root: AnyActorRef | undefined;
  readonly isRestored: boolean;
  #isReplay = false;
  #sending: Map<string, (error?: string) => void> | undefined;
  /** The publishes to its own mailboxes that have not settled, nested graphs' too. */
  readonly #publishing = new Set<Promise<void>>();
  readonly #ledger: CallLedger;
  readonly #limits: EffectLimits;
  #sent = 0;
  #heard: Map<AbortSignal, () => void> | undefined;
  #isFinished = false;
  #isCancelled = false;
  #isWaiting = false;
  /** Of one that was put down: when it is due. */
  #parkedUntil: number | null = null;
  #hasToldEnd = false;
  /** Why the run is nobody's here any more. */
  #lost: RunError | undefined;
  /** The module that the run is started in, of this agent or of another. */
  #within: CallScope | undefined;
  #parking: Promise<void> | undefined;
  /** Of work for whoever holds the run, that its end ends too. */
  readonly #over = new Set<() => void>();
  #hasBegun = false;
  #begun: PromiseWithResolvers<void> | undefined;
  #launchedIn: { scope: CallScope | undefined } | undefined;
  #tellFinished: (() => void) | undefined;
  #deadline: number | undefined;
  #disarmDeadline: (() => void) | undefined;
  /** Settles when whoever started the run may go on: the module that did has its permit again. */
  released: Promise<void> = Promise.resolve();

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
    this.isRestored = run.restored !== undefined;
    this.#keeping = run.keeping;
    this.replayLog = new ReplayLog(Object.entries(run.restored?.replay ?? {}));
    this.kept = run.keeping?.isKept === true ? new Kept(this, run.keeping.how(), run.keeping.stored) : undefined;
    const { clock, effectTimeoutMs, abortGraceMs } = services;
    this.#limits = new EffectLimits(clock, { limitMs: effectTimeoutMs, graceMs: abortGraceMs });
    this.#ledger = new CallLedger(services.budget, run.restored?.spent ?? NOTHING_SPENT, (reason, code) => {
      if (!this.#isFinished) this.root?.send({ type: "run.cancel", reason, code });
    });
    this.place = new ValuesPlace(services, run.values, (written) => this.requireRoom(written));
    this.span = services.telemetry.startSpan(
      `run ${run.task.type}`,
      { "asimov.run.id": run.runId, "asimov.task.id": run.task.id },
      undefined,
    );
  }

  /** Cancels the run when the signal does. */
  listen(signal: AbortSignal | undefined): void {
    if (signal === undefined || this.#heard?.has(signal)) return;
    this.#within ??= currentScope(signal);
    const cancel = (): void => this.cancel(signal.reason);
    this.#heard ??= new Map();
    this.#heard.set(signal, cancel);
    if (signal.aborted) return cancel();
    signal.addEventListener("abort", cancel, { once: true });
  }

  /** The run fails at that moment, unless it has ended. */
  endBy(deadline: number | undefined): void {
    this.#deadline = deadline;
  }

  /** Remembers the module that starts it, if one does: its actor may begin in a later turn of the event loop, which is somebody else's. */
  launched(): void {
    this.#launchedIn = { scope: currentScope() };
  }

  /** From the start of its actor, and not before: one that is refused is nothing to wait for. */
  begin(): void {
    this.#armDeadline();
    this.events.restoredFrom = undefined;
    this.#hasBegun = true;
    this.#begun?.resolve();
    const within = this.#within ?? (this.#launchedIn === undefined ? currentScope() : this.#launchedIn.scope);
    if (within === undefined) return;
    // What ends the module that has started it ends it too.
    this.listen(within.signal);
    this.released = within.wait(
      () =>
        new Promise((resolve) => {
          this.#tellFinished = resolve;
        }),
    );
  }

  #armDeadline(): void {
    const deadline = this.#deadline;
    if (deadline === undefined || this.#isFinished) return;
    const { clock } = this.services;
    const fail = (): void => {
      if (this.#isFinished) return;
      const reason = `The run was not at its end by ${new Date(deadline).toISOString()}, its deadline (deadlineMs).`;
      this.root?.send({ type: "run.cancel", reason, code: "run-deadline" });
    };
    const left = deadline - clock.now();
    if (left > 0) this.#disarmDeadline = setLongTimeout(left, fail, clock);
    // Not yet: its actor is about to start.
    else queueMicrotask(fail);
  }

  /** @param reason told masked and cut in size, as any error is */
  cancel(reason: unknown): void {
    if (this.#isFinished) return;
    // Of a run around this one: it says so itself.
    const isTold = asimovErrorOf(reason)?.code === "cancelled";
    this.#keepOn();
    const why = reason === undefined || reason === "" ? "." : `: ${shownMessageOf(reason)}`;
    this.root?.send({ type: "run.cancel", reason: isTold ? shownMessageOf(reason) : `The run was cancelled${why}` });
  }

  /** Somebody outside of this process wants it to end. @param reason told already as it shall be */
  cancelBy(reason: string): void {
    if (this.#isFinished) return;
    this.#keepOn();
    this.root?.send({ type: "run.cancel", reason });
  }

  /** Whoever wants its end has it, and not a run that was put down. */
  #keepOn(): void {
    this.#isCancelled = true;
    this.kept?.keepOn();
  }

  /** All that is unfinished waits for something outside, or something works again. */
  waiting(waits: boolean): void {
    this.#isWaiting = waits;
    if (!waits || !this.#parksWhenWaiting) return;
    void this.#parkIfWaiting().catch(() => {});
  }

  /** Unless what it waits for is there already; whoever ended it meanwhile, or wants its end, has it. */
  async #parkIfWaiting(): Promise<void> {
    await this.kept?.caughtUp();
    if (this.#isWaiting) await this.park();
  }

  get #parksWhenWaiting(): boolean {
    return this.#keeping?.whenWaiting === "park";
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
      changed: (node) => void this.kept?.commit("progress", [node]),
    });
    return this.#asking;
  }

  #announce(question: Question): void {
    try {
      this.services.onQuestion?.(question);
    } catch {
      // Whoever is told must not end what asks.
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
    if (!this.#isWaiting) return clock.now();
    const moments = [...this.waits].flatMap(({ until }) => until ?? []);
    if (this.#asking !== undefined) moments.push(...this.#asking.moments());
    if (this.#deadline !== undefined) moments.push(this.#deadline);
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

  /** Stores the run and lets it go, once for all who ask. */
  async park(): Promise<void> {
    if (this.#lost?.code === "run-parked") return;
    if (this.#isFinished || this.#isCancelled) throw this.#lost ?? runEnded("park");
    this.#parking ??= this.#park().finally(() => {
      this.#parking = undefined;
    });
    await this.#parking;
  }

  async #park(): Promise<void> {
    const isParked = await this.#whileItLasts("park", async () => {
      await this.keep();
      return this.#isCancelled ? false : await this.kept?.park();
    });
    if (isParked !== true) throw runEnded("park");
    this.#parkedUntil = this.dueAt;
    this.lose(
      new RunError(`Run ${this.task.id} was parked: it is stored, and nobody owns it. Go on with it by \`resume\`.`, {
        code: "run-parked",
        taskId: this.task.id,
      }),
    );
  }

  /** Rejects where the run is over before the work is. */
  async #whileItLasts<T>(what: string, work: () => Promise<T>): Promise<T> {
    const { promise: over, reject } = Promise.withResolvers<never>();
    const giveUp = (): void => reject(this.#lost ?? runEnded(what));
    this.#over.add(giveUp);
    try {
      return await Promise.race([this.#onceBegun(work), over]);
    } finally {
      this.#over.delete(giveUp);
    }
  }

  /** One that goes on says so first. */
  async #onceBegun<T>(work: () => Promise<T>): Promise<T> {
    if (!this.#hasBegun) {
      this.#begun ??= Promise.withResolvers();
      await this.#begun.promise;
    }
    return await work();
  }

  /** The end is told with the commit that stores it, before its actor ends. @returns how the run is stored as ended */
  tellEnd(status: TaskStatus): RunEnd {
    const { failure } = (this.root as AnyActorRef).getSnapshot().context as { failure?: Failure };
    this.events.tell({ type: "run.ended", status, ...(failure === undefined ? {} : { code: failure.code }) }, []);
    this.#hasToldEnd = true;
    return failure?.code === "cancelled" ? "CANCELLED" : (status as RunEnd);
  }

  get hasToldEnd(): boolean {
    return this.#hasToldEnd;
  }

  /** See `EffectLimits`. */
  limited<T>(what: string, work: () => Promise<T>): Promise<T> {
    return this.#limits.run(what, work);
  }

  /** The run's actor was told to cancel. */
  hasten(): void {
    this.#limits.hasten();
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

  /** Sends a message through the agent's outbox; settles when it is in its mailbox. */
  async send(mailbox: string, message: unknown): Promise<void> {
    await this.#publishNow(mailbox, message);
    // It is there after a crash: in the run's store, unless its values are elsewhere.
    if (this.place.own === undefined || (this.kept === undefined && this.#keeping?.store === undefined)) return;
    await this.#whileItLasts("send", async () => {
      if (this.kept === undefined) await this.keep();
      else await this.kept.stored();
    });
  }

  #publishNow(mailbox: string, message: unknown): Promise<void> {
    if (this.#isFinished || this.root === undefined) return Promise.reject(runEnded("send"));
    const id = String(this.#sent++);
    return new Promise((resolve, reject) => {
      this.#sending ??= new Map();
      this.#sending.set(id, (error) =>
        error === undefined ? resolve() : reject(new AsimovError(error, { code: "publish-failed", retryable: true })),
      );
      this.root?.send({ type: "message.publish", mailbox, message, id });
    });
  }

  publish(mailbox: OutputMailbox, message: unknown, settle: (error?: string) => void): void {
    const publishing = this.#deliver(mailbox, message)
      .then(settle)
      .finally(() => this.#publishing.delete(publishing));
    // Elsewhere a message is at least once in its mailbox, and what takes its time holds up no commit.
    if (typeof mailbox === "string" && this.place.own !== undefined) this.#publishing.add(publishing);
  }

  settling(): Promise<void> | undefined {
    return this.#publishing.size === 0 ? undefined : Promise.all(this.#publishing).then(() => {});
  }

  async #deliver(mailbox: OutputMailbox, message: unknown): Promise<string | undefined> {
    try {
      await this.limited(`publishing to ${shownMailbox(mailbox)}`, () =>
        typeof mailbox === "string" ? this.values.publishToMailbox(mailbox, message) : this.cache.publishToMailbox(mailbox.shared, message),
      );
      return undefined;
    } catch (error) {
      return shownMessageOf(error);
    }
  }

  acknowledge(id: string, error?: string): void {
    this.#sending?.get(id)?.(error);
    this.#sending?.delete(id);
  }

  /** What is written of a run that is stored has room in its store. @throws AsimovError `part-too-large` */
  requireRoom(written: Written): void {
    this.kept?.requireRoom(written);
  }

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

  /** A task runs once, also where this run is not stored. @throws RunError `run-exists`, and what the store threw */
  async requireNew(): Promise<void> {
    const store = this.#keeping?.store;
    if (store === undefined || this.isRestored || this.kept !== undefined) return;
    const there = await this.limited("looking for the run in its store", () => store.read(this.task.id));
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
      this.kept = undefined;
      for (const graph of this.graphs) graph.keep(undefined);
      this.events.unhold();
      throw error;
    }
  }

  /** Stores the run as it stands. */
  async snapshot(hint: string | undefined): Promise<SnapshotRef> {
    await Promise.resolve();
    if (this.root === undefined || this.#isFinished) throw this.#lost ?? runEnded("snapshot");
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
    this.#asking?.stop();
    this.#disarmDeadline?.();
    for (const [signal, cancel] of this.#heard ?? []) signal.removeEventListener("abort", cancel);
    for (const settle of this.#sending?.values() ?? []) settle("the run ended before the message was published");
    this.#sending = undefined;
    this.span.end(error, details);
    this.events.end();
    this.#tellFinished?.();
    if (this.#over.size === 0) return;
    const giveUp = (): void => {
      for (const each of this.#over) each();
    };
    // What was stored with the end settles by itself.
    if (this.#lost === undefined) afterThisTurn(giveUp);
    else giveUp();
  }
}

const runEnded = (what: string): AsimovError =>
  new AsimovError(`${what}: the run has ended, so that nobody is there any more; start another one.`, { code: "run-ended" });
