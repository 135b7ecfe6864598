/** A graph that is nested in a node, as the logic of a module. */
import type { AnyActorLogic, AnyActorRef } from "xstate";
import type { EffectLogic } from "#contract/base/effect-logic";
import { asimovErrorOf, messageOf } from "#contract/base/errors";
import { requireGraph } from "#contract/graph/graph";
import { type GraphKeys, keysWithin, type ModuleCommand, type ModuleOrder, type ModuleOutcome } from "#contract/node/attempt";
import { itemNodes, itemsGraph } from "#contract/node/items";
import { leftOf } from "#keep/left-graph";
import type { PersistedAgent } from "#keep/persisted";
import { reopenLeft } from "#keep/reopen";
import { boundAgentLogic } from "./agent-logic.ts";
import { mailboxesOf } from "./agent-services.ts";
import { GraphScope } from "./graph-scope.ts";
import { itemsTaken } from "./items.ts";
import { itemsOutcome } from "./items-outcome.ts";
import { scopeOf } from "./scopes.ts";
import { byName, graphOf } from "./valid-graph.ts";

/** Why the node has no room for it in the run's store, if it has none. */
function refusalOf({ path, parent }: GraphScope, outcome: ModuleOutcome): unknown {
  try {
    parent?.work.requireRoomFor(path.at(-1) as string, undefined, outcome);
    return undefined;
  } catch (error) {
    return error;
  }
}

/** As far as there is room: without the state that it leaves, or, where that is not enough, as a failure. */
function withRoom(scope: GraphScope, outcome: ModuleOutcome): ModuleOutcome {
  if (refusalOf(scope, outcome) === undefined) return outcome;
  const { left: _left, ...bare } = outcome;
  const refusal = refusalOf(scope, bare);
  if (refusal === undefined) return bare;
  const { module, endedAt } = outcome;
  const code = asimovErrorOf(refusal)?.code ?? "module-failed";
  return { module, endedAt, status: "error", error: messageOf(refusal), code, retryable: false };
}

/** What an item that fails does to the others. */
const failingOf = ({ each }: GraphScope): { onItemError?: "fail" | "keep" } =>
  each === undefined ? {} : { onItemError: each.node.nodeConfig.onItemError ?? "fail" };

/** The graph of a SUBGRAPH node as a module: an agent of its own, on the same task, cache and limit of modules. */
export function subgraphLogic(agent: () => AnyActorLogic): EffectLogic<ModuleOrder, ModuleOutcome, ModuleCommand> {
  const scopeFor = (parent: GraphScope, name: string, keys: GraphKeys, begins: boolean): GraphScope => {
    const { run } = parent;
    const path = [...parent.path, name];
    const node = parent.nodes.get(name);
    if (node.forEach !== undefined) {
      const each = itemsTaken(run, node, keys);
      return new GraphScope(run, path, itemNodes(each), { parent, graph: itemsGraph(each.items.length), each });
    }
    return new GraphScope(run, path, byName(node.nodes), { parent, graph: begins ? requireGraph(graphOf(node.nodes).nodes) : undefined });
  };
  const restore = (self: AnyActorRef, persisted: PersistedAgent): { scope: GraphScope; persisted: PersistedAgent } => {
    const path = persisted.context.path as string[];
    const parent = scopeOf(self);
    const name = path.at(-1) as string;
    const scope = scopeFor(parent, name, persisted.context.keys as GraphKeys, false);
    const { services } = parent.run;
    scope.fit(persisted, scope.each === undefined ? {} : { graph: scope.work.graph });
    return { scope, persisted: { ...persisted, context: { ...persisted.context, ...mailboxesOf(services, true), ...failingOf(scope) } } };
  };
  return boundAgentLogic<ModuleOutcome>(
    {
      create(self, input) {
        const order = input as ModuleOrder;
        const parent = scopeOf(self);
        if (order.left !== undefined) return restore(self, reopenLeft(order.left as PersistedAgent, parent.run.task.toJSON()));
        const keys = keysWithin(order);
        const scope = scopeFor(parent, order.node, keys, true);
        const { run } = parent;
        return {
          scope,
          input: {
            runId: run.runId,
            task: { ...run.task.toJSON(), status: "WAITING" },
            keys,
            ...failingOf(scope),
            path: [...scope.path],
            ...mailboxesOf(run.services, true),
          },
        };
      },
      restore,
      eventOf: (event) => (event.type === "module.abort" ? { type: "run.cancel", reason: event.reason, code: event.code } : event),
      outputOf(outcome, scope) {
        const { task, status, nodes, failedChains, failure } = outcome;
        const about = { module: 0, endedAt: scope.run.services.clock.now() };
        if (scope.each !== undefined) {
          const ended = itemsOutcome(scope.each, outcome);
          return withRoom(scope, { ...about, ...ended, ...(ended.status === "success" ? {} : leftOf(scope)) });
        }
        const { result = null } = task;
        if (status === "COMPLETE") {
          const json = JSON.stringify({ status: "success", result, nodes });
          return withRoom(scope, { ...about, status: "success", json, retryable: true });
        }
        const { error, code, final, ...details } = failure ?? { error: `the nested graph ended as ${status}`, code: "module-failed" };
        return withRoom(scope, {
          ...about,
          status: "error",
          json: JSON.stringify({ status: "error", result, nodes, error, failedChains }),
          error,
          code,
          details,
          partial: status === "PARTIAL",
          retryable: final !== true,
          ...leftOf(scope),
        });
      },
      onWaiting({ actor }, waits) {
        (actor as AnyActorRef)._parent?.send({ type: "module.waiting", module: 0, waits });
      },
      onReport: (scope, report) => scope.run.root?.send({ type: "nested.reported", report }),
    },
    agent,
  ) as EffectLogic<ModuleOrder, ModuleOutcome, ModuleCommand>;
}
