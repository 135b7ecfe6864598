/** Parts of a stored run to its persisted state. */
import * as z from "zod/mini";
import { messageOf, SnapshotError } from "#contract/base/errors";
import { lazily } from "#contract/base/lazily";
import { parseOptions } from "#contract/base/options";
import type { TaskJSON } from "#contract/base/task";
import { extendGraph } from "#contract/graph/extend";
import type { Graph } from "#contract/graph/graph";
import type { ErrorReport } from "#contract/node/result";
import { NOTHING_ENDED } from "#contract/run/end";
import type { Addition, StoredOrder } from "#contract/run/order";
import { requireOrder } from "#contract/run/order-check";
import { prefixOf, splitName } from "./part-names.ts";
import { isApart, type PersistedAgent, type PersistedNode } from "./persisted.ts";

export type Parts = ReadonlyMap<string, string>;

/** A run as it was stored. */
export interface StoredState {
  agent: PersistedAgent;
  task: TaskJSON;
  /** What a store holds of each graph, by the prefix of its parts; without that prefix. */
  graphs: ReadonlyMap<string, Parts>;
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null && !Array.isArray(value);

// What there is as much of as of nodes is checked by hand: schemas would take a third of a restore.
const isNode = (value: unknown): boolean =>
  isRecord(value) && isRecord(value.children) && isRecord(value.context) && isRecord(value.context.modules);
const isIntegers = (value: unknown): boolean => Array.isArray(value) && value.every(Number.isSafeInteger);
const isGraphNode = (value: unknown): boolean =>
  isRecord(value) &&
  typeof value.name === "string" &&
  Array.isArray(value.dependencies) &&
  value.dependencies.every((name) => typeof name === "string");
const isGraph = (value: unknown): boolean => isRecord(value) && Array.isArray(value.nodes) && value.nodes.every(isGraphNode);

/** Of a graph, and of its picture. */
export const graphShape = () => z.custom(isGraph, "expected `nodes`, each with its name and dependencies");

const record = z.record(z.string(), z.unknown());
const count = () => z.int().check(z.gte(0));
const child = lazily(() => z.looseObject({ snapshot: record }));
const SHAPES = lazily(() => ({
  agent: z.looseObject({
    context: z.looseObject({ reported: count() }),
    children: z.looseObject({
      nodes: child(),
      task: z.looseObject({ snapshot: z.looseObject({ context: z.looseObject({ status: z.string() }) }) }),
    }),
  }),
  graph: graphShape(),
  order: z.looseObject({ sent: z.array(z.tuple([count(), record])), plan: count(), totalIterations: count() }),
  cells: z.custom(isIntegers, "expected whole numbers"),
  added: z.looseObject({ creator: z.string(), nodes: z.array(record) }),
  past: z.looseObject({ size: count(), before: z.array(z.int()) }),
  node: z.custom(isNode, "expected the state of a node, with `children` and `context.modules`"),
  record,
}));

/** @throws SnapshotError `snapshot-damaged` when a part is missing or cannot be read */
export function readParts(parts: Parts): StoredState {
  const graphs = new Map<string, Map<string, string>>();
  for (const [name, text] of parts) {
    const [prefix, rest] = splitName(name);
    const graph = graphs.get(prefix) ?? new Map<string, string>();
    graphs.set(prefix, graph);
    graph.set(rest, text);
  }
  const task = partOf<TaskJSON>(graphs.get("") ?? new Map(), "task", SHAPES().record);
  const agent = new GraphReader(graphs, task).read([]);
  return { agent, task: agent.context.task, graphs };
}

class GraphReader {
  readonly #graphs: ReadonlyMap<string, Parts>;
  readonly #task: TaskJSON;

  constructor(graphs: ReadonlyMap<string, Parts>, task: TaskJSON) {
    this.#graphs = graphs;
    this.#task = task;
  }

  read(path: readonly string[]): PersistedAgent {
    const parts = this.#graphs.get(prefixOf(path));
    if (parts === undefined) throw damaged(`it holds nothing of the graph of "${path.join("/")}"`);
    const agent = partOf<PersistedAgent>(parts, "agent", SHAPES().agent);
    const taskState = agent.children.task.snapshot as unknown as { context: { task: TaskJSON; status?: TaskJSON["status"] } };
    const task = { ...this.#task, status: taskState.context.status ?? this.#task.status };
    taskState.context = { task };
    const graph = readGraph(parts);
    const order = readOrder(parts);
    requireOrder(graph, order);
    const nodes = Object.fromEntries(
      namesOf(parts, "node/").map((name): [string, PersistedNode] => [name, this.#readNode(parts, path, name)]),
    );
    const errors = readErrors(parts);
    const usage = Object.fromEntries(namesOf(parts, "usage/").map((key) => [key, partOf(parts, `usage/${key}`, SHAPES().record)]));
    Object.assign(agent.context, { task, errors, usage, ended: NOTHING_ENDED });
    Object.assign(agent.children.nodes.snapshot, { graph, order, nodes });
    return agent;
  }

  #readNode(parts: Parts, path: readonly string[], name: string): PersistedNode {
    const state = partOf<PersistedNode>(parts, `node/${name}`, SHAPES().node);
    for (const nested of Object.values(state.children)) if (isApart(nested.snapshot)) nested.snapshot = this.read([...path, name]);
    return state;
  }
}

export const readErrors = (parts: Parts): ErrorReport[] =>
  numbersOf(parts, "error/").map((number) => partOf<ErrorReport>(parts, `error/${number}`, SHAPES().record));

export function readGraph(parts: Parts): Graph {
  let graph = partOf<Graph>(parts, "graph", SHAPES().graph);
  for (const number of numbersOf(parts, "added/")) {
    const { creator, nodes } = partOf<Addition>(parts, `added/${number}`, SHAPES().added);
    graph = extendGraph(graph, creator, nodes);
  }
  return graph;
}

export function readOrder(parts: Parts): StoredOrder {
  const head = partOf<Pick<StoredOrder, "sent" | "plan" | "totalIterations">>(parts, "order", SHAPES().order);
  const cells = numbersOf(parts, "cells/").flatMap((chunk) => partOf<number[]>(parts, `cells/${chunk}`, SHAPES().cells));
  const past = numbersOf(parts, "past/").map((number) => partOf<StoredOrder["past"][number]>(parts, `past/${number}`, SHAPES().past));
  return { ...head, cells, past };
}

const namesOf = (parts: Parts, kind: string): string[] =>
  [...parts.keys()].flatMap((name) => (name.startsWith(kind) ? [name.slice(kind.length)] : []));

const numbersOf = (parts: Parts, kind: string): number[] =>
  namesOf(parts, kind)
    .map(Number)
    .sort((a, b) => a - b);

/** The schemas check alone: what they would copy is a whole run. */
export function partOf<T>(parts: Parts, name: string, shape: z.ZodMiniType): T {
  const text = parts.get(name);
  if (text === undefined) throw damaged(`it holds no part "${name}"`);
  try {
    const value: T = JSON.parse(text);
    parseOptions(shape, value, "Its shape");
    return value;
  } catch (error) {
    throw damaged(`part "${name}" cannot be read: ${messageOf(error)}`, error);
  }
}

export const damaged = (what: string, cause?: unknown): SnapshotError =>
  new SnapshotError(`The snapshot is damaged: ${what}.`, { code: "snapshot-damaged", cause });
