/** The mailboxes that a run's nodes say they read: of each graph that runs now, with what was added to it. */
import type { Graph } from "#contract/graph/graph";
import type { Node } from "#contract/node/node";
import { requireDeclared } from "#runs/mailboxes";

/** One instance of a graph, the agent's own or a nested one. */
interface LiveGraph {
  /** Its supervisor of nodes, once there is one. */
  pool(): { order: { graph: Graph } } | undefined;
  readonly nodes: { get(name: string): Node };
}

export class InputMailboxes {
  readonly #graphs = new Set<LiveGraph>();

  add(graph: LiveGraph): void {
    this.#graphs.add(graph);
  }

  delete(graph: LiveGraph): void {
    this.#graphs.delete(graph);
  }

  /** @throws AsimovError `unknown-mailbox` */
  require(mailbox: string): void {
    const declared = new Set([...this.#graphs].flatMap((graph) => nodesIn(graph).flatMap((node) => [...declaredBy(node)])));
    requireDeclared(mailbox, declared);
  }
}

/** Those that are in the graph by now: a node that was added is there once its creator has settled. */
function nodesIn(graph: LiveGraph): Node[] {
  return (graph.pool()?.order.graph.nodes ?? []).map(({ name }) => graph.nodes.get(name));
}

function* declaredBy({ inputMailboxes, modules, nodes }: Node): Generator<string> {
  yield* inputMailboxes;
  for (const module of modules) yield* module.inputMailboxes;
  for (const node of nodes) yield* declaredBy(node);
}
