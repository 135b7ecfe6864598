/** One instance of a graph within a run, the agent's own or one nested in a node: what its actors ask for. */

import type { NodeChecks } from "#actors/check-node";
import type { NodeState } from "#actors/node-pool";
import type { RunEffects } from "#actors/run-effects";
import { AsimovError, GraphError, messageOf, SnapshotError } from "#contract/base/errors";
import type { Task, TaskJSON } from "#contract/base/task";
import type { Span } from "#contract/base/telemetry";
import { SnapshotControl } from "#contract/base/vocabulary";
import type { CallEstimate } from "#contract/chat/call-scope";
import { addUsage, pathKey, type Usage } from "#contract/chat/usage";
import { graphDifferences } from "#contract/graph/difference";
import { addedNames, type Graph, type GraphNode, indexOf } from "#contract/graph/graph";
import { type ModuleOrder, nodeResultOf } from "#contract/node/attempt";
import { closeGenerator } from "#contract/node/close-generator";
import { defineNode, graphNodeOf, type NodeDefinition } from "#contract/node/definition";
import { FlowControlModule } from "#contract/node/flow-control";
import type { AgentModule, NodeLike } from "#contract/node/module";
import { Node } from "#contract/node/node";
import type { Permits } from "#contract/node/permits";
import type { ErrorReport, NodeResult } from "#contract/node/result";
import type {
  AgentEventBody,
  ModuleHost,
  ModuleKeeper,
  ModuleRunner,
  NodesHost,
  RunningGenerator,
  RunningModule,
} from "#contract/run/host";
import type { Cache } from "#contract/store/cache";
import type { SnapshotRef } from "#contract/store/snapshot";
import { ModuleJob } from "./module-job.ts";
import type { RunHost } from "./run-host.ts";
import { graphOf, validGraph } from "./valid-graph.ts";

/** What the pool's snapshot offers to its scope. */
interface NodesView {
  nodes: Map<string, { getSnapshot(): unknown }>;
  step: readonly string[];
  reports: Map<string, { status: string }>;
}

export class GraphScope implements ModuleHost, ModuleRunner, NodesHost, NodeChecks, RunEffects {
  readonly run: RunHost;
  readonly path: readonly string[];
  readonly parentSpan: Span;
  readonly generators = new Map<string, RunningGenerator<unknown>>();
  /** The agent actor of this graph. */
  actor: { getSnapshot(): unknown } | undefined;
  readonly #nodes: Map<string, Node>;
  readonly #outputMailbox: string | null;
  /** Who added a node last, by name; it is in the graph once the step has settled. */
  readonly #proposed = new Map<string, ModuleOrder>();
  readonly #spans = new Map<string, Span>();
  readonly #generatorsStarted = new Set<string>();

  constructor(run: RunHost, graph: { path: readonly string[]; nodes: Iterable<Node>; outputMailbox: string | null; parentSpan: Span }) {
    this.run = run;
    this.path = graph.path;
    this.parentSpan = graph.parentSpan;
    this.#outputMailbox = graph.outputMailbox;
    this.#nodes = new Map([...graph.nodes].map((node) => [node.name, node]));
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

  get abortGraceMs(): number {
    return this.run.services.abortGraceMs;
  }

  get nodeNames(): readonly string[] {
    return [...this.#nodes.keys()];
  }

  node(name: string): Node {
    const node = this.#nodes.get(name);
    if (node === undefined) throw new AsimovError(`The graph holds no node "${name}".`, { code: "unknown-node" });
    return node;
  }

  definition(name: string): NodeDefinition {
    return defineNode(this.node(name));
  }

  resolve({ node: name, module: index }: ModuleOrder): { node: Node; module: AgentModule } {
    const node = this.node(name);
    return { node, module: node.modules[index] as AgentModule };
  }

  evaluate(condition: string): Promise<boolean> {
    return this.run.evaluate(condition);
  }

  /** A node of the same definition replaces the one before, since its modules may hold newer values. */
  define(nodes: readonly NodeLike[], order: ModuleOrder): GraphNode[] {
    const given = new Map<string, Node>();
    for (const node of nodes) {
      if (!(node instanceof Node)) {
        const shown = node === null ? "null" : typeof node === "object" ? "an object" : typeof node;
        throw new GraphError([`Node "${order.node}" added ${shown} that is no Node.`], "invalid-addition");
      }
      if (node.nodes.length > 0) validGraph(node.nodes, [...this.path, node.name]);
      const known = given.get(node.name) ?? this.#rivalOf(node.name, order);
      if (known !== undefined && !isSameDefinition(known, node)) {
        throw new GraphError(
          [`Node "${order.node}" added a node "${node.name}" that differs from the one of that name.`],
          "graph-duplicate-node",
        );
      }
      given.set(node.name, node);
    }
    for (const [name, node] of given) {
      this.#nodes.set(name, node);
      this.#proposed.set(name, order);
    }
    return [...given.values()].map(graphNodeOf);
  }

  /** The node of that name that is in the graph, or that a node of this step added before; not what a failed attempt gave. */
  #rivalOf(name: string, { node: creator, visit, attempt }: ModuleOrder): Node | undefined {
    const { context } = (this.actor?.getSnapshot() ?? {}) as { context?: { state: { graph: Graph } } };
    const node = this.#nodes.get(name);
    if (context !== undefined && indexOf(context.state.graph).byName.has(name)) return node;
    const other = this.#proposed.get(name);
    if (other === undefined) return undefined;
    if (other.node === creator) return other.visit === visit && other.attempt === attempt ? node : undefined;
    const pool = this.#pool();
    const hasFailed = (pool?.reports.get(other.node)?.status ?? "COMPLETE") !== "COMPLETE";
    return pool?.step.includes(other.node) === true && !hasFailed ? node : undefined;
  }

  /**
   * Makes the nodes known that a stored run added, and checks that the rest of its graph is this one.
   * @throws SnapshotError `snapshot-other-graph`, `snapshot-unknown-node`
   */
  restoreGraph(stored: Graph, pending: readonly string[]): void {
    const added = addedNames(stored);
    const own = [...this.#nodes.values()].filter(({ name }) => !added.has(name));
    const differences = graphDifferences(stored, graphOf(own));
    if (differences.length > 0) {
      throw new SnapshotError(`The snapshot is of another graph: ${differences.join("; ")}.`, { code: "snapshot-other-graph" });
    }
    const { dynamicNodes } = this.run.services;
    const missing = [...new Set([...added, ...pending])].filter((name) => {
      const node = this.#nodes.get(name) ?? dynamicNodes.find((known) => known.name === name);
      if (node !== undefined) this.#nodes.set(name, node);
      return node === undefined;
    });
    if (missing.length === 0) return;
    const names = missing.map((name) => `"${name}"`).join(", ");
    throw new SnapshotError(
      `The run had added the nodes ${names} itself; give them to the agent that restores it, as the option \`dynamicNodes\`.`,
      {
        code: "snapshot-unknown-node",
      },
    );
  }

  startModule(order: ModuleOrder, keeper: ModuleKeeper): RunningModule {
    const job = new ModuleJob(this, order, keeper);
    job.start();
    return job;
  }

  tell(event: AgentEventBody): void {
    if (this.run.events.isHeard) this.run.events.tell({ ...event, graph: this.path });
  }

  generatorStarted({ node, visit }: ModuleOrder, module: string): void {
    const key = `${node}/${module}`;
    if (this.run.isRestored && visit > 1 && !this.#generatorsStarted.has(key)) this.tell({ type: "generator.restarted", node, module });
    this.#generatorsStarted.add(key);
  }

  nodeStarted(name: string, visit: number): void {
    this.tell({ type: "node.started", node: name, visit });
    if (!this.node(name).trace) return;
    const attributes = { "asimov.node.name": name, "asimov.node.visit": visit };
    this.#spans.set(name, this.run.services.telemetry.startSpan(`node ${name}`, attributes, this.parentSpan));
  }

  nodeEnded(name: string, status: string, durationMs: number, error: string | undefined): void {
    this.run.services.telemetry.countNode(status, durationMs);
    this.#spans.get(name)?.end(error);
    this.#spans.delete(name);
  }

  startSpan(name: string, node: string, attributes: Record<string, string | number>): Span {
    return this.run.services.telemetry.startSpan(name, attributes, this.spanOf(node));
  }

  spanOf(node: string): Span {
    return this.#spans.get(node) ?? this.parentSpan;
  }

  admit(node: string, estimate: CallEstimate): (usage: Usage) => void {
    return this.run.admit(pathKey([...this.path, node]), estimate, (usage) => this.tell({ type: "usage.recorded", node, usage }));
  }

  async saveProgress(node: string): Promise<void> {
    if (this.node(node).snapshot === SnapshotControl.ALWAYS && this.run.services.autoSnapshot) await this.run.saveProgress();
  }

  /** The graph's actor was stopped, or broke, in the middle of whatever its nodes did. */
  leave(error: string): void {
    for (const span of this.#spans.values()) span.end(error);
    this.#spans.clear();
    void this.closeGenerators();
  }

  async open(task: TaskJSON): Promise<{ failure?: { error: string; code: string } }> {
    if (this.path.length > 0) return {};
    for (const condition of conditionsOf(this.#nodes.values())) await this.run.services.conditions.compile(condition);
    try {
      await this.cache.set("task", task);
      return {};
    } catch (error) {
      return { failure: { error: `The task could not be stored in the cache: ${messageOf(error)}`, code: "cache-failed" } };
    }
  }

  async save(cut: string, nodes: string[]): Promise<{ ref?: SnapshotRef; error?: ErrorReport }> {
    if (this.run.restoredCut === cut) {
      this.run.restoredCut = undefined;
      return {};
    }
    try {
      return { ref: await this.run.snapshot({ nodes, cut }) };
    } catch (error) {
      const code = error instanceof AsimovError ? error.code : "snapshot-write-failed";
      return { error: { status: "error", error: `No snapshot before ${nodes.join(", ")}: ${messageOf(error)}`, code } };
    }
  }

  async closeGenerators(nodes?: string[]): Promise<void> {
    const names = nodes === undefined ? undefined : new Set(nodes);
    const closing: Promise<unknown>[] = [];
    for (const [key, { generator }] of this.generators) {
      if (names !== undefined && !names.has(key.slice(0, key.lastIndexOf("/")))) continue;
      this.generators.delete(key);
      closing.push(closeGenerator(generator, this.abortGraceMs));
    }
    await Promise.all(closing);
  }

  readNodes(): { results: Record<string, NodeResult>; executions: Record<string, number> } {
    const results: Record<string, NodeResult> = {};
    const executions: Record<string, number> = {};
    const actors = this.#pool()?.nodes;
    const usage = this.#usage();
    // In declaration order, also where a restored pool holds the visited nodes before the others.
    for (const name of this.#nodes.keys()) {
      const ref = actors?.get(name);
      if (ref === undefined) continue;
      const { context, value } = ref.getSnapshot() as { context: NodeState; value: unknown };
      const { visits, modules, failure } = context;
      if (visits === 0) continue;
      executions[name] = visits;
      // One that was skipped since waits, and still holds what its latest visit gave.
      if (typeof value !== "string") continue;
      const result = nodeResultOf(modules, failure === undefined ? { status: "success" } : { status: "error", ...failure });
      const used = usage.get(name);
      results[name] = used === undefined ? result : { ...result, usage: used };
    }
    return { results, executions };
  }

  /** By node of this graph, with what is nested in it. */
  #usage(): ReadonlyMap<string, Usage> {
    const sums = new Map<string, Usage>();
    const prefix = this.path.length === 0 ? "" : `${pathKey(this.path)}/`;
    for (const [key, usage] of Object.entries(this.run.usage)) {
      if (!key.startsWith(prefix)) continue;
      const [own = ""] = key.slice(prefix.length).split("/", 1);
      const name = decodeURIComponent(own);
      const before = sums.get(name);
      sums.set(name, before === undefined ? usage : addUsage(before, usage));
    }
    return sums;
  }

  #pool(): NodesView | undefined {
    const { children } = (this.actor?.getSnapshot() ?? {}) as { children?: Record<string, { getSnapshot(): unknown }> };
    return children?.nodes?.getSnapshot() as NodesView | undefined;
  }

  async close(task: TaskJSON, message: unknown): Promise<void> {
    if (this.path.length > 0) return;
    try {
      await this.cache.set("task", task);
      if (this.#outputMailbox !== null) await this.cache.publishToMailbox(this.#outputMailbox, message);
    } catch (error) {
      this.tell({
        type: "error.reported",
        report: { status: "error", error: `The end was not published: ${messageOf(error)}`, code: "cache-failed" },
      });
    }
  }
}

/** The conditions of nodes and decisions, nested ones too. */
function* conditionsOf(nodes: Iterable<Node>): Generator<string> {
  for (const { nodeConfig, modules, nodes: inner } of nodes) {
    if (nodeConfig.condition !== undefined) yield nodeConfig.condition;
    for (const module of modules) {
      if (!(module instanceof FlowControlModule)) continue;
      for (const { condition } of module.flowConfig.decisions) if (condition !== undefined) yield condition;
    }
    yield* conditionsOf(inner);
  }
}

/** Functions cannot be compared: two nodes are the same when everything that is written down of them is. */
export function isSameDefinition(a: Node, b: Node): boolean {
  if (a === b) return true;
  const written = (node: Node): string => JSON.stringify([defineNode(node), graphNodeOf(node), node.nodeConfig, node.inputMailboxes]);
  return written(a) === written(b) && a.nodes.every((node, index) => isSameDefinition(node, b.nodes[index] as Node));
}
