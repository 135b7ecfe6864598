/** How the graph of a snapshot differs from the graph of the code that restores it. */
import { addedNames, type Graph, type GraphNode, indexOf } from "./graph.ts";

const same = (a: readonly string[], b: readonly string[]): boolean => a.length === b.length && a.every((name, index) => name === b[index]);
const list = (names: readonly string[]): string => (names.length === 0 ? "none" : names.map((name) => `"${name}"`).join(", "));

/** One sentence for each difference; nodes that the stored run added itself are left out. */
export function graphDifferences(stored: Graph, current: Graph): string[] {
  const added = addedNames(stored);
  const own = (node: GraphNode): string[] => node.dependencies.filter((name) => !added.has(name));
  const now = indexOf(current);
  const then = indexOf(stored);
  const differences: string[] = [];
  for (const node of stored.nodes) {
    if (added.has(node.name)) continue;
    const other = now.node(node.name);
    if (other === undefined) differences.push(`node "${node.name}" of the snapshot is not in the agent's graph`);
    else if (!same(own(node), own(other))) {
      differences.push(`node "${node.name}" depended on ${list(own(node))} and depends on ${list(own(other))} now`);
    } else if (!same(node.parts, other.parts)) {
      differences.push(`node "${node.name}" was made of ${list(node.parts)} and is made of ${list(other.parts)} now`);
    }
  }
  for (const { name } of current.nodes) if (!then.has(name)) differences.push(`node "${name}" of the agent's graph is not in the snapshot`);
  return differences;
}
