/** A value of a stored run, whole: what its picture cuts and masks. */

import { AsimovError, SnapshotError } from "#contract/base/errors";
import { listOf } from "#contract/base/growing-list";
import type { Attempt } from "#contract/node/attempt";
import { givenValue } from "#contract/node/given-value";
import type { NodeResult } from "#contract/node/result";
import type { ViewNode } from "#contract/run/run-view";
import type { StoredGeneration } from "#contract/store/run-commit";
import type { RunStore } from "#contract/store/run-store";
import { openTexts } from "#keep/open-texts";
import { prefixOf } from "#keep/part-names";
import { partOfKey } from "#values/value-parts";
import { requireRun } from "./read-run.ts";

/** What the module gives that a nested graph is. */
interface GraphResult {
  nodes?: Record<string, NodeResult> | undefined;
}

/** The place of a part, and the way on within what it holds. */
type Place = { values: string; rest: readonly string[] } | { nodes: readonly string[]; item?: string; rest: readonly string[] };

const badPath = (path: readonly string[]): AsimovError =>
  new AsimovError(
    `value: expected a path such as ["values", KEY] or ["nodes", NAME, "result"], with ["nodes", OUTER, "nodes", NAME, "result"] for a nested node and ["nodes", NAME, "items", INDEX, "result"] for an item, then keys within; got ${JSON.stringify(path)}.`,
    { code: "invalid-options" },
  );

function placeOf(path: readonly string[]): Place {
  const [kind, key, ...rest] = path;
  if (kind === "values" && key !== undefined) return { values: key, rest };
  const nodes: string[] = [];
  for (let at = 0; path[at] === "nodes" && path[at + 1] !== undefined; at += 2) {
    nodes.push(path[at + 1] as string);
    if (path[at + 2] === "result") return { nodes, rest: path.slice(at + 3) };
    if (path[at + 2] === "items" && path[at + 4] === "result") return { nodes, item: path[at + 3] as string, rest: path.slice(at + 5) };
  }
  throw badPath(path);
}

function within(value: unknown, keys: readonly string[]): unknown {
  let found = value;
  for (const key of keys) {
    if (typeof found !== "object" || found === null || !Object.hasOwn(found, key)) return undefined;
    found = (found as Record<string, unknown>)[key];
  }
  return found;
}

/**
 * What a node gave, or a key of the run's own values holds; undefined where there is nothing.
 *
 * @throws AsimovError `invalid-options`, `unknown-node`; RunError `run-not-found`; SnapshotError `snapshot-damaged`
 */
export async function readValue(store: RunStore, taskId: string, path: readonly string[]): Promise<unknown> {
  const place = placeOf(path);
  const stored = await loadNewest(store, taskId);
  if ("values" in place) {
    const name = partOfKey(place.values);
    const text = (await openTexts(store, taskId, stored, (part) => part === name)).texts.get(name);
    if (text === undefined) return undefined;
    const { value, expiresAt } = JSON.parse(text) as { value: unknown; expiresAt?: number };
    return expiresAt !== undefined && expiresAt <= (await store.now()) ? undefined : within(value, place.rest);
  }
  const { nodes, item, rest } = place;
  const parts = nodes.map((name, depth) => `${prefixOf(nodes.slice(0, depth))}node/${name}`);
  const own = item === undefined ? undefined : `${prefixOf(nodes)}node/${item}`;
  const { texts } = await openTexts(store, taskId, stored, (part) => parts.includes(part) || part === own || part === "view-graph");
  const node = nodeAt(texts.get("view-graph"), nodes);
  if (node === undefined) {
    throw new AsimovError(`The graph of run ${taskId} holds no node "${nodes.join("/")}".`, { code: "unknown-node" });
  }
  const ofItem = own === undefined ? undefined : texts.get(own);
  if (ofItem !== undefined) return within(resultOf(ofItem, { modules: node.modules }), rest);
  const depth = parts.findLastIndex((part) => texts.has(part));
  const text = texts.get(parts[depth] ?? "");
  if (text === undefined) return undefined;
  const given = depth === nodes.length - 1 ? resultOf(text, node) : resultIn(text, nodes.slice(depth + 1), node);
  if (item === undefined) return within(given, rest);
  // Of items that are over, the list that they made.
  return within(given, node.onItemError === "keep" ? [item, "result", ...rest] : [item, ...rest]);
}

/** Not an older one: nothing in a value could say so. */
async function loadNewest(store: RunStore, taskId: string): Promise<StoredGeneration> {
  const { generation } = await requireRun(store, taskId);
  const stored = await store.load(taskId);
  if (stored !== undefined && stored.generation >= generation) return stored;
  // It may have been removed meanwhile.
  await requireRun(store, taskId);
  throw new SnapshotError(
    `Generation ${generation} of run ${taskId} is damaged: its values are not known. ${stored?.passedOver[0] ?? "The store does not hold it."} See what it was by \`at\`.`,
    { code: "snapshot-damaged" },
  );
}

function nodeAt(graph: string | undefined, path: readonly string[]): ViewNode | undefined {
  let nodes = graph === undefined ? [] : (JSON.parse(graph) as { nodes: readonly ViewNode[] }).nodes;
  let found: ViewNode | undefined;
  for (const name of path) {
    found = nodes.find((node) => node.name === name);
    nodes = found?.nodes ?? [];
  }
  return found;
}

function resultOf(text: string, { modules, forEach }: Pick<ViewNode, "modules" | "forEach">): unknown {
  const { value, context } = JSON.parse(text) as { value: unknown; context: { modules: Attempt } };
  if (value !== "COMPLETE") return undefined;
  // A list of items is of one graph, whatever they are made of.
  const named = (forEach === undefined ? modules : modules.slice(0, 1)).map(({ name }) => ({
    name,
    dependencies: 0,
    dependents: [],
    stops: false,
  }));
  return givenValue({ modules: named }, context.modules);
}

/** Of a node in a graph that is over: what the node around that graph keeps of it. */
function resultIn(text: string, path: readonly string[], { modules }: ViewNode): unknown {
  const { context } = JSON.parse(text) as { context: { modules: Attempt } };
  const [ended] = listOf(context.modules.ended);
  let graph = JSON.parse(ended?.json ?? "{}") as GraphResult;
  let found: NodeResult | undefined;
  for (const name of path) {
    found = Object.hasOwn(graph.nodes ?? {}, name) ? graph.nodes?.[name] : undefined;
    graph = { nodes: (found?.results[0] as GraphResult | undefined)?.nodes };
  }
  if (found?.status !== "success") return undefined;
  const given = found.results.map(({ status, result = null }) => (status === "success" ? { value: result } : undefined));
  if (modules.length < 2) return given.find((each) => each !== undefined)?.value ?? null;
  // Of some of them it is not known whose they are.
  if (given.length !== modules.length) return undefined;
  return Object.fromEntries(modules.flatMap(({ name }, index) => (given[index] === undefined ? [] : [[name, given[index].value]])));
}
