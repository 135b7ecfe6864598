/** What the modules and nodes of one instance of a graph ask for while they work: generators, spans, events, time limits. */

import type { Countdown } from "#contract/base/countdown";
import { shownMessageOf } from "#contract/base/error-details";
import { asimovErrorOf } from "#contract/base/errors";
import type { Clock } from "#contract/base/services";
import type { Task } from "#contract/base/task";
import type { Span } from "#contract/base/telemetry";
import type { Turns } from "#contract/base/turns";
import { SnapshotControl } from "#contract/base/vocabulary";
import type { CallEstimate, SettleCall } from "#contract/chat/call-scope";
import { pathKey } from "#contract/chat/usage";
import type { Graph, GraphNode } from "#contract/graph/graph";
import { keysWithin, type ModuleOrder, type ModuleOutcome } from "#contract/node/attempt";
import type { NodeDefinition } from "#contract/node/definition";
import type { KnownNode } from "#contract/node/dormant-node";
import { givenValue } from "#contract/node/given-value";
import { type Each, indexOfItem } from "#contract/node/items";
import { type AgentModule, defineModule, type ModuleResult, type NodeLike } from "#contract/node/module";
import type { Node } from "#contract/node/node";
import type { Permit, Permits } from "#contract/node/permits";
import { type Failure, type Fault, type NodeReport, withoutFinality } from "#contract/node/result";
import type { ChildQueue } from "#contract/run/child-queue";
import type { RunEventBody } from "#contract/run/events";
import type {
  EndedNode,
  LimitHost,
  ModuleHost,
  ModuleKeeper,
  ModuleRunner,
  NodesHost,
  OpenValues,
  RunningGenerator,
  RunningModule,
} from "#contract/run/host";
import { iterationLimitOf } from "#contract/run/limit";
import type { ToldDelta } from "#contract/run/model-delta";
import type { Question } from "#contract/run/question";
import type { Waiting } from "#contract/run/run-view";
import { ModuleEnded, NodeCompleted } from "#contract/run/unread-event";
import type { Cache } from "#contract/store/cache";
import type { CommitReason } from "#contract/store/run-commit";
import type { Written } from "#contract/store/run-room";
import { sealEvent } from "#contract/store/seal";
import type { ReplayLog } from "#replay/replay-log";
import type { Asking } from "./asking.ts";
import type { Children } from "./children.ts";
import type { GraphNodes } from "./graph-nodes.ts";
import type { WhenWaiting } from "./keeping.ts";
import { lostModule } from "./lost-module.ts";
import { ModuleJob } from "./module-job.ts";
import type { NodeResults } from "./node-results.ts";
import { NodeRoom } from "./node-room.ts";
import { NodesAdded } from "./nodes-added.ts";
import type { RunHost } from "./run-host.ts";

/** Of a node that says nothing of why it failed. */
const UNTOLD: Failure = { error: "failed", code: "module-failed" };

function limitsOf(each: Each | undefined): NodesHost["itemLimits"] {
  if (each === undefined) return undefined;
  const { maxParallelItems: atOnce = Number.POSITIVE_INFINITY, onItemError } = each.node.nodeConfig;
  return { atOnce, endsAtFailure: onItemError !== "keep" };
}

/** A time limit, and how many modules work under it. */
interface Limit {
  countdown: Countdown | undefined;
  working: number;
  /** What is left of it is part of the node's state, which nothing else changes. */
  changed: () => void;
}

/** The instance of a graph that the work is of. */
interface WorkPlace {
  readonly run: RunHost;
  readonly path: readonly string[];
  readonly nodes: GraphNodes;
  readonly results: NodeResults;
  readonly each: Each | undefined;
  readonly graph: Graph | undefined;
  nodeChanged(name: string): void;
  pool(): { nodes: ReadonlyMap<string, KnownNode> } | undefined;
}

/** For so many leases a module in whose time owners were lost is the only one of its kind in its process. */
const LEASES_ALONE = 10;

/** Of an event, what is not what a module emitted. */
const MOST_EVENT_FRAME = 20_000;

export class GraphWork implements ModuleHost, ModuleRunner, NodesHost, LimitHost {
  readonly run: RunHost;
  readonly results: NodeResults;
  readonly generators = new Map<string, RunningGenerator>();
  /** What the composites around it say to each module. */
  readonly context: Readonly<Record<string, unknown>> | undefined;
  readonly maxTotalIterations: number | null;
  readonly each: Each | undefined;
  readonly itemLimits: NodesHost["itemLimits"];
  readonly #place: WorkPlace;
  readonly #path: readonly string[];
  readonly #nodes: GraphNodes;
  readonly #graph: Graph | undefined;
  readonly #parent: GraphWork | undefined;
  readonly #parentSpan: Span;
  #room: NodeRoom | undefined;
  /** By node the commit of what has ended in it last, until it is made. */
  #storing: Map<string, Promise<void>> | undefined;
  // Made when they are needed: most runs have none of these.
  #spans: Map<string, Span> | undefined;
  #generatorsStarted: Set<string> | undefined;
  #limits: Map<string, Limit> | undefined;
  /** By node what its modules wait for. */
  #waiting: Map<string, readonly Waiting[]> | undefined;
  /** The last, since siblings are told of it at once. */
  #thrown: { node: string; visit: number; attempt: number; error: unknown } | undefined;

  /** @param parent of a nested graph, with the node that it is nested in as the last of `path` */
  constructor(place: WorkPlace, parent?: GraphWork) {
    const { run, path, nodes, results, graph } = place;
    this.#place = place;
    this.run = run;
    this.#path = path;
    this.#nodes = nodes;
    this.results = results;
    this.#parent = parent;
    this.#graph = graph;
    this.each = place.each;
    this.itemLimits = limitsOf(place.each);
    const around = path.at(-1);
    const composite = around === undefined || parent === undefined ? undefined : parent.#nodes.get(around);
    this.maxTotalIterations = iterationLimitOf(composite?.nodeConfig.maxTotalIterations ?? run.services.maxTotalIterations);
    if (parent === undefined || around === undefined) this.#parentSpan = run.span;
    else {
      this.#parentSpan = parent.spanOf(around);
      const own = composite?.config.context;
      this.context = parent.context === undefined && own === undefined ? undefined : { ...parent.context, ...own };
    }
  }

  get clock(): Clock {
    return this.run.services.clock;
  }

  get cache(): Cache {
    return this.run.cache;
  }

  get task(): Task {
    return this.run.task;
  }

  get permits(): Permits {
    return this.run.services.permits;
  }

  get line(): object {
    return this.run;
  }

  get abortGraceMs(): number {
    return this.run.services.abortGraceMs;
  }

  get graph(): Graph {
    return this.#graph ?? { nodes: [] };
  }

  get turns(): Turns {
    return this.run.services.turns;
  }

  definition(name: string): NodeDefinition {
    return this.#nodes.definition(name);
  }

  resolve({ node: name, module: index, given }: ModuleOrder): { node: Node; module: AgentModule } {
    const node = this.#nodes.get(name);
    if (given === undefined) return { node, module: node.modules[index] as AgentModule };
    const process = (): ModuleResult => JSON.parse(given) as ModuleResult;
    return { node, module: defineModule({ name, process }) };
  }

  openValues(stepOf?: () => object | undefined): OpenValues {
    return this.run.place.open(stepOf);
  }

  get asking(): Asking {
    return this.run.asking;
  }

  get children(): Children {
    return this.run.children;
  }

  get whenWaiting(): WhenWaiting {
    return this.run.whenWaiting;
  }

  get childQueue(): ChildQueue | undefined {
    return this.run.childQueue;
  }

  get onQuestion(): ((question: Question) => void) | undefined {
    return this.run.onQuestion;
  }

  get isRestored(): boolean {
    return this.run.isRestored;
  }

  get hasKept(): boolean {
    return this.run.replayLog.size > 0;
  }

  get ids(): () => string {
    return this.run.services.ids;
  }

  get agentName(): string {
    return this.run.services.name;
  }

  get path(): readonly string[] {
    return this.#path;
  }

  get replay(): ReplayLog {
    return this.run.replayLog;
  }

  evaluate(condition: string): Promise<boolean> {
    return this.run.evaluate(condition, this.results);
  }

  define(nodes: readonly NodeLike[], order: ModuleOrder): GraphNode[] {
    return this.#nodes.define(nodes, order);
  }

  startModule(order: ModuleOrder, keeper: ModuleKeeper, permit: Permit): RunningModule {
    const job = new ModuleJob(this, order, keeper, permit);
    job.start();
    return job;
  }

  get deltas(): ((delta: ToldDelta) => void) | undefined {
    const { events } = this.run;
    return events.deltas.areWanted ? (delta) => events.deltas.tell(delta, this.#path) : undefined;
  }

  tell(event: RunEventBody, at?: number): void {
    this.run.events.tell(event, this.#path, at);
  }

  generatorStarted({ node, visit }: ModuleOrder, module: string): void {
    const key = `${node}/${module}`;
    if (this.run.isRestored && visit > 1 && this.#generatorsStarted?.has(key) !== true)
      this.tell({ type: "generator.restarted", node, module });
    this.#generatorsStarted ??= new Set();
    this.#generatorsStarted.add(key);
  }

  nodeStarted(node: string, visit: number, iteration: number, at: number): void {
    if (this.#path.length === 0) this.run.replayLog.forget(node);
    this.tell({ type: "node.started", node, visit, attempt: 1, iteration }, at);
    this.nodeResumed(node, visit);
  }

  ended(node: string): void {
    if (this.run.kept === undefined || this.snapshotOf(node) !== SnapshotControl.ALWAYS) return;
    const made = this.run.kept.commit("progress", this.#shown([node]));
    const settled = (): void => {
      if (this.#storing?.get(node) === made) this.#storing.delete(node);
    };
    this.#storing ??= new Map();
    this.#storing.set(node, made);
    made.then(settled, settled);
  }

  /** Items are a node's. */
  #shown(nodes: readonly string[]): readonly string[] {
    return this.each === undefined ? nodes : [this.each.node.name];
  }

  whenReady(node: string): Promise<void> | undefined {
    return this.#storing?.get(node) ?? this.whenSure();
  }

  get lostOwner(): number {
    return this.run.kept?.lostOwner ?? 0;
  }

  moduleChanged(node: string): void {
    this.#place.nodeChanged(node);
  }

  whenNoted(): Promise<void> | undefined {
    return this.lostOwner === 0 ? undefined : this.run.kept?.stored();
  }

  /** Of those that may be lost as often again, each is alone, so that none fails for what another one does. */
  enterSuspect(lost: number, enter: () => void): () => void {
    const { kept, services } = this.run;
    if (kept !== undefined && 2 * lost >= services.maxLost)
      return services.suspects.enter(this.line, { clock: this.clock, forMs: LEASES_ALONE * kept.leaseMs }, enter);
    enter();
    return () => {};
  }

  givenUp(order: ModuleOrder, lost: number): ModuleOutcome | undefined {
    const { kept, services } = this.run;
    if (kept === undefined || lost < services.maxLost) return undefined;
    const { name } = this.resolve(order).module;
    const outcome = lostModule(order, name, { lost, leaseMs: kept.leaseMs, now: this.clock.now() });
    if (order.given === undefined) this.tell(new ModuleEnded(order, name, outcome, 0), outcome.endedAt);
    this.ended(order.node);
    return outcome;
  }

  nodesAdded(nodes: readonly GraphNode[]): void {
    this.tell(new NodesAdded(this.#nodes, nodes));
  }

  nodeResumed(name: string, visit: number): void {
    if (!this.#nodes.get(name).trace) return;
    const attributes = { "asimov.node.name": name, "asimov.node.visit": visit };
    this.#spans ??= new Map();
    this.#spans.set(name, this.run.services.telemetry.startSpan(`node ${name}`, attributes, this.#parentSpan));
  }

  nodeEnded({ node, status, failure, withdrawn }: NodeReport, durationMs: number, left: EndedNode | undefined): void {
    this.run.services.telemetry.countNode(status, durationMs);
    this.#spans?.get(node)?.end(failure?.error, failure);
    this.#spans?.delete(node);
    if (left !== undefined && this.run.hasQuestions) {
      const place = keysWithin({ keys: left.keys, node, visit: left.visits, attempt: 1 }).visit;
      const at = place.slice(this.run.runId.length + 1);
      this.run.asking.closeWithin(at, this.run.closing);
      if (status !== "COMPLETE") void this.run.leaveChildren(at);
    }
    // What failed may be tried again in the same visit.
    if (status === "COMPLETE" && this.#path.length === 0) this.run.replayLog.forget(node);
    this.ended(node);
    const visit = left?.visits ?? 0;
    if (this.each !== undefined) this.#tellItem(this.each, { node, status, failure } as NodeReport, durationMs, left);
    else if (withdrawn === true) this.tell({ type: "node.withdrawn", node, visit });
    else if (status === "SKIPPED") this.tell({ type: "node.skipped", node, visit });
    else if (status === "COMPLETE") this.#tellCompleted(node, durationMs, left as EndedNode);
    else this.tell({ type: "node.failed", node, visit, durationMs, status, ...withoutFinality(failure ?? UNTOLD) });
  }

  /** As of the node that it is an item of. */
  #tellItem({ node: { name } }: Each, { node, status, failure }: NodeReport, durationMs: number, left: EndedNode | undefined): void {
    const about = { type: "item.ended", node: name, index: indexOfItem(node), durationMs } as const;
    const result = left === undefined ? undefined : givenValue(left.definition, left.modules);
    const ended =
      status === "COMPLETE"
        ? ({ ...about, status: "success", ...(result === undefined ? {} : { result }) } as const)
        : ({ ...about, status: "error", ...withoutFinality(failure ?? UNTOLD) } as const);
    this.run.events.tell(ended, this.#path.slice(0, -1), left?.now);
  }

  #tellCompleted(node: string, durationMs: number, left: EndedNode): void {
    const at = left.definition.verifies ? undefined : left.now;
    this.tell(new NodeCompleted(node, left.visits, durationMs, left), at);
  }

  startSpan(name: string, node: string, attributes: Record<string, string | number>): Span {
    return this.run.services.telemetry.startSpan(name, attributes, this.spanOf(node));
  }

  spanOf(node: string): Span {
    return this.#spans?.get(node) ?? this.#parentSpan;
  }

  /** A module of the node, or of a graph nested in it, works from now on, or no longer: time limits count while one does. */
  working(node: string, change: 1 | -1): void {
    if (this.#nodes.definition(node).timeoutMs > 0) {
      const limit = this.#limitOf(node);
      limit.working += change;
      limit.changed();
      if (limit.working === 0) {
        limit.countdown?.pause();
        this.run.counting.delete(limit.changed);
      } else {
        limit.countdown?.run();
        this.run.counting.add(limit.changed);
      }
    }
    this.#parent?.working(this.#path.at(-1) as string, change);
  }

  limit(node: string, countdown: Countdown): () => void {
    const limit = this.#limitOf(node);
    limit.countdown = countdown;
    if (limit.working > 0) countdown.run();
    return () => {
      if (limit.countdown === countdown) limit.countdown = undefined;
    };
  }

  threw({ node, visit, attempt }: ModuleOrder, error: unknown): void {
    this.#thrown = { node, visit, attempt, error };
  }

  thrownIn({ node, visit, attempt }: ModuleOrder): unknown {
    const last = this.#thrown;
    return last?.node === node && last.visit === visit && last.attempt === attempt ? last.error : undefined;
  }

  #limitOf(node: string): Limit {
    this.#limits ??= new Map();
    let limit = this.#limits.get(node);
    if (limit === undefined) {
      limit = { countdown: undefined, working: 0, changed: () => this.#place.nodeChanged(node) };
      this.#limits.set(node, limit);
    }
    return limit;
  }

  admit(node: string, estimate: CallEstimate): SettleCall {
    // What items spend is one sum.
    if (this.each !== undefined && this.#parent !== undefined) return this.#parent.admit(this.each.node.name, estimate);
    return this.run.admit(pathKey([...this.#path, node]), estimate, (usage) => this.tell({ type: "usage.recorded", node, usage }));
  }

  async saveProgress(node: string): Promise<void> {
    if (this.snapshotOf(node) === SnapshotControl.ALWAYS) await this.storeProgress(node);
  }

  async storeProgress(node: string): Promise<void> {
    if (!this.run.mayKeep) return;
    const fault = await this.#commit("progress", [node]);
    if (fault !== undefined) this.run.reportUnstored(fault);
  }

  sleeping(until: number): () => void {
    const waiting: Waiting = { for: "moment", until };
    this.run.waits.add(waiting);
    return () => this.run.waits.delete(waiting);
  }

  waiting(node: string, waiting: Waiting, isOpen: boolean): void {
    const { waits } = this.run;
    const open = this.#waiting?.get(node) ?? [];
    const now = isOpen ? [...open, waiting] : open.filter((each) => each !== waiting);
    this.#waiting ??= new Map();
    if (now.length === 0) this.#waiting.delete(node);
    else this.#waiting.set(node, now);
    if (isOpen) waits.add(waiting);
    else waits.delete(waiting);
    this.tell({ type: "node.waiting", node, waiting: now });
  }

  snapshotOf(node: string): SnapshotControl {
    const { autoSnapshot, snapshot } = this.run.services;
    const asked = autoSnapshot && this.run.mayKeep ? (this.#nodes.get(node).snapshot ?? snapshot) : SnapshotControl.NEVER;
    // Once is once for all of them, before they begin.
    return this.each !== undefined && asked === SnapshotControl.ONCE ? SnapshotControl.NEVER : asked;
  }

  get fence(): number {
    return this.run.kept?.fence ?? 0;
  }

  requireRoom(written: Written): void {
    this.run.requireRoom(written);
  }

  /** @param module absent for the graph nested in the node */
  requireRoomFor(node: string, module: string | undefined, outcome: ModuleOutcome): void {
    if (this.run.kept === undefined) return;
    this.#room ??= new NodeRoom({
      run: this.run,
      definition: (name) => this.definition(name),
      known: (name) => this.#place.pool()?.nodes.get(name),
    });
    this.#room.require(node, module, outcome);
  }

  requireRoomToEmit(node: string, module: string, json: string): void {
    if (this.run.kept === undefined) return;
    const graph = this.#path;
    const text = (): string =>
      sealEvent(this.task.id, { seq: 0, at: 0 }, JSON.stringify({ type: "module.emitted", node, module, event: JSON.parse(json), graph }));
    this.run.requireRoom({ what: () => `What module "${module}" of node "${node}" emitted`, length: json.length + MOST_EVENT_FRAME, text });
  }

  whenSure(): Promise<void> | undefined {
    return this.run.kept?.whenSure();
  }

  async save(nodes: readonly string[]): Promise<{ fault?: Fault }> {
    const fault = await this.#commit("step", nodes);
    return fault === undefined ? {} : { fault };
  }

  /** A run that is not stored yet is from now on: a node that was added wants it. */
  async #commit(why: CommitReason, nodes: readonly string[]): Promise<Fault | undefined> {
    try {
      if (this.run.kept === undefined) await this.run.limited("storing the run", () => this.run.keep());
      await this.run.kept?.commit(why, this.#shown(nodes));
      return undefined;
    } catch (error) {
      const code = asimovErrorOf(error)?.code ?? "snapshot-write-failed";
      return { status: "error", error: `The run is not stored before ${nodes.join(", ")}: ${shownMessageOf(error)}`, code };
    }
  }

  closeGenerators(nodes?: readonly string[]): Promise<void> | undefined {
    if (this.generators.size === 0) return undefined;
    const names = nodes === undefined ? undefined : new Set(nodes);
    const closing: Promise<unknown>[] = [];
    for (const [key, running] of this.generators) {
      if (names !== undefined && !names.has(key.slice(0, key.lastIndexOf("/")))) continue;
      this.generators.delete(key);
      closing.push(running.close());
    }
    return closing.length === 0 ? undefined : Promise.all(closing).then(() => {});
  }

  /** The graph's actor was stopped, or broke, in the middle of whatever its nodes did. */
  leave(error: string): void {
    for (const span of this.#spans?.values() ?? []) span.end(error);
    this.#spans = undefined;
    void this.closeGenerators();
  }
}
