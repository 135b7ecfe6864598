/** The list of which each item is run: taken once a visit, and kept with what modules have had, so that a restart finds the same. */
import { type AsimovError, NonRetryableError, SnapshotError } from "#contract/base/errors";
import { freeze } from "#contract/base/json";
import { type GraphKeys, keysWithin, type ModuleOrder } from "#contract/node/attempt";
import type { Each } from "#contract/node/items";
import type { Node } from "#contract/node/node";
import { entryName, type ReplayLog } from "#replay/replay-log";
import type { NodeResults } from "./node-results.ts";
import type { RunHost } from "./run-host.ts";

const ENTRY = entryName("items", "items", 1);

interface Kept {
  /** The attempt of the graph that the node is in: another one has other results. */
  of: string;
  items: unknown[];
}

/** @param keys of what is nested in the node */
const placeOf = (run: { readonly runId: string }, keys: GraphKeys): string => `${keys.visit.slice(run.runId.length + 1)}/`;

const read = (log: ReplayLog, place: string): Kept | undefined => {
  const text = log.read(place, ENTRY);
  return text === undefined ? undefined : (JSON.parse(text) as Kept);
};

/** @throws NonRetryableError `invalid-items`; AsimovError `part-too-large` */
export async function takeItems(run: RunHost, results: NodeResults, node: Node, order: ModuleOrder): Promise<void> {
  const { replayLog } = run;
  const keys = keysWithin(order);
  const place = placeOf(run, keys);
  const of = order.keys.attempt;
  if (read(replayLog, place)?.of === of) return;
  const text = JSON.stringify({ of, items: await listAt(run, results, node) } satisfies Kept);
  run.requireRoom({ what: () => `The list of node "${node.name}"`, length: text.length, text: () => text });
  replayLog.write(place, ENTRY, text);
}

/** @throws SnapshotError `snapshot-damaged` where nothing was taken */
export function itemsTaken(run: RunHost, node: Node, keys: GraphKeys): Each {
  const kept = read(run.replayLog, placeOf(run, keys));
  if (kept === undefined) {
    throw new SnapshotError(`The snapshot is damaged: it holds no list for node "${node.name}".`, { code: "snapshot-damaged" });
  }
  return { node, visit: Number(keys.visit.slice(keys.visit.lastIndexOf(".") + 1)), items: freeze(kept.items) };
}

async function listAt(run: RunHost, results: NodeResults, node: Node): Promise<unknown[]> {
  const [first = "", ...rest] = node.forEach ?? [];
  let found: unknown = first in results ? results[first] : await ownValue(run, first);
  if (found === undefined) throw invalid(node, 1, "no node has given it, and the run has no such value");
  for (const [depth, name] of rest.entries()) {
    if (typeof found !== "object" || found === null || !Object.hasOwn(found, name)) {
      throw invalid(node, depth + 1, `there is no "${name}" in ${shown(found)}`);
    }
    found = (found as Record<string, unknown>)[name];
  }
  if (Array.isArray(found)) return found;
  throw invalid(node, rest.length + 1, `got ${shown(found)}`);
}

async function ownValue(run: RunHost, key: string): Promise<unknown> {
  const found = await run.limited("reading the run's values", () => run.values.getMany([key]));
  return Object.hasOwn(found, key) ? found[key] : undefined;
}

const shown = (value: unknown): string =>
  value === null ? "null" : Array.isArray(value) ? "a list" : `${typeof value === "object" ? "an" : "a"} ${typeof value}`;

const invalid = ({ name, forEach = [] }: Node, depth: number, fault: string): AsimovError =>
  new NonRetryableError(
    `Node "${name}" runs for each item of ${JSON.stringify(forEach.join("."))}: expected a list there, but at ${JSON.stringify(forEach.slice(0, depth).join("."))} ${fault}.`,
    { code: "invalid-items" },
  );
