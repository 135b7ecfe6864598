/** Parts of a stored run to its persisted state. */
import * as z from "zod/mini";
import { lazily } from "#contract/base/lazily";
import type { TaskJSON } from "#contract/base/task";
import { threadTurns } from "#contract/base/turns";
import { extendGraph } from "#contract/graph/extend";
import type { Graph } from "#contract/graph/graph";
import type { ErrorReport } from "#contract/node/result";
import { NOTHING_ENDED } from "#contract/run/end";
import type { Addition, StoredOrder } from "#contract/run/order";
import { requireOrder } from "#contract/run/order-check";
import { graphText } from "./graph-parts.ts";
import { READ_AT_ONCE } from "./open-texts.ts";
import { isOfNested, prefixOf, splitName } from "./part-names.ts";
import { checkedShape, damaged, type Parts, PartTexts, schemaShape } from "./part-texts.ts";
import { isApart, type PersistedAgent, type PersistedNode } from "./persisted.ts";

/** A run as it was stored. */
export interface StoredState {
  agent: PersistedAgent;
  /** What a store holds of each graph, by the prefix of its parts; without that prefix. */
  graphs: ReadonlyMap<string, PartTexts>;
  /** Those of the run's own graph, with its picture. */
  parts: PartTexts;
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null && !Array.isArray(value);
const isNode = (value: unknown): boolean =>
  isRecord(value) && isRecord(value.children) && isRecord(value.context) && isRecord(value.context.modules);
const isIntegers = (value: unknown): boolean => Array.isArray(value) && value.every(Number.isSafeInteger);
const isGraphNode = (value: unknown): boolean =>
  isRecord(value) &&
  typeof value.name === "string" &&
  Array.isArray(value.dependencies) &&
  value.dependencies.every((name) => typeof name === "string");
const isGraph = (value: unknown): boolean => isRecord(value) && Array.isArray(value.nodes) && value.nodes.every(isGraphNode);

const record = lazily(() => z.record(z.string(), z.unknown()));
const count = () => z.int().check(z.gte(0));

const AGENT = schemaShape(() =>
  z.looseObject({
    context: z.looseObject({ reported: count() }),
    children: z.looseObject({
      nodes: z.looseObject({ snapshot: record() }),
      task: z.looseObject({ snapshot: z.looseObject({ context: z.looseObject({ status: z.string() }) }) }),
    }),
  }),
);
const ORDER = schemaShape(() => z.looseObject({ sent: z.array(z.tuple([count(), record()])), plan: count(), totalIterations: count() }));
const ADDED = schemaShape(() => z.looseObject({ creator: z.string(), nodes: z.array(record()) }));
const PAST = schemaShape(() => z.looseObject({ size: count(), before: z.array(z.int()) }));
const RECORD = checkedShape(isRecord, "an object");
const NODE = checkedShape(isNode, "the state of a node, with `children` and `context.modules`");
const CELLS = checkedShape(isIntegers, "whole numbers");
/** Of a graph, and of its picture. */
export const GRAPH = checkedShape(isGraph, "`nodes`, each with its name and dependencies");

/**
 * @param known gives a graph that the run's own may be: where it is, all that is known of it holds
 * @throws SnapshotError `snapshot-damaged` when a part is missing or cannot be read
 */
export async function readParts(parts: Parts, known?: () => Graph): Promise<StoredState> {
  const graphs = byGraph(parts);
  const own = graphs.get("") ?? new PartTexts(new Map());
  const agent = await new GraphReader(graphs, own.read<TaskJSON>("task", RECORD), known).read([]);
  return { agent, graphs, parts: own };
}

function byGraph(parts: Parts): Map<string, PartTexts> {
  if (!hasNested(parts)) return new Map([["", new PartTexts(parts)]]);
  const texts = new Map<string, Map<string, string>>();
  for (const [name, text] of parts) {
    const [prefix, rest] = splitName(name);
    const known = texts.get(prefix);
    if (known === undefined) texts.set(prefix, new Map([[rest, text]]));
    else known.set(rest, text);
  }
  return new Map(Array.from(texts, ([prefix, all]) => [prefix, new PartTexts(all)]));
}

function hasNested(parts: Parts): boolean {
  for (const name of parts.keys()) if (isOfNested(name)) return true;
  return false;
}

class GraphReader {
  readonly #graphs: ReadonlyMap<string, PartTexts>;
  readonly #task: TaskJSON;
  readonly #known: (() => Graph) | undefined;

  constructor(graphs: ReadonlyMap<string, PartTexts>, task: TaskJSON, known: (() => Graph) | undefined) {
    this.#graphs = graphs;
    this.#task = task;
    this.#known = known;
  }

  async read(path: readonly string[]): Promise<PersistedAgent> {
    const parts = this.#graphs.get(prefixOf(path));
    if (parts === undefined) throw damaged(`it holds nothing of the graph of "${path.join("/")}"`);
    const agent = parts.read<PersistedAgent>("agent", AGENT);
    const taskState = agent.children.task.snapshot as unknown as { context: { task: TaskJSON; status?: TaskJSON["status"] } };
    const task = { ...this.#task, status: taskState.context.status ?? this.#task.status };
    taskState.context = { task };
    const graph = readGraph(parts, path.length === 0 ? this.#known?.() : undefined);
    const order = readOrder(parts);
    requireOrder(graph, order);
    const nodes = await this.#readNodes(parts, path);
    const errors = readErrors(parts);
    const usage = Object.fromEntries(parts.names("usage/").map((key) => [key, parts.read(`usage/${key}`, RECORD)]));
    Object.assign(agent.context, { task, errors, usage, ended: NOTHING_ENDED });
    Object.assign(agent.children.nodes.snapshot, { graph, order, nodes });
    return agent;
  }

  async #readNodes(parts: PartTexts, path: readonly string[]): Promise<Record<string, PersistedNode>> {
    const nodes: [name: string, node: PersistedNode][] = [];
    for (const name of parts.names("node/")) {
      const state = parts.read<PersistedNode>(`node/${name}`, NODE);
      const children = Object.values(state.children);
      for (const nested of children) if (isApart(nested.snapshot)) nested.snapshot = await this.read([...path, name]);
      if (nodes.push([name, state]) % READ_AT_ONCE === 0) await threadTurns.pause();
    }
    return Object.fromEntries(nodes);
  }
}

export const readErrors = (parts: PartTexts): ErrorReport[] =>
  parts.numbers("error/").map((number) => parts.read<ErrorReport>(`error/${number}`, RECORD));

/** @param known gives a graph that it may be */
function readGraph(parts: PartTexts, known?: Graph): Graph {
  const isKnown = known !== undefined && parts.all.get("graph") === graphText(known);
  let graph = isKnown ? known : parts.read<Graph>("graph", GRAPH);
  for (const number of parts.numbers("added/")) {
    const { creator, nodes } = parts.read<Addition>(`added/${number}`, ADDED);
    graph = extendGraph(graph, creator, nodes);
  }
  return graph;
}

function readOrder(parts: PartTexts): StoredOrder {
  const head = parts.read<Pick<StoredOrder, "sent" | "plan" | "totalIterations">>("order", ORDER);
  const cells = parts.numbers("cells/").flatMap((chunk) => parts.read<number[]>(`cells/${chunk}`, CELLS));
  const past = parts.numbers("past/").map((number) => parts.read<StoredOrder["past"][number]>(`past/${number}`, PAST));
  return { ...head, cells, past };
}
