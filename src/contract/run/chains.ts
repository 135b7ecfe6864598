/** The failed chains of a run: each failed node with all that depends on it. Their union is known at every step, each chain at the end alone. */
import { addDescendants, type Graph, indexOf, withDescendants } from "#contract/graph/graph";
import { inOrder } from "#contract/graph/plan";
import { type NameList, setOf, withNames } from "./name-list.ts";

/** What the chains are of. */
export interface Failures {
  readonly graph: Graph;
  /** The nodes whose latest visit failed: the roots of the chains. */
  readonly failed: NameList;
}

/** The union of the chains of one list of roots; the list that grows out of it takes it over. */
const unions = new WeakMap<NameList, { graph: Graph; names: Set<string> }>();

const NONE: ReadonlySet<string> = new Set();

/** Every node in a failed chain. */
export function inFailedChain({ graph, failed }: Failures): ReadonlySet<string> {
  if (failed.length === 0) return NONE;
  const known = unions.get(failed);
  if (known?.graph === graph) return known.names;
  const names = withDescendants(graph, setOf(failed));
  unions.set(failed, { graph, names });
  return names;
}

/** The roots with more of them; costs what that brings into the chains. */
export function withFailed({ graph, failed }: Failures, roots: readonly string[]): NameList {
  const longer = withNames(failed, roots);
  const known = unions.get(failed);
  if (longer === failed || known === undefined) return longer;
  unions.delete(failed);
  if (known.graph === graph) {
    addDescendants(graph, known.names, roots);
    unions.set(longer, known);
  }
  return longer;
}

/** Hands the union on to a graph that nodes were added to; costs what of them is in a chain. */
export function passChainsOn({ graph, failed }: Failures, extended: Graph): void {
  const known = unions.get(failed);
  if (known?.graph !== graph) return;
  const fresh = extended.nodes.slice(graph.nodes.length);
  const reached = fresh.filter(({ dependencies }) => dependencies.some((name) => known.names.has(name)));
  known.graph = extended;
  addDescendants(
    extended,
    known.names,
    reached.map(({ name }) => name),
  );
}

const chainsOf = new WeakMap<NameList, { graph: Graph; chains: string[][] }>();

/**
 * The failed nodes in declaration order, each before its descendants, which stand in declaration order too.
 * Worked out once, and walked once for all roots that the same nodes depend on: what is left is to write them down.
 */
export function failedChains({ graph, failed }: Failures): string[][] {
  if (failed.length === 0) return [];
  const known = chainsOf.get(failed);
  if (known?.graph === graph) return known.chains;
  const index = indexOf(graph);
  const tails = new Map<string, string[]>();
  const chains = inOrder(graph, setOf(failed)).map((root) => {
    const behind = [...index.dependents(root)];
    const key = JSON.stringify(behind);
    const tail = tails.get(key) ?? inOrder(graph, withDescendants(graph, behind));
    tails.set(key, tail);
    return [root, ...tail];
  });
  chainsOf.set(failed, { graph, chains });
  return chains;
}
