/** Whether a stored run fits the graph of the code that goes on with it: what it has visited must be as it was, the rest may differ. */
import { addedNames, type Graph, type GraphNode, indexOf } from "./graph.ts";

const same = (a: readonly string[], b: readonly string[]): boolean => a.length === b.length && a.every((name, index) => name === b[index]);
const list = (names: readonly string[]): string => (names.length === 0 ? "none" : names.map((name) => `"${name}"`).join(", "));

export interface GraphFit {
  /** One sentence for each difference that the run cannot live with. */
  misfits: string[];
  /** One for each that it can. */
  changes: string[];
}

/**
 * Nodes that the stored run added itself are left out.
 *
 * @param visited the nodes that it has visited, or that execute
 * @param isComposite whether a visited node is one: what its graph is made of, only a visit that goes on must know
 */
export function graphFit(
  stored: Graph,
  current: Graph,
  visited: Pick<ReadonlySet<string>, "has">,
  isComposite: (name: string) => boolean = () => false,
): GraphFit {
  if (stored === current) return { misfits: [], changes: [] };
  const added = addedNames(stored);
  const own = (node: GraphNode): string[] => node.dependencies.filter((name) => !added.has(name));
  const now = indexOf(current);
  const then = indexOf(stored);
  const fit: GraphFit = { misfits: [], changes: [] };
  for (const node of stored.nodes) {
    const { name } = node;
    if (added.has(name)) continue;
    const told = visited.has(name) ? fit.misfits : fit.changes;
    const other = now.node(name);
    if (other === undefined) {
      told.push(`node "${name}" of the snapshot is not in the agent's graph`);
      continue;
    }
    if (!same(own(node), own(other))) told.push(`node "${name}" depended on ${list(own(node))} and depends on ${list(own(other))} now`);
    if (!same(node.parts, other.parts)) {
      const isMade = visited.has(name) && isComposite(name) ? fit.changes : told;
      isMade.push(`node "${name}" was made of ${list(node.parts)} and is made of ${list(other.parts)} now`);
    }
  }
  for (const { name } of current.nodes) if (!then.has(name)) fit.changes.push(`node "${name}" of the agent's graph is not in the snapshot`);
  return fit;
}
