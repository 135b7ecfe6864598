/** A node's own state, as it is stored: without what its code says, what its modules have saved, and the graph nested in it. */

import { type ModuleOutcome, withOutcome } from "#contract/node/attempt";
import type { NodeDefinition } from "#contract/node/definition";
import type { KnownNode } from "#contract/node/dormant-node";
import { type PersistedNode, WITHOUT_GRAPH } from "./persisted.ts";
import { takeSaved } from "./saved-parts.ts";

export type NodeState = Omit<PersistedNode, "context"> & {
  value: unknown;
  context: PersistedNode["context"] & { definition?: unknown; visits?: number };
};

/** @param saved what its modules have saved, by part; it is added to */
export function nodeStateOf(name: string, node: KnownNode, saved: Map<string, string>): NodeState {
  const whole = node.getPersistedSnapshot(WITHOUT_GRAPH) as NodeState;
  const { definition: _definition, ...context } = whole.context;
  const state = { ...whole, context };
  takeSaved(name, state, saved);
  return state;
}

/** Its text when one more of its modules has ended. */
export function nodeTextAfter(definition: NodeDefinition, node: KnownNode, outcome: ModuleOutcome): string {
  const { children, context, ...state } = nodeStateOf(definition.name, node, new Map());
  const { [`module.${outcome.module}`]: _ended, ...others } = children;
  return JSON.stringify({
    ...state,
    children: others,
    context: { ...context, modules: withOutcome(definition, context.modules, outcome) },
  });
}
