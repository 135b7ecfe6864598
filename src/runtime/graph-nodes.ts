/** The nodes that one instance of a graph knows: those that it was made with, and those that a run adds. */

import { AsimovError, GraphError, messageOf, SnapshotError } from "#contract/base/errors";
import { type Graph, type GraphNode, indexOf, requireDistinctNames } from "#contract/graph/graph";
import type { ModuleOrder } from "#contract/node/attempt";
import { defineNode, graphNodeOf, type NodeDefinition } from "#contract/node/definition";
import type { NodeLike } from "#contract/node/module";
import { Node } from "#contract/node/node";
import type { AddedName } from "#keep/persisted";
import { validGraph } from "./valid-graph.ts";

/** Gives the node of that name which a stored run had added by the result of another one, where it is known. */
export type DynamicNodes = (name: string, addedBy: string) => Node | undefined;

/** @throws GraphError `graph-duplicate-node` */
export function dynamicNodesOf(given: readonly Node[] | DynamicNodes): DynamicNodes {
  if (typeof given === "function") {
    return (name, addedBy) => {
      try {
        return given(name, addedBy);
      } catch (error) {
        const message = `\`dynamicNodes\` threw for the node "${name}", which "${addedBy}" had added: ${messageOf(error)}`;
        throw new SnapshotError(message, { code: "snapshot-unknown-node", cause: error });
      }
    };
  }
  requireDistinctNames(given);
  const known = new Map(given.map((node) => [node.name, node]));
  return (name) => known.get(name);
}

/** Of what a node is made. */
export interface Kinds {
  modules: readonly { type: string }[];
  isComposite: boolean;
}

/** How far the graph is, as its agent and pool stand. */
export interface GraphView {
  graph: Graph | undefined;
  /** Whether the node executes, and has not failed. */
  mayAdd(node: string): boolean;
}

export class GraphNodes {
  readonly #path: readonly string[];
  readonly #nodes: ReadonlyMap<string, Node>;
  /** What the run has added or was restored with. */
  #own: Map<string, Node> | undefined;
  readonly #view: () => GraphView;
  /** Who added a node last, by name; it is in the graph once the step has settled. */
  #proposed: Map<string, ModuleOrder> | undefined;

  /** @param nodes by name; they are not changed, nor copied */
  constructor(path: readonly string[], nodes: ReadonlyMap<string, Node>, view: () => GraphView) {
    this.#path = path;
    this.#view = view;
    this.#nodes = nodes;
  }

  /** In declaration order, then those that the run has added, in the order in which they came into the graph. */
  *names(): Generator<string> {
    yield* this.#nodes.keys();
    if (this.#own === undefined) return;
    for (const { name } of this.#view().graph?.nodes ?? []) if (!this.#nodes.has(name)) yield name;
  }

  /** Those that it was made with. */
  all(): Iterable<Node> {
    return this.#nodes.values();
  }

  #add(name: string, node: Node): void {
    this.#own ??= new Map();
    this.#own.set(name, node);
  }

  /** The node of that name, if there is one. */
  #find(name: string): Node | undefined {
    return this.#own?.get(name) ?? this.#nodes.get(name);
  }

  /** @throws AsimovError `unknown-node` */
  get(name: string): Node {
    const node = this.#find(name);
    if (node === undefined) throw new AsimovError(`The graph holds no node "${name}".`, { code: "unknown-node" });
    return node;
  }

  definition(name: string): NodeDefinition {
    return defineNode(this.get(name));
  }

  /**
   * Makes nodes known that a module's result adds. A node of the same definition replaces the one before, since its modules may hold
   * newer values.
   *
   * @throws GraphError
   */
  define(nodes: readonly NodeLike[], order: ModuleOrder): GraphNode[] {
    const given = new Map<string, Node>();
    for (const node of nodes) {
      if (!(node instanceof Node)) {
        const shown = node === null ? "null" : typeof node === "object" ? "an object" : typeof node;
        throw new GraphError([`Node "${order.node}" added ${shown} that is no Node.`], "invalid-addition");
      }
      // Of two that look the same the functions may differ, and one would be lost.
      if (given.has(node.name) && given.get(node.name) !== node) {
        throw new GraphError(
          [`Node "${order.node}" added two nodes named "${node.name}"; give each a name of its own.`],
          "graph-duplicate-node",
        );
      }
      if (node.nodes.length > 0) validGraph(node.nodes, [...this.#path, node.name]);
      const known = this.#rivalOf(node.name, order);
      if (known !== undefined && !isSameDefinition(known, node)) {
        throw new GraphError(
          [`Node "${order.node}" added a node "${node.name}" that differs from the one of that name.`],
          "graph-duplicate-node",
        );
      }
      given.set(node.name, node);
    }
    for (const [name, node] of given) {
      this.#add(name, node);
      this.#proposed ??= new Map();
      this.#proposed.set(name, order);
    }
    return [...given.values()].map(graphNodeOf);
  }

  /** The node of that name that is in the graph, or that a node of this step added before; not what a failed attempt gave. */
  #rivalOf(name: string, { node: creator, visit, attempt }: ModuleOrder): Node | undefined {
    const { graph, mayAdd } = this.#view();
    const node = this.#find(name);
    if (graph !== undefined && indexOf(graph).has(name)) return node;
    const other = this.#proposed?.get(name);
    if (other === undefined) return undefined;
    if (other.node === creator) return other.visit === visit && other.attempt === attempt ? node : undefined;
    return mayAdd(other.node) ? node : undefined;
  }

  isComposite(name: string): boolean {
    return (this.#find(name)?.nodes.length ?? 0) > 0;
  }

  kindsOf(name: string): Kinds {
    const { modules = [], nodes = [] } = this.#find(name) ?? {};
    return { modules, isComposite: nodes.length > 0 };
  }

  /**
   * Makes the nodes known that a stored run added.
   *
   * @param pending those that visits which go on had been asked to add
   * @throws SnapshotError `snapshot-unknown-node`
   */
  restore(stored: Graph, pending: readonly AddedName[], dynamicNodes: DynamicNodes): void {
    const missing = new Set<string>();
    for (const { name, addedBy } of [...stored.nodes, ...pending]) {
      if (addedBy === undefined) continue;
      const node = this.#find(name) ?? dynamicNodes(name, addedBy);
      if (node instanceof Node && node.name === name) this.#add(name, node);
      else missing.add(`"${name}" (of "${addedBy}")`);
    }
    if (missing.size === 0) return;
    throw new SnapshotError(
      `The run had added the nodes ${[...missing].join(", ")} itself; give each by its name to the agent that restores it, as the option \`dynamicNodes\`.`,
      { code: "snapshot-unknown-node" },
    );
  }
}

/** Functions cannot be compared: two nodes are the same when everything that is written down of them is. */
function isSameDefinition(a: Node, b: Node): boolean {
  if (a === b) return true;
  const written = (node: Node): string => JSON.stringify([defineNode(node), graphNodeOf(node), node.nodeConfig, node.inputMailboxes]);
  return written(a) === written(b) && a.nodes.every((node, index) => isSameDefinition(node, b.nodes[index] as Node));
}
