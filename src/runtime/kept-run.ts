/** A run that is stored, as its keeper sees it: what has changed of its graphs, values and picture, and what others ask of it. */

import { shownMessageOf } from "#contract/base/error-details";
import { type AsimovError, asimovErrorOf, RunError, SnapshotError } from "#contract/base/errors";
import type { Clock } from "#contract/base/services";
import type { Task } from "#contract/base/task";
import type { Turns } from "#contract/base/turns";
import type { Graph } from "#contract/graph/graph";
import type { Fault } from "#contract/node/result";
import { ANSWERS, type Answer, answerMessageId, type Question, questionOfAnswer } from "#contract/run/question";
import type { RunView } from "#contract/run/run-view";
import type { Commit, NewRun, StoredMessage } from "#contract/store/run-commit";
import type { Owner, RunEnd } from "#contract/store/run-record";
import { requireRoom, type Written } from "#contract/store/run-room";
import type { RunStore } from "#contract/store/run-store";
import { decoded, encoded, openMessage, requireBetween, sealInfo, sealMessage, sealQuestion } from "#contract/store/seal";
import type { NewQuestion } from "#contract/store/stored-question";
import { GraphParts, type LiveGraph } from "#keep/graph-parts";
import type { PartChanges } from "#keep/part-changes";
import { prefixOf } from "#keep/part-names";
import type { Parts } from "#keep/read-parts";
import { type CommitReason, type GenerationNote, type KeeperState, type KeptRun, type Loss, RunKeeper } from "#keep/run-keeper";
import type { ReplayLog } from "#replay/replay-log";
import type { Asking } from "./asking.ts";
import type { EventHub } from "./event-hub.ts";
import { graphHashOf } from "./graph-hash.ts";
import type { ValuesPlace } from "./values-place.ts";

/** The run, as far as it is kept. */
interface Host {
  readonly task: Task;
  readonly services: {
    readonly name: string;
    readonly version: string;
    readonly clock: Clock;
    readonly turns: Pick<Turns, "isOver" | "next">;
  };
  readonly events: EventHub;
  readonly place: ValuesPlace;
  readonly replayLog: ReplayLog;
  readonly hasQuestions: boolean;
  readonly asking: Asking;
  answered(id: string, answer: Answer): void;
  readonly isRestored: boolean;
  readonly dueAt: number | null;
  /** Of each time limit that counts: says that its node has changed. */
  readonly counting: ReadonlySet<() => void>;
  /** Settles when messages that are on their way to the run's own mailboxes are there. */
  settling(): Promise<void> | undefined;
  limited<T>(what: string, work: () => Promise<T>): Promise<T>;
  /** Tells that something could not be stored; of a run that has ended nobody is there to be told. */
  reportUnstored(fault: Fault): void;
  readonly rootGraph: Graph;
  view(): RunView;
  lose(error: AsimovError): void;
  cancelBy(reason: string): void;
}

/** How a run is kept. */
export interface Keeping {
  store: RunStore;
  owner: Owner;
  /** Whether what depends on a commit waits for it. */
  durability: "sync" | "async";
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
const TELL_WITHIN_MS = 100;

/** Milliseconds between two tries to tell a store that a deadline is over: its clock may be behind, or it may be away. */
const FIRST_TRY_MS = 10;
const LONGEST_TRY_MS = 2_000;

const MOST_SPARE_BYTES = 16 * 1024;

export class Kept implements KeptRun {
  readonly #run: Host;
  readonly #keeping: Keeping;
  #keeper: RunKeeper | undefined;
  /** What a store holds of each graph, until that graph takes it. */
  readonly #stored: Map<string, Parts>;
  readonly #changed = new Set<GraphParts>();
  readonly #over: GraphParts[] = [];
  /** Parts that nobody has any more. */
  readonly #orphans: string[] = [];
  /** The newest message that was taken up. */
  #posted = 0;
  /** How many waited when the run was taken up, until they are looked for. */
  #pending = 0;
  /** It was told that messages cannot be read. */
  #isDeaf = false;
  #telling: unknown;
  /** The run was restored from what it does not go on from in its store: all of it is written. */
  #isWhole: boolean;
  #isStopped = false;
  #opening: Promise<void> | undefined;
  readonly #opened = Promise.withResolvers<void>();
  #isPutDown = false;
  #taking: Promise<void> | undefined;

  constructor(run: Host, keeping: Keeping, stored?: ReadonlyMap<string, Parts>) {
    this.#run = run;
    this.#keeping = keeping;
    this.#stored = new Map(stored);
    this.#isWhole = run.isRestored && stored === undefined;
    run.events.hold(() => this.#told(), stored !== undefined);
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

  get generation(): number {
    return this.#keeper?.generation ?? 0;
  }

  /** Of the run's picture, what its store says. */
  get standing(): Partial<Pick<RunView, "generation" | "owner">> {
    if (this.#keeper === undefined) return {};
    const { generation, lease, isOver } = this.#keeper;
    return { generation, ...(isOver ? {} : { owner: { id: lease.owner.id, until: lease.until } }) };
  }

  /** Of a graph that begins, or is restored. */
  partsOf(graph: LiveGraph): GraphParts {
    const prefix = prefixOf(graph.path);
    const stored = this.#stored.get(prefix);
    this.#stored.delete(prefix);
    const parts = new GraphParts(graph, stored);
    if (stored === undefined) this.#changed.add(parts);
    return parts;
  }

  changed(graph: GraphParts): void {
    this.#changed.add(graph);
  }

  over(graph: GraphParts): void {
    this.#changed.delete(graph);
    this.#over.push(graph);
  }

  whenSure(): Promise<void> | undefined {
    return this.#keeper?.whenSure();
  }

  /** @throws AsimovError `part-too-large` */
  requireRoom(written: Written): void {
    const { codec, maxPartBytes } = this.#keeping.store.settings;
    requireRoom({ taskId: this.taskId, codec, maxPartBytes }, written);
  }

  /** In a node's part, for how the node ends. */
  get spareBytes(): number {
    return Math.min(MOST_SPARE_BYTES, Math.floor(this.#keeping.store.settings.maxPartBytes / 8));
  }

  refused(error: AsimovError): void {
    this.#run.lose(error);
  }

  /** Stores the run for the first time, and owns it; once for all who ask. @throws RunError `run-exists`, and what the store threw */
  async open(note: GenerationNote = { why: "started", nodes: [] }): Promise<void> {
    if (this.#keeper !== undefined) return;
    this.#opening ??= RunKeeper.create(this, this.#keeping, note, (first) => this.#newRun(first)).then((keeper) => {
      this.#keeper = keeper;
      if (this.#isStopped) keeper.stop();
      // Before any node of it starts.
      if (this.#isPutDown) void keeper.park();
      this.#opened.resolve();
    });
    await this.#opening;
  }

  /** Goes on with a run that is owned, in whose inbox so many messages wait. */
  goOn(state: KeeperState, pending: number): void {
    this.#pending = pending;
    this.#keeper = new RunKeeper(this, this.#keeping.store, state);
    // Of graphs that newer code begins anew, or has by another name.
    for (const [prefix, parts] of this.#stored) for (const name of parts.keys()) this.#orphans.push(prefix + name);
    this.#stored.clear();
    // Messages that came while nobody owned it.
    void this.#keeper.look();
  }

  #newRun(first: NewRun["first"]): NewRun {
    const { task, services } = this.#run;
    const { codec } = this.#keeping.store.settings;
    const { objective, params } = task;
    return {
      taskId: task.id,
      agent: services.name,
      version: services.version,
      type: task.type,
      labels: task.labels,
      graphHash: graphHashOf(this.#run.rootGraph),
      info: encoded(codec, sealInfo(task.id, JSON.stringify({ objective, params }))),
      dueAt: null,
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

  /** The run has ended: whoever waits goes on when that is stored. */
  async end(status: RunEnd): Promise<void> {
    // What kept it from being stored was told.
    if (this.#keeper === undefined) await this.#opening?.catch(() => {});
    await this.#keeper?.end(status);
  }

  stop(): void {
    this.#isStopped = true;
    this.clock.clearTimeout(this.#telling);
    this.#keeper?.stop();
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
    return (await this.#keeper?.park()) === true;
  }

  /** Somebody here wants its end: it is not put down any more, unless that is done already. */
  keepOn(): void {
    this.#isPutDown = false;
    this.#keeper?.keepOn();
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
    if (why === "parked") this.#run.events.tell({ type: "run.parked", dueAt: this.#run.dueAt }, []);
    if (why !== "step" && why !== "manual") return;
    this.#run.events.tell({ type: "snapshot.saved", ref: { taskId: this.taskId, generation }, nodes }, []);
  }

  writeChanges(changes: PartChanges): void {
    for (const changed of this.#run.counting) changed();
    for (const name of this.#orphans.splice(0)) changes.remove(name);
    for (const graph of this.#over.splice(0)) graph.removeAll(changes);
    for (const graph of this.#changed) graph.write(changes);
    this.#changed.clear();
    const values = this.#run.place.own?.changes();
    for (const [name, text] of values?.changed ?? []) changes.write(name, text);
    for (const name of values?.removed ?? []) changes.remove(name);
    const kept = this.#run.replayLog.changes();
    for (const [name, text] of kept.changed) changes.write(name, text);
    for (const name of kept.removed) changes.remove(name);
    const { head, graph, nodes } = this.#run.events.takeChanges();
    changes.write("view", JSON.stringify(head));
    if (graph !== undefined) changes.write("view-graph", JSON.stringify(graph));
    for (const [name, node] of nodes) changes.write(`view/${name}`, JSON.stringify(node));
    if (!this.#isWhole) return;
    for (const [name, text] of this.#run.place.own?.parts() ?? []) changes.write(name, text);
    for (const [name, text] of this.#run.replayLog.parts()) changes.write(name, text);
    const view = this.#run.view();
    changes.write("view-graph", JSON.stringify(view.graph));
    for (const [name, node] of Object.entries(view.nodes)) changes.write(`view/${name}`, JSON.stringify(node));
    this.#isWhole = false;
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
    const { store } = this.#keeping;
    const message = { id: answerMessageId(id), mailbox: ANSWERS };
    const body = encoded(store.settings.codec, sealMessage(taskId, message, JSON.stringify({ why: "deadline" })));
    const order = { kind: "message", ...message, body, from: deadline, closes: { id, why: "deadline" } } as const;
    for (let pause = FIRST_TRY_MS; !this.#isStopped; pause = Math.min(2 * pause, LONGEST_TRY_MS)) {
      try {
        if ((await store.post(taskId, order)) !== "early") return await this.caughtUp();
      } catch (error) {
        if (asimovErrorOf(error)?.code === "store-closed") return;
      }
      await new Promise<void>((resolve) => this.clock.setTimeout(resolve, pause));
    }
  }

  takeEvents(): { seq: number; at: number; body: string }[] {
    const events = this.#run.events.takeHeld();
    if (this.#keeper === undefined) events.unshift(...this.#run.events.takeEarlier());
    return events.map((event) => {
      const { seq, at, taskId: _taskId, ...body } = event;
      return { seq, at, body: JSON.stringify(body) };
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
    this.#tell(`The run could not be stored, and is tried again until it is: ${shownMessageOf(error)}`, error, "snapshot-write-failed");
  }

  /** What others had asked for is known here, and the messages that had come are taken. */
  async caughtUp(): Promise<void> {
    await this.#keeper?.look();
    await this.#taking;
  }

  posted(last: number): void {
    if (last <= this.#posted) return;
    this.#taking ??= this.#take().finally(() => {
      this.#taking = undefined;
    });
  }

  /** Messages from outside are in the run's mailboxes, and out of the store's inbox with the commit that says so. */
  async #take(): Promise<void> {
    const { store } = this.#keeping;
    try {
      const messages = await store.inbox(this.taskId, this.#posted);
      this.#requirePending(messages);
      // Read behind them: it counts them all.
      const last = (await store.read(this.taskId))?.inbox.last ?? 0;
      for (const message of messages) await this.#receive(message, last);
      this.#isDeaf = false;
    } catch (error) {
      // Looked for again when the store is heard of the next time, and told once until then.
      if (!this.#isDeaf) this.#tell(`Messages to the run could not be read: ${shownMessageOf(error)}`, error);
      this.#isDeaf = true;
    }
  }

  /** None of those that waited when the run was taken up is missing. */
  #requirePending(messages: readonly StoredMessage[]): void {
    const pending = this.#pending;
    this.#pending = 0;
    if (messages.length >= pending) return;
    const error = `Run ${this.taskId} has lost messages: expected ${pending} in its inbox, found ${messages.length}. Send them again.`;
    this.#tell(error, new SnapshotError(error, { code: "snapshot-damaged" }));
  }

  /** One that is damaged stays where it is, and those behind it are taken. */
  async #receive({ n, id, mailbox, body }: StoredMessage, last: number): Promise<void> {
    let message: unknown;
    try {
      requireBetween(this.taskId, n, { above: this.#posted, last });
      const text = decoded(this.#keeping.store.settings.codec, body, `Message "${id}"`);
      message = JSON.parse(openMessage(this.taskId, { id, mailbox, body: text }));
    } catch (error) {
      this.#posted = Math.max(this.#posted, n || 0);
      return this.#tell(`A message to the run could not be taken: ${shownMessageOf(error)}`, error);
    }
    if (mailbox === ANSWERS) this.#run.answered(questionOfAnswer(id), message as Answer);
    else {
      const values = this.#run.place.open();
      await values.cache.publishToMailbox(mailbox, message);
      // With no turn between them: a commit holds both, or neither.
      values.settle();
    }
    this.#keeper?.consumed(n);
    this.#posted = n;
    void this.#keeper?.commit("progress");
  }

  #tell(text: string, error: unknown, code = "store-unavailable"): void {
    const fault = { status: "error", error: text, code: asimovErrorOf(error)?.code ?? code } as const;
    this.#run.reportUnstored(fault);
  }
}
