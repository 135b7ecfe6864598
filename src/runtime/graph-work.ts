/** What the modules and nodes of one instance of a graph ask for while they work: generators, spans, events, time limits. */

import type { Countdown } from "#contract/base/countdown";
import type { Clock } from "#contract/base/services";
import type { Task } from "#contract/base/task";
import type { Span } from "#contract/base/telemetry";
import type { Turns } from "#contract/base/turns";
import { SnapshotControl } from "#contract/base/vocabulary";
import type { CallEstimate, SettleCall } from "#contract/chat/call-scope";
import { pathKey } from "#contract/chat/usage";
import type { GraphNode } from "#contract/graph/graph";
import type { ModuleOrder } from "#contract/node/attempt";
import type { NodeDefinition } from "#contract/node/definition";
import { type AgentModule, defineModule, type ModuleResult, type NodeLike } from "#contract/node/module";
import type { Node } from "#contract/node/node";
import type { Permit, Permits } from "#contract/node/permits";
import type { Failure } from "#contract/node/result";
import type {
  LimitHost,
  ModuleHost,
  ModuleKeeper,
  ModuleRunner,
  NodesHost,
  OpenValues,
  RunEventBody,
  RunningGenerator,
  RunningModule,
} from "#contract/run/host";
import type { Cache } from "#contract/store/cache";
import type { GraphNodes } from "./graph-nodes.ts";
import { ModuleJob } from "./module-job.ts";
import type { NodeResults } from "./node-results.ts";
import type { RunHost } from "./run-host.ts";

/** A time limit, and how many modules work under it. */
interface Limit {
  countdown: Countdown | undefined;
  working: number;
}

/** The instance of a graph that the work is of. */
interface WorkPlace {
  readonly run: RunHost;
  readonly path: readonly string[];
  readonly nodes: GraphNodes;
  readonly results: NodeResults;
}

export class GraphWork implements ModuleHost, ModuleRunner, NodesHost, LimitHost {
  readonly run: RunHost;
  readonly results: NodeResults;
  readonly generators = new Map<string, RunningGenerator>();
  /** What the composites around it say to each module. */
  readonly context: Readonly<Record<string, unknown>> | undefined;
  readonly #path: readonly string[];
  readonly #nodes: GraphNodes;
  readonly #parent: GraphWork | undefined;
  readonly #parentSpan: Span;
  // Made when they are needed: most runs have none of these.
  #spans: Map<string, Span> | undefined;
  #generatorsStarted: Set<string> | undefined;
  #limits: Map<string, Limit> | undefined;
  /** The last, since siblings are told of it at once. */
  #thrown: { node: string; visit: number; attempt: number; error: unknown } | undefined;

  /** @param parent of a nested graph, with the node that it is nested in as the last of `path` */
  constructor({ run, path, nodes, results }: WorkPlace, parent?: GraphWork) {
    this.run = run;
    this.#path = path;
    this.#nodes = nodes;
    this.results = results;
    this.#parent = parent;
    const around = path.at(-1);
    if (parent === undefined || around === undefined) this.#parentSpan = run.span;
    else {
      this.#parentSpan = parent.spanOf(around);
      const own = parent.#nodes.get(around).config.context;
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

  get nodeNames(): Iterable<string> {
    return this.#nodes.names();
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

  openValues(): OpenValues {
    return this.run.place.open();
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

  tell(event: RunEventBody): void {
    this.run.events.tell(event, this.#path);
  }

  generatorStarted({ node, visit }: ModuleOrder, module: string): void {
    const key = `${node}/${module}`;
    if (this.run.isRestored && visit > 1 && this.#generatorsStarted?.has(key) !== true)
      this.tell({ type: "generator.restarted", node, module });
    this.#generatorsStarted ??= new Set();
    this.#generatorsStarted.add(key);
  }

  nodeStarted(name: string, visit: number): void {
    this.tell({ type: "node.started", node: name, visit });
    if (!this.#nodes.get(name).trace) return;
    const attributes = { "asimov.node.name": name, "asimov.node.visit": visit };
    this.#spans ??= new Map();
    this.#spans.set(name, this.run.services.telemetry.startSpan(`node ${name}`, attributes, this.#parentSpan));
  }

  nodeEnded(name: string, status: string, durationMs: number, failure: Failure | undefined): void {
    this.run.services.telemetry.countNode(status, durationMs);
    this.#spans?.get(name)?.end(failure?.error, failure);
    this.#spans?.delete(name);
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
      if (limit.working === 0) limit.countdown?.pause();
      else limit.countdown?.run();
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
      limit = { countdown: undefined, working: 0 };
      this.#limits.set(node, limit);
    }
    return limit;
  }

  admit(node: string, estimate: CallEstimate): SettleCall {
    return this.run.admit(pathKey([...this.#path, node]), estimate, (usage) => this.tell({ type: "usage.recorded", node, usage }));
  }

  async saveProgress(node: string): Promise<void> {
    if (this.#nodes.get(node).snapshot === SnapshotControl.ALWAYS && this.run.services.autoSnapshot) await this.run.saveProgress();
  }

  async closeGenerators(nodes?: readonly string[]): Promise<void> {
    const names = nodes === undefined ? undefined : new Set(nodes);
    const closing: Promise<unknown>[] = [];
    for (const [key, running] of this.generators) {
      if (names !== undefined && !names.has(key.slice(0, key.lastIndexOf("/")))) continue;
      this.generators.delete(key);
      closing.push(running.close());
    }
    await Promise.all(closing);
  }

  /** The graph's actor was stopped, or broke, in the middle of whatever its nodes did. */
  leave(error: string): void {
    for (const span of this.#spans?.values() ?? []) span.end(error);
    this.#spans = undefined;
    void this.closeGenerators();
  }
}
