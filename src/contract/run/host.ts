/** The ports of a run: what the actors ask of whoever hosts them. One for each instance of a graph, nested ones too. */
import type { AnyActorRef } from "xstate";
import type { Countdown } from "#contract/base/countdown";
import type { Clock } from "#contract/base/services";
import type { Task } from "#contract/base/task";
import type { Span } from "#contract/base/telemetry";
import type { Turns } from "#contract/base/turns";
import type { SnapshotControl } from "#contract/base/vocabulary";
import type { CallEstimate, SettleCall } from "#contract/chat/call-scope";
import type { Graph, GraphNode } from "#contract/graph/graph";
import type { GraphKeys, ModuleOrder, ModuleOutcome } from "#contract/node/attempt";
import type { NodeDefinition } from "#contract/node/definition";
import type { Each } from "#contract/node/items";
import type { AgentModule, NodeLike } from "#contract/node/module";
import type { Node } from "#contract/node/node";
import type { Permit, Permits } from "#contract/node/permits";
import type { Fault, NodeReport } from "#contract/node/result";
import type { Cache } from "#contract/store/cache";
import type { Written } from "#contract/store/run-room";
import type { QuestionEnd } from "#contract/store/stored-question";
import type { ChildQueue } from "./child-queue.ts";
import type { RunEventBody } from "./events.ts";
import type { ToldDelta } from "./model-delta.ts";
import type { Question } from "./question.ts";
import type { Waiting } from "./run-view.ts";
import type { LeftBehind } from "./unread-event.ts";

/** A generator that gives one yield a visit, and the context that it was started with. */
export interface RunningGenerator {
  readonly generator: AsyncGenerator;
  readonly context: unknown;
  /** Ends it, or leaves it behind after the grace time; never rejects. */
  close(): Promise<void>;
}

/** Finds the host of the graph that an actor belongs to; one set of machines serves every run. */
export type HostOf<T> = (self: AnyActorRef) => T;

/** Whoever has a module run. */
export interface ModuleKeeper {
  /** From now on the module waits for something outside, or works again; before its end it is told that it works. */
  waits(waits: boolean): void;
  /** The module has kept something, so that a repeat of it would come further. */
  progressed(): void;
  /** Told once, whatever the module does. */
  ended(outcome: ModuleOutcome): void;
}

export interface RunningModule {
  /** Asks the module to end; it has ended when its keeper is told. */
  abort(reason: string, code: string): void;
}

/** What the actor of a module asks for. */
export interface ModuleRunner {
  readonly clock: Clock;
  readonly permits: Permits;
  /** Of those that share the permits, who waits in turns: the run. */
  readonly line: object;
  /** No module of the node starts before this settles: what ended before it is being stored, or see `NodesHost.whenSure`. */
  whenReady(node: string): Promise<void> | undefined;
  /** The fencing token of whoever owns the run; 0 where it is not stored. */
  readonly fence: number;
  /** That of the owner before, where it was lost; else 0. */
  readonly lostOwner: number;
  /** A module of the node begins, or is counted anew: the state that is stored of it has changed. */
  moduleChanged(node: string): void;
  /** No module begins before this settles: after a lost owner it is stored first that it does, since it may take this one along. */
  whenNoted(): Promise<void> | undefined;
  /** Calls back when a module may begin in whose time so many owners were lost. Returns how to say that it works no more; may be called twice. */
  enterSuspect(lost: number, enter: () => void): () => void;
  /** How a module ends that is not begun again since so many owners were lost while it worked; undefined where it is. */
  givenUp(order: ModuleOrder, lost: number): ModuleOutcome | undefined;
  /** @param permit given back while the module waits; released by whoever had the module run, when it has ended */
  startModule(order: ModuleOrder, keeper: ModuleKeeper, permit: Permit): RunningModule;
}

/** What the time limit of a node asks for. */
export interface LimitHost {
  readonly clock: Clock;
  /** Runs the countdown while something in the node works. Returns how to stop that. */
  limit(node: string, countdown: Countdown): () => void;
}

/** An attempt's way to the run's own values. */
export interface OpenValues {
  readonly cache: Cache;
  /** The attempt has ended, or a step of it: what it did is stored from now on. It may begin anew. */
  settle(step?: object): void;
}

/** What modules have had, by the place of each; see `ReplayLog`. */
export interface Replay {
  read(place: string, entry: string): string | undefined;
  write(place: string, entry: string, text: string): void;
  remove(place: string, entry: string): void;
  /** Whether anything is kept for the module there. */
  has(place: string): boolean;
  within(place: string): Iterable<[entry: string, text: string]>;
}

/** The questions of the run; see `Asking`. */
export interface Questions {
  ask(place: string, entry: string, kept: { question: Question }, instead?: string): void;
  wait(id: string, signal: AbortSignal): Promise<unknown>;
  catchUp(id: string): Promise<void>;
  announce(id: string): void;
  closeWithin(at: string, why: QuestionEnd): void;
}

/** The runs that modules wait for; see `Children`. */
export interface ChildRuns {
  keep(at: string, entry: string, kept: KeptChild): void;
  follow(taskId: string, heard: () => void): () => void;
  stay(): () => void;
}

/** What is kept of one. */
export interface KeptChild {
  taskId: string;
  task: { type: string; objective: string; params: Record<string, unknown>; labels?: Record<string, string> };
  /** It goes on when its parent is cancelled. */
  detached?: true;
  /** An attempt of its module has given it up, or failed by it: the next one tries it again. */
  over?: true;
  /** It has ended, as its module knows. */
  ended?: true;
  /** The fencing token under which it has said that it is about to end. */
  ending?: number;
}

/** What running a module needs. */
export interface ModuleHost {
  readonly clock: Clock;
  readonly replay: Replay;
  readonly asking: Questions;
  readonly children: ChildRuns;
  /** What becomes of the run when all of it waits. */
  readonly whenWaiting: "hold" | "park";
  /** Told of its questions beside the agent, and of those of the runs that it waits for. */
  readonly onQuestion: ((question: Question) => void) | undefined;
  /** Where they are left for whoever takes them; absent where they begin in this process. */
  readonly childQueue: ChildQueue | undefined;
  readonly isRestored: boolean;
  /** Whether anything is kept of what modules have had. */
  readonly hasKept: boolean;
  readonly ids: () => string;
  readonly agentName: string;
  /** The nodes whose nested graph it is; empty for the run's own. */
  readonly path: readonly string[];
  /** Of a graph whose nodes are the items of one: its list. */
  readonly each: Each | undefined;
  /** What the composites around the graph say to each module in it. */
  readonly context: Readonly<Record<string, unknown>> | undefined;
  /** The agent's. */
  readonly cache: Cache;
  /** See `ModuleContext.results`. */
  readonly results: Readonly<Record<string, unknown>>;
  readonly task: Task;
  /** Milliseconds that an aborted module gets to end by itself. */
  readonly abortGraceMs: number;
  /** Generators by module; they live as long as the run, or until a jump cleans up. */
  readonly generators: Map<string, RunningGenerator>;
  resolve(order: ModuleOrder): { node: Node; module: AgentModule };
  /** For one attempt of a module. @param stepOf the step of it that something is done by now */
  openValues(stepOf?: () => object | undefined): OpenValues;
  evaluate(condition: string): Promise<boolean>;
  /** Makes nodes known that a module's result adds. @throws GraphError */
  define(nodes: readonly NodeLike[], order: ModuleOrder): GraphNode[];
  /** @param at now, where it is known */
  tell(event: RunEventBody, at?: number): void;
  /** A module of the node works from now on, or no longer. */
  working(node: string, change: 1 | -1): void;
  /** Keeps what a module threw, for its siblings to see as the cause of their end. */
  threw(order: ModuleOrder, error: unknown): void;
  thrownIn(order: ModuleOrder): unknown;
  /** Told when a generator starts, to say so when it had a position before a restore. */
  generatorStarted(order: ModuleOrder, module: string): void;
  /** The span that what happens within a node belongs to. */
  spanOf(node: string): Span;
  startSpan(name: string, node: string, attributes: Record<string, string | number>): Span;
  /** Tells whoever asked for it what a model answers; absent while nobody asks. */
  readonly deltas: ((delta: ToldDelta) => void) | undefined;
  /** See `CallScope.admit`; what the node's modules call. */
  admit(node: string, estimate: CallEstimate): SettleCall;
  /** See `ModuleContext.fence`. */
  readonly fence: number;
  /** Of a run that is stored: what is written has room in its store. @throws AsimovError `part-too-large` */
  requireRoom(written: Written): void;
  /** The node has room for one more outcome. @throws AsimovError `part-too-large` */
  requireRoomFor(node: string, module: string, outcome: ModuleOutcome): void;
  /** An event of a module has room. @throws AsimovError `part-too-large` */
  requireRoomToEmit(node: string, module: string, json: string): void;
  /** A module of the node has ended: the run is stored soon, where the node asks for that. */
  ended(node: string): void;
  /** Stores the run where the node has ALWAYS its snapshots; what keeps it from that is reported, never thrown. */
  saveProgress(node: string): Promise<void>;
  /** As `saveProgress`; one that is not stored yet is from now on, where it may be. */
  storeProgress(node: string): Promise<void>;
  /** A module of the node waits for that from now on, or no longer: whoever looks is told. */
  waiting(node: string, waiting: Waiting, isOpen: boolean): void;
}

/** Where a node stands when a visit has ended. */
export interface EndedNode extends LeftBehind {
  keys: GraphKeys;
  visits: number;
  /** The moment of what happened last in it, in milliseconds since 1970; what verifies its outputs is later. */
  now: number;
}

/** What supervising nodes needs. */
export interface NodesHost {
  readonly clock: Clock;
  /** A wide step gives timers and I/O their turn between two of its nodes. */
  readonly turns: Pick<Turns, "isOver" | "next">;
  /** As it is when the run starts. */
  readonly graph: Graph;
  /** See `iterationLimit`; null for the default. */
  readonly maxTotalIterations: number | null;
  /** Of items: how many work at a time, and whether one that fails ends them all; absent for other graphs. */
  readonly itemLimits?: { readonly atOnce: number; readonly endsAtFailure: boolean } | undefined;
  definition(node: string): NodeDefinition;
  tell(event: RunEventBody): void;
  /** @param at now */
  nodeStarted(node: string, visit: number, iteration: number, at: number): void;
  /** A restored node goes on with the visit that it was in. */
  nodeResumed(node: string, visit: number): void;
  /** @param left what the visit left behind; absent where the node's actor broke down, or never was */
  nodeEnded(report: NodeReport, durationMs: number, left: EndedNode | undefined): void;
  nodesAdded(nodes: readonly GraphNode[]): void;
  /** Where the run may be somebody else's by now, or is being given back, nothing starts before this settles. */
  whenSure(): Promise<void> | undefined;
  /** When the run is stored for the sake of the node. */
  snapshotOf(node: string): SnapshotControl;
  /** Stores the run as it stands, before visits of these nodes; never rejects. */
  save(nodes: readonly string[]): Promise<{ fault?: Fault }>;
  /** Absent where none of them holds a generator; never rejects. */
  closeGenerators(nodes: readonly string[]): Promise<void> | undefined;
}
