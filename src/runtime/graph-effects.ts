/** The effects of one instance of a graph: opening, checks, snapshots, reading what its nodes gave, closing. */

import type { NodeChecks } from "#actors/check-node";
import type { NodeState } from "#actors/node-pool";
import type { RunEffects } from "#actors/run-effects";
import { shownMessageOf } from "#contract/base/error-details";
import { asimovErrorOf } from "#contract/base/errors";
import type { TaskJSON } from "#contract/base/task";
import { addUsage, pathKey, type Usage } from "#contract/chat/usage";
import { nodeResultOf } from "#contract/node/attempt";
import { FlowControlModule } from "#contract/node/flow-control";
import type { Node } from "#contract/node/node";
import type { Failure, Fault, NodeResult } from "#contract/node/result";
import type { SnapshotRef } from "#contract/store/snapshot";
import type { GraphNodes } from "./graph-nodes.ts";
import type { GraphWork } from "./graph-work.ts";
import type { RunHost } from "./run-host.ts";

/** What the pool's snapshot offers. */
export interface PoolView {
  nodes: Map<string, { getSnapshot(): unknown }>;
  step: readonly string[];
  reports: Map<string, { status: string }>;
}

/** The instance of a graph that the effects are of. */
interface GraphPlace {
  readonly run: RunHost;
  readonly path: readonly string[];
  readonly nodes: GraphNodes;
  readonly work: GraphWork;
  pool(): PoolView | undefined;
}

export class GraphEffects implements RunEffects, NodeChecks {
  readonly #scope: GraphPlace;
  readonly #outputMailbox: string | null;

  constructor(scope: GraphPlace, outputMailbox: string | null) {
    this.#scope = scope;
    this.#outputMailbox = outputMailbox;
  }

  get #run(): RunHost {
    return this.#scope.run;
  }

  get #isNested(): boolean {
    return this.#scope.path.length > 0;
  }

  node(name: string): Node {
    return this.#scope.nodes.get(name);
  }

  evaluate(condition: string): Promise<boolean> {
    return this.#run.evaluate(condition);
  }

  async missingKeys(keys: readonly string[]): Promise<string[]> {
    const found = await this.#run.limited("reading the cache", () => this.#run.cache.getMany(keys));
    return keys.filter((key) => !Object.hasOwn(found, key));
  }

  async open(task: TaskJSON): Promise<{ failure?: Failure }> {
    if (this.#isNested) return {};
    for (const condition of conditionsOf(this.#scope.nodes.all)) await this.#run.services.conditions.compile(condition);
    try {
      await this.#run.limited("storing the task in the cache", () => this.#run.cache.set("task", task));
      return {};
    } catch (error) {
      return { failure: failureOf("The task could not be stored in the cache", error, "cache-failed") };
    }
  }

  async save(cut: string, nodes: string[]): Promise<{ ref?: SnapshotRef; fault?: Fault }> {
    if (this.#run.restoredCut === cut) {
      this.#run.restoredCut = undefined;
      return {};
    }
    try {
      return { ref: await this.#run.snapshot({ nodes, cut }) };
    } catch (error) {
      return { fault: { status: "error", ...failureOf(`No snapshot before ${nodes.join(", ")}`, error, "snapshot-write-failed") } };
    }
  }

  closeGenerators(nodes?: string[]): Promise<void> {
    return this.#scope.work.closeGenerators(nodes);
  }

  readNodes(): { results: Record<string, NodeResult>; executions: Record<string, number> } {
    const results: [string, NodeResult][] = [];
    const executions: [string, number][] = [];
    const actors = this.#scope.pool()?.nodes;
    const usage = this.#usage();
    // In declaration order, also where a restored pool holds the visited nodes before the others.
    for (const name of this.#scope.nodes.names) {
      const ref = actors?.get(name);
      if (ref === undefined) continue;
      const { context, value } = ref.getSnapshot() as { context: NodeState; value: unknown };
      const { visits, modules, failure } = context;
      if (visits === 0) continue;
      executions.push([name, visits]);
      // One that was skipped since waits, and still holds what its latest visit gave.
      if (typeof value !== "string") continue;
      const result = nodeResultOf(modules, failure);
      const used = usage.get(name);
      results.push([name, used === undefined ? result : { ...result, usage: used }]);
    }
    return { results: Object.fromEntries(results), executions: Object.fromEntries(executions) };
  }

  /** By node of this graph, with what is nested in it. */
  #usage(): ReadonlyMap<string, Usage> {
    const sums = new Map<string, Usage>();
    const prefix = this.#isNested ? `${pathKey(this.#scope.path)}/` : "";
    for (const [key, usage] of Object.entries(this.#run.usage)) {
      if (!key.startsWith(prefix)) continue;
      const [own = ""] = key.slice(prefix.length).split("/", 1);
      const name = decodeURIComponent(own);
      const before = sums.get(name);
      sums.set(name, before === undefined ? usage : addUsage(before, usage));
    }
    return sums;
  }

  async close(task: TaskJSON, message: unknown): Promise<{ faults: Fault[] }> {
    if (this.#isNested) return { faults: [] };
    const mailbox = this.#outputMailbox;
    const run = this.#run;
    const stored = await faultsOf("The ended task was not stored", () =>
      run.limited("storing the ended task in the cache", () => run.cache.set("task", task)),
    );
    if (mailbox === null) return { faults: stored };
    const published = await faultsOf("The end was not published", () =>
      run.limited(`publishing the end to mailbox "${mailbox}"`, () => run.cache.publishToMailbox(mailbox, message)),
    );
    return { faults: [...stored, ...published] };
  }
}

/** What went wrong with the work, if anything did. */
async function faultsOf(what: string, work: () => Promise<void>): Promise<Fault[]> {
  try {
    await work();
    return [];
  } catch (error) {
    return [{ status: "error", ...failureOf(what, error, "cache-failed") }];
  }
}

function failureOf(what: string, error: unknown, code: string): Failure {
  return { error: `${what}: ${shownMessageOf(error)}`, code: asimovErrorOf(error)?.code ?? code };
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
