/** Whether a stored order can be one of its graph: what was damaged is refused, before anything is made of it. */
import { SnapshotError } from "#contract/base/errors";
import { type Graph, indexOf } from "#contract/graph/graph";
import type { StoredOrder } from "./order.ts";
import { OrderCells, Phase } from "./order-cells.ts";

const PHASES = Object.keys(Phase).length;

function require(isSound: boolean, what: string): void {
  if (!isSound) throw new SnapshotError(`The snapshot is damaged: ${what}.`, { code: "snapshot-damaged" });
}

/** @throws SnapshotError `snapshot-damaged` */
export function requireNodes(graph: Graph, names: Iterable<string>): void {
  const index = indexOf(graph);
  const other = [...names].find((name) => !index.has(name));
  require(other === undefined, `it holds the state of node "${other}", which is not of its graph`);
}

/** @throws SnapshotError `snapshot-damaged` */
export function requireOrder({ nodes }: Graph, { cells, sent, plan, past, totalIterations }: StoredOrder): void {
  const isPlace = (position: unknown): boolean =>
    Number.isInteger(position) && (position as number) >= 0 && (position as number) < nodes.length;
  require(Array.isArray(cells) && cells.length === nodes.length * OrderCells.WIDTH, "the order of its nodes is not of its graph");
  const read = OrderCells.of(cells);
  for (let position = 0; position < nodes.length; position++) {
    const [phase, executing, at, settledIn] = [read.phase(position), read.executing(position), read.at(position), read.plan(position)];
    const isSound =
      phase >= 0 &&
      phase < PHASES &&
      (phase === Phase.STARTED ? executing > 0 : executing === 0 || phase === Phase.PENDING) &&
      executing <= totalIterations &&
      at >= 0 &&
      settledIn <= plan + 1;
    if (!isSound) require(false, `node "${nodes[position]?.name}" cannot stand as it says`);
  }
  require(sent.every(([position]) => isPlace(position)), "a jump is to a node that its graph does not hold");
  require(past.every(({ size, before }) => size <= nodes.length && before.length % 3 === 0), "a plan that was replaced cannot be read");
}
