/** A graph that is nested in a node, as the logic of a module. */
import type { AnyActorLogic, AnyActorRef } from "xstate";
import type { EffectLogic } from "#contract/base/effect-logic";
import { asimovErrorOf, messageOf } from "#contract/base/errors";
import { type Graph, requireGraph } from "#contract/graph/graph";
import { keysWithin, type ModuleCommand, type ModuleOrder, type ModuleOutcome } from "#contract/node/attempt";
import { leftOf } from "#keep/left-graph";
import type { PersistedAgent } from "#keep/persisted";
import { reopenLeft } from "#keep/reopen";
import { boundAgentLogic } from "./agent-logic.ts";
import { mailboxesOf } from "./agent-services.ts";
import { GraphScope } from "./graph-scope.ts";
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

/** The graph of a SUBGRAPH node as a module: an agent of its own, on the same task, cache and limit of modules. */
export function subgraphLogic(agent: () => AnyActorLogic): EffectLogic<ModuleOrder, ModuleOutcome, ModuleCommand> {
  const scopeFor = (parent: GraphScope, name: string, graph?: Graph): GraphScope =>
    new GraphScope(parent.run, [...parent.path, name], byName(parent.nodes.get(name).nodes), { parent, graph });
  const restore = (self: AnyActorRef, persisted: PersistedAgent): { scope: GraphScope; persisted: PersistedAgent } => {
    const path = persisted.context.path as string[];
    const parent = scopeOf(self);
    const name = path.at(-1) as string;
    const scope = scopeFor(parent, name);
    const { services } = parent.run;
    scope.fit(persisted);
    return { scope, persisted: { ...persisted, context: { ...persisted.context, ...mailboxesOf(services, true) } } };
  };
  return boundAgentLogic<ModuleOutcome>(
    {
      create(self, input) {
        const order = input as ModuleOrder;
        const parent = scopeOf(self);
        if (order.left !== undefined) return restore(self, reopenLeft(order.left as PersistedAgent, parent.run.task.toJSON()));
        const node = parent.nodes.get(order.node);
        const scope = scopeFor(parent, order.node, requireGraph(graphOf(node.nodes).nodes));
        const { run } = parent;
        return {
          scope,
          input: {
            runId: run.runId,
            task: { ...run.task.toJSON(), status: "WAITING" },
            keys: keysWithin(order),
            path: [...scope.path],
            ...mailboxesOf(run.services, true),
          },
        };
      },
      restore,
      eventOf: (event) => (event.type === "module.abort" ? { type: "run.cancel", reason: event.reason, code: event.code } : event),
      outputOf({ task, status, nodes, failedChains, failure }, scope) {
        const about = { module: 0, endedAt: scope.run.services.clock.now() };
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
