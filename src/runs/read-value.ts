/** A value of a stored run, whole: what its picture cuts and masks. */
import { AsimovError, SnapshotError } from "#contract/base/errors";
import type { Attempt } from "#contract/node/attempt";
import { givenValue } from "#contract/node/given-value";
import type { ViewNode } from "#contract/run/run-view";
import type { StoredGeneration } from "#contract/store/run-commit";
import type { RunStore } from "#contract/store/run-store";
import { prefixOf } from "#keep/part-names";
import { valuePart } from "#values/value-parts";
import { requireRun, textsOf } from "./read-run.ts";

/** The place of a part, and the way on within what it holds. */
type Place = { values: string; rest: readonly string[] } | { nodes: readonly string[]; rest: readonly string[] };

const badPath = (path: readonly string[]): AsimovError =>
  new AsimovError(
    `value: expected a path such as ["values", KEY] or ["nodes", NAME, "result"], with ["nodes", OUTER, "nodes", NAME, "result"] for a nested node, then keys within; got ${JSON.stringify(path)}.`,
    { code: "invalid-options" },
  );

function placeOf(path: readonly string[]): Place {
  const [kind, key, ...rest] = path;
  if (kind === "values" && key !== undefined) return { values: key, rest };
  const nodes: string[] = [];
  for (let at = 0; path[at] === "nodes" && path[at + 1] !== undefined; at += 2) {
    nodes.push(path[at + 1] as string);
    if (path[at + 2] === "result") return { nodes, rest: path.slice(at + 3) };
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
    const name = valuePart(place.values);
    const text = textsOf(store, taskId, stored, (part) => part === name).get(name);
    if (text === undefined) return undefined;
    const { value, expiresAt } = JSON.parse(text) as { value: unknown; expiresAt?: number };
    return expiresAt !== undefined && expiresAt <= (await store.now()) ? undefined : within(value, place.rest);
  }
  const last = place.nodes.at(-1) as string;
  const name = `${prefixOf(place.nodes.slice(0, -1))}node/${last}`;
  const texts = textsOf(store, taskId, stored, (part) => part === name || part === "view-graph");
  const node = nodeAt(texts.get("view-graph"), place.nodes);
  if (node === undefined) {
    throw new AsimovError(`The graph of run ${taskId} holds no node "${place.nodes.join("/")}".`, { code: "unknown-node" });
  }
  const text = texts.get(name);
  return text === undefined ? undefined : within(resultOf(text, node), place.rest);
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

function resultOf(text: string, { modules }: ViewNode): unknown {
  const { value, context } = JSON.parse(text) as { value: unknown; context: { modules: Attempt } };
  if (value !== "COMPLETE") return undefined;
  const named = modules.map(({ name }) => ({ name, dependencies: 0, dependents: [], stops: false }));
  return givenValue({ modules: named }, context.modules);
}
