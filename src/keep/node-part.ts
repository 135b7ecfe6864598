/** A node's own state, as it is stored: without what its code says, and the graph nested in it. */

import { type ModuleOutcome, withOutcome } from "#contract/node/attempt";
import type { NodeDefinition } from "#contract/node/definition";
import type { KnownNode } from "#contract/node/dormant-node";
import { type PersistedNode, WITHOUT_GRAPH } from "./persisted.ts";

export type NodeState = Omit<PersistedNode, "context"> & {
  value: unknown;
  context: PersistedNode["context"] & { definition?: unknown; visits?: number };
};

export function nodeStateOf(node: KnownNode): NodeState {
  const whole = node.getPersistedSnapshot(WITHOUT_GRAPH) as NodeState;
  const { definition: _definition, ...context } = whole.context;
  return { ...whole, context };
}

/** Its text when one more of its modules has ended. */
export function nodeTextAfter(definition: NodeDefinition, node: KnownNode, outcome: ModuleOutcome): string {
  const { children, context, ...state } = nodeStateOf(node);
  const { [`module.${outcome.module}`]: _ended, ...others } = children;
  return JSON.stringify({
    ...state,
    children: others,
    context: { ...context, modules: withOutcome(definition, context.modules, outcome) },
  });
}
