/** The effects of one instance of a graph: opening, checks, snapshots, reading what its nodes gave, closing. */

import type { NodeChecks } from "#actors/check-node";
import type { RunEffects } from "#actors/run-effects";
import { shownMessageOf } from "#contract/base/error-details";
import { asimovErrorOf, RunError } from "#contract/base/errors";
import type { TaskJSON } from "#contract/base/task";
import { addUsage, pathKey, type Usage } from "#contract/chat/usage";
import { type ModuleOrder, nodeResultOf } from "#contract/node/attempt";
import type { KnownNode, NodeState } from "#contract/node/dormant-node";
import { FlowControlModule } from "#contract/node/flow-control";
import { givenValue } from "#contract/node/given-value";
import type { Node } from "#contract/node/node";
import type { Failure, Fault, NodeReport, NodeResult } from "#contract/node/result";
import type { EndedGraph } from "#contract/run/end";
import { Order } from "#contract/run/order";
import { endOf } from "#contract/run/order-view";
import type { GraphNodes } from "./graph-nodes.ts";
import type { GraphWork } from "./graph-work.ts";
import { takeItems } from "./items.ts";
import type { NodeResults } from "./node-results.ts";
import type { RunHost } from "./run-host.ts";

/** What the pool's snapshot offers. */
export interface PoolView {
  nodes: ReadonlyMap<string, KnownNode>;
  order: Order;
  unpublished: Map<string, { report: NodeReport }>;
}

type NodesRead = Pick<EndedGraph, "nodes" | "results" | "executions">;

/** Nodes that are read before others have their turn. */
const READ_AT_ONCE = 256;

interface VisitedNode {
  name: string;
  visits: number;
  /** Absent while it runs. */
  result: NodeResult | undefined;
  /** Of one that succeeded. */
  given: { value: unknown } | undefined;
}

const nothingRead = (): NodesRead => ({ nodes: {}, results: {}, executions: {} });

/** A node may be named `__proto__`, which is no name to assign to. */
function put<T>(record: Record<string, T>, name: string, value: T): void {
  if (name === "__proto__") Object.defineProperty(record, name, { value, enumerable: true, configurable: true, writable: true });
  else record[name] = value;
}

function note({ nodes, results, executions }: NodesRead, { name, visits, given, result }: VisitedNode): void {
  if (result !== undefined) put(nodes, name, result);
  if (given !== undefined) put(results, name, given.value);
  put(executions, name, visits);
}

/** The instance of a graph that the effects are of. */
interface GraphPlace {
  readonly run: RunHost;
  readonly path: readonly string[];
  readonly nodes: GraphNodes;
  readonly work: GraphWork;
  readonly results: NodeResults;
  pool(): PoolView | undefined;
  /** Lets go of the actors of nodes that run no more; they can be read all the same. */
  release(nodes: readonly string[]): void;
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
    return this.#run.evaluate(condition, this.#scope.results);
  }

  async missingKeys(keys: readonly string[]): Promise<string[]> {
    const found = await this.#run.limited("reading the run's values", () => this.#run.values.getMany(keys));
    return keys.filter((key) => !Object.hasOwn(found, key));
  }

  takeItems(order: ModuleOrder): Promise<void> {
    return takeItems(this.#run, this.#scope.results, this.node(order.node), order);
  }

  async open(task: TaskJSON): Promise<{ failure?: Failure }> {
    if (this.#isNested) return {};
    let seen = 0;
    for (const node of this.#scope.nodes.all()) {
      if (++seen % READ_AT_ONCE === 0) await this.#run.services.turns.pause();
      for (const condition of conditionsOf(node)) await this.#run.services.conditions.compile(condition);
      for (const prepare of preparationsOf(node)) await prepare();
    }
    try {
      await this.#run.limited("setting the run's first values", () => this.#run.values.setMany({ ...this.#run.place.first, task }));
    } catch (error) {
      if (isRefusal(error)) throw error;
      return { failure: failureOf("The run's first values could not be set", error, "cache-failed") };
    }
    try {
      await this.#run.open();
      return {};
    } catch (error) {
      if (isRefusal(error)) throw error;
      return { failure: failureOf("The run could not be stored", error, "snapshot-write-failed") };
    }
  }

  /** What the nodes did so far. */
  readNodes(): NodesRead {
    const read = nothingRead();
    for (const node of this.#visited()) note(read, node);
    return read;
  }

  async closeNodes(): Promise<EndedGraph> {
    await this.#scope.work.closeGenerators();
    const read = nothingRead();
    let names: string[] = [];
    for (const node of this.#visited()) {
      note(read, node);
      if (names.push(node.name) < READ_AT_ONCE) continue;
      this.#scope.release(names);
      names = [];
      await this.#run.services.turns.pause();
    }
    return { ...read, ...endOf(this.#scope.pool()?.order ?? new Order({ nodes: [] })) };
  }

  /** In declaration order, also where a restored pool holds the visited nodes before the others. */
  *#visited(): Generator<VisitedNode> {
    const known = this.#scope.pool()?.nodes;
    const usage = this.#usage();
    for (const name of this.#scope.nodes.names()) {
      const node = known?.get(name);
      if (node === undefined) continue;
      const { context, value } = node.getSnapshot() as { context: NodeState; value: unknown };
      const { definition, visits, modules, failure } = context;
      if (visits === 0) continue;
      // One that was skipped since waits, and still holds what its latest visit gave.
      const result = typeof value === "string" ? nodeResultOf(modules, failure) : undefined;
      const given = result?.status === "success" ? { value: givenValue(definition, modules) } : undefined;
      const used = usage.get(name);
      yield { name, visits, given, result: used === undefined || result === undefined ? result : { ...result, usage: used } };
    }
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

  /** One whose result has no room is stored without it, and says so. @throws what the store threw, AsimovError `part-too-large` */
  async #storeTask(task: TaskJSON): Promise<void> {
    const run = this.#run;
    const store = (ended: TaskJSON): Promise<void> => run.limited("storing the ended task", () => run.values.set("task", ended));
    try {
      await store(task);
    } catch (error) {
      if (asimovErrorOf(error)?.code !== "part-too-large") throw error;
      const { result: _result, ...rest } = task;
      await store(rest as TaskJSON);
      throw error;
    }
  }

  async close(task: TaskJSON, message: unknown): Promise<{ faults: Fault[] }> {
    if (this.#isNested || this.#run.isReplay) return { faults: [] };
    const faults = await faultsOf("The ended task was not stored", () => this.#storeTask(task));
    const ending = this.#endInStore(task);
    const unstored = ending === undefined ? undefined : await this.#unstored(ending);
    if (unstored === undefined) return { faults: [...faults, ...(await this.#tellEnd(message))] };
    ending?.then(
      () => this.#tellEnd(message),
      () => {},
    );
    return { faults: [...faults, unstored] };
  }

  /** Settles when the end is stored; undefined where it is not to be. */
  #endInStore({ status }: TaskJSON): Promise<void> | undefined {
    const { kept } = this.#run;
    return kept?.end(this.#run.endAs(status), this.#outputMailbox !== null);
  }

  /** Nobody hears of an end before its store does: where that takes long, it is tried on while this process lives. */
  async #unstored(ending: Promise<void>): Promise<Fault | undefined> {
    try {
      await this.#run.limited("storing the end", () => ending);
      return undefined;
    } catch (error) {
      this.#run.kept?.freeze();
      const told = `The end is not stored yet; this process owns the run, and tries on until it is: ${shownMessageOf(error)}`;
      return { status: "error", error: told, code: "end-unstored" };
    }
  }

  /** The message of the end, at least once: until the store knows that it was told, whoever hosts the agent next tells it. */
  async #tellEnd(message: unknown): Promise<Fault[]> {
    const mailbox = this.#outputMailbox;
    if (mailbox === null) return [];
    const run = this.#run;
    const numbered = { id: run.endId, ...(message as object) };
    const faults = await faultsOf("The end was not published", () =>
      run.limited(`publishing the end to shared mailbox "${mailbox}"`, () => run.cache.publishToMailbox(mailbox, numbered)),
    );
    if (faults.length === 0) await run.endTold();
    return faults;
  }
}

/** It was misused: whoever started it hears of it, and nothing of it runs. */
const isRefusal = (error: unknown): boolean => error instanceof RunError || asimovErrorOf(error)?.code === "part-too-large";

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

/** What the modules of a node do before it may run, nested ones too. */
function preparationsOf({ modules, nodes }: Node): (() => Promise<void>)[] {
  const own = modules.flatMap(({ prepare }) => prepare ?? []);
  return nodes.length === 0 ? own : [...own, ...nodes.flatMap(preparationsOf)];
}

/** The conditions of a node and its decisions, nested ones too. */
function conditionsOf({ nodeConfig, modules, nodes }: Node): string[] {
  const conditions = nodeConfig.condition === undefined ? [] : [nodeConfig.condition];
  for (const module of modules) {
    if (!(module instanceof FlowControlModule)) continue;
    for (const { condition } of module.flowConfig.decisions) if (condition !== undefined) conditions.push(condition);
  }
  return nodes.length === 0 ? conditions : [...conditions, ...nodes.flatMap(conditionsOf)];
}
