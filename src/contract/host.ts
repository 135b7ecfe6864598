/** The ports of a run: what the actors ask of whoever hosts them. One for each instance of a graph, nested ones too. */
import type { AnyActorRef } from "xstate";
import type { ModuleOrder } from "./attempt.ts";
import type { Cache } from "./cache.ts";
import type { CallEstimate } from "./call-scope.ts";
import type { AgentEvent } from "./events.ts";
import type { GraphNode } from "./graph.ts";
import type { AgentModule } from "./module.ts";
import type { Node } from "./node.ts";
import type { NodeDefinition } from "./node-definition.ts";
import type { Permits } from "./permits.ts";
import type { Task } from "./task.ts";
import type { Span } from "./telemetry.ts";
import type { Usage } from "./usage.ts";

/** An event before the graph that tells it is named. */
export type AgentEventBody = WithoutGraph<AgentEvent>;
type WithoutGraph<T> = T extends unknown ? Omit<T, "graph"> : never;

/** A generator that gives one yield a visit, and the context that it was started with. */
export interface RunningGenerator<TContext> {
  generator: AsyncGenerator;
  context: TContext;
}

/** Finds the host of the graph that an actor belongs to; one set of machines serves every run. */
export type HostOf<T> = (self: AnyActorRef) => T;

/** What running a module needs. */
export interface ModuleHost {
  readonly cache: Cache;
  readonly task: Task;
  readonly permits: Permits;
  /** Milliseconds that an aborted module gets to end by itself. */
  readonly abortGraceMs: number;
  /** Generators by module; they live as long as the run, or until a jump cleans up. */
  readonly generators: Map<string, RunningGenerator<unknown>>;
  resolve(order: ModuleOrder): { node: Node; module: AgentModule };
  evaluate(condition: string): Promise<boolean>;
  /** Makes nodes known that a module's result adds. @throws GraphError */
  define(nodes: readonly Node[], order: ModuleOrder): GraphNode[];
  tell(event: AgentEventBody): void;
  /** Told when a generator starts, to say so when it had a position before a restore. */
  generatorStarted(order: ModuleOrder, module: string): void;
  /** The span that what happens within a node belongs to. */
  spanOf(node: string): Span;
  startSpan(name: string, node: string, attributes: Record<string, string | number>): Span;
  /** See `CallScope.admit`; what the node's modules call. */
  admit(node: string, estimate: CallEstimate): (usage: Usage) => void;
  /** Stores the run where the node has ALWAYS its snapshots; what keeps it from that is reported, never thrown. */
  saveProgress(node: string): Promise<void>;
}

/** What supervising nodes needs. */
export interface NodesHost {
  readonly nodeNames: readonly string[];
  definition(node: string): NodeDefinition;
  tell(event: AgentEventBody): void;
  nodeStarted(node: string, visit: number): void;
  nodeEnded(node: string, status: string, durationMs: number, error: string | undefined): void;
}
