/** What the nodes of a graph gave, by name, as an object that looks a node up when it is asked for one. */
import { freeze } from "#contract/base/json";
import type { Attempt } from "#contract/node/attempt";
import type { KnownNode, NodeState } from "#contract/node/dormant-node";
import { givenValue } from "#contract/node/given-value";

export type NodeResults = Readonly<Record<string, unknown>>;

type Nodes = ReadonlyMap<string, KnownNode>;

/** By the attempt, which is another object as soon as anything of it is. */
const values = new WeakMap<Attempt, { value: unknown }>();

/** What a node gave that is COMPLETE. */
function given(node: KnownNode | undefined): { value: unknown } | undefined {
  if (node === undefined) return undefined;
  const { context, value: state } = node.getSnapshot() as { context: NodeState; value: unknown };
  const { visits, modules, failure, definition } = context;
  // One that was skipped since waits, and still holds what its latest visit gave.
  if (visits === 0 || typeof state !== "string" || failure !== undefined) return undefined;
  let found = values.get(modules);
  if (found === undefined) {
    found = { value: freeze(givenValue(definition, modules)) };
    values.set(modules, found);
  }
  return found;
}

interface Graph {
  /** Those that have run, or were spawned. */
  nodes(): Nodes | undefined;
  /** Of all, in the order in which they are listed, whatever came first. */
  names(): Iterable<string>;
}

/** @param around of the graph that this one is nested in: found by name, and not listed */
export function nodeResults({ nodes, names }: Graph, around: NodeResults | undefined): NodeResults {
  const find = (name: string | symbol): { value: unknown } | undefined =>
    typeof name === "string" ? given(nodes()?.get(name)) : undefined;
  return new Proxy(Object.create(around ?? null) as object, {
    get: (target, name) => (find(name) ?? { value: Reflect.get(target, name) }).value,
    has: (target, name) => find(name) !== undefined || Reflect.has(target, name),
    ownKeys: () => [...names()].filter((name) => find(name) !== undefined),
    getOwnPropertyDescriptor(_target, name) {
      const found = find(name);
      return found && { value: found.value, enumerable: true, configurable: true, writable: false };
    },
    set: () => false,
    defineProperty: () => false,
    deleteProperty: () => false,
    setPrototypeOf: () => false,
  }) as NodeResults;
}

/** Those of a graph and of the graphs around it, as data: of each name the nearest. */
export function allResults(results: NodeResults): Record<string, unknown> {
  const around = Object.getPrototypeOf(results) as NodeResults | null;
  return { ...(around === null ? {} : allResults(around)), ...results };
}
