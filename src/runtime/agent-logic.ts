/** The composition root: binds the machines to one run's actors, so that a whole agent is one actor logic, nested ones too. */
import type { AnyActorLogic, AnyActorRef, AnyActorScope, AnyEventObject, AnyMachineSnapshot, Snapshot } from "xstate";
import { checkNode, verifyOutputs } from "#actors/check-node";
import { nodePool } from "#actors/node-pool";
import { publishMessages } from "#actors/publish-messages";
import { closeGenerators, closeNodes, closeRun, openRun, saveSnapshot } from "#actors/run-effects";
import { runModule } from "#actors/run-module";
import { sleepUntil } from "#actors/sleep-until";
import { AsimovError, messageOf } from "#contract/base/errors";
import { requireRestored } from "#contract/base/require-restored";
import { requireGraph } from "#contract/graph/graph";
import { type ModuleOrder, type ModuleOutcome, scopeOf as nestedScope } from "#contract/node/attempt";
import type { TaskOutcomeJSON } from "#contract/run/outcome";
import type { RunState } from "#contract/run/state";
import { type AgentMachineInput, agentMachine } from "#machines/agent";
import { type NodeMachineInput, nodeMachine } from "#machines/node";
import { GraphScope } from "./graph-scope.ts";
import { type PersistedAgent, pendingAdditions } from "./snapshot-parts.ts";
import { graphOf } from "./valid-graph.ts";

const scopes = new WeakMap<object, GraphScope>();

/** Why an embedded agent could not be restored. */
const faults = new WeakMap<object, unknown>();

/** The graph that an actor belongs to: that of the nearest agent above it. */
function scopeOf(self: AnyActorRef): GraphScope {
  let actor: AnyActorRef | undefined = self;
  while (actor !== undefined) {
    const scope = scopes.get(actor);
    if (scope !== undefined) return scope;
    actor = actor._parent;
  }
  throw new AsimovError("This actor runs outside an agent: supply the machine with actors of your own.", { code: "no-agent" });
}

const boundNode = nodeMachine.provide({
  actors: {
    runModule: runModule(scopeOf),
    runSubgraph: subgraphLogic(),
    checkNode: checkNode(scopeOf),
    verifyOutputs: verifyOutputs(scopeOf),
    sleepUntil: sleepUntil(),
  } as never,
});

/** Every node starts as the same snapshot but for its context: WAITING has no entry actions, so that nothing is left out. */
let waiting: AnyMachineSnapshot | undefined;
const freshNode: AnyActorLogic = Object.assign(Object.create(boundNode), {
  getInitialSnapshot(actorScope: AnyActorScope, input: NodeMachineInput): AnyMachineSnapshot {
    waiting ??= (boundNode as AnyActorLogic).getInitialSnapshot(actorScope, input) as AnyMachineSnapshot;
    return { ...waiting, children: {}, context: { ...waiting.context, ...input } } as AnyMachineSnapshot;
  },
});

/** One machine for every run of every agent: binding a machine costs more than running a small graph. */
const boundAgent = agentMachine.provide({
  actors: {
    nodes: nodePool(scopeOf, () => freshNode),
    outbox: publishMessages((self) => scopeOf(self).run),
    openRun: openRun(scopeOf),
    saveSnapshot: saveSnapshot(scopeOf),
    closeGenerators: closeGenerators(scopeOf),
    closeNodes: closeNodes(scopeOf),
    closeRun: closeRun(scopeOf),
  } as never,
}) as AnyActorLogic;

/** What differs between a whole run and a nested one. */
export interface Binding<TOutput> {
  create(self: AnyActorScope["self"], input: unknown): { scope: GraphScope; input: AgentMachineInput };
  restore(self: AnyActorScope["self"], persisted: PersistedAgent): { scope: GraphScope; persisted: PersistedAgent };
  outputOf(outcome: TaskOutcomeJSON, scope: GraphScope): TOutput;
  /** XState starts no child whose restore threw, and tells its parent nothing: where nobody else asks, it fails when it starts. */
  failsAtStart?(self: AnyActorScope["self"]): boolean;
  eventOf?(event: AnyEventObject): AnyEventObject;
  /** The actor is active no more. */
  onEnd?(scope: GraphScope, error: string | undefined): void;
  onTask?(scope: GraphScope, task: TaskOutcomeJSON["task"]): void;
}

/**
 * Logic whose actors are agent machines, each bound to a graph of its own when it is created or restored.
 * It has the machine's chart, so that inspectors can draw it.
 */
export function boundAgentLogic<TOutput>(binding: Binding<TOutput>): AnyActorLogic {
  const settle = (before: AnyMachineSnapshot, after: AnyMachineSnapshot, { self, defer }: AnyActorScope): AnyMachineSnapshot => {
    if (after.status === "active" || before.status !== "active") return after;
    const scope = scopes.get(self) as GraphScope;
    if (after.status === "done") {
      const outcome = after.output as TaskOutcomeJSON;
      // After what the last transition tells.
      defer(() => binding.onEnd?.(scope, outcome.task.error));
      return { ...after, output: binding.outputOf(outcome, scope) } as AnyMachineSnapshot;
    }
    const error = after.status === "error" ? messageOf(after.error) : "the run was stopped";
    scope.leave(error);
    binding.onEnd?.(scope, error);
    return after;
  };

  const logic = {
    getInitialSnapshot(actorScope: AnyActorScope, input: unknown) {
      const { scope, input: machineInput } = binding.create(actorScope.self, input);
      scope.actor = actorScope.self;
      scopes.set(actorScope.self, scope);
      return boundAgent.getInitialSnapshot(actorScope, machineInput);
    },
    restoreSnapshot(stored: Snapshot<unknown>, actorScope: AnyActorScope) {
      const { self } = actorScope;
      try {
        const { scope, persisted } = binding.restore(self, stored as unknown as PersistedAgent);
        scope.actor = self;
        scopes.set(self, scope);
        const restored = boundAgent.restoreSnapshot?.(persisted as never, actorScope) as AnyMachineSnapshot;
        requireRestored(Object.values(restored.children));
        return restored;
      } catch (error) {
        const scope = scopes.get(self);
        if (scope !== undefined) binding.onEnd?.(scope, messageOf(error));
        if (binding.failsAtStart?.(self) !== true) throw error;
        faults.set(self, error);
        return { ...stored, children: {} };
      }
    },
    transition(snapshot: AnyMachineSnapshot, event: AnyEventObject, actorScope: AnyActorScope) {
      try {
        const next = boundAgent.transition(snapshot, binding.eventOf?.(event) ?? event, actorScope);
        return settle(snapshot, next, actorScope);
      } catch (error) {
        binding.onEnd?.(scopes.get(actorScope.self) as GraphScope, messageOf(error));
        throw error;
      }
    },
    /** XState would search the whole context for actors at each snapshot; this one is plain data, with the whole graph in it. */
    getPersistedSnapshot: (snapshot: AnyMachineSnapshot, options?: unknown) => ({
      ...boundAgent.getPersistedSnapshot({ ...snapshot, context: {} }, options),
      context: snapshot.context,
    }),
    start(snapshot: AnyMachineSnapshot, actorScope: AnyActorScope) {
      if (faults.has(actorScope.self)) throw faults.get(actorScope.self);
      const scope = scopes.get(actorScope.self) as GraphScope;
      actorScope.self.on("*", (event: unknown) => scope.run.events.tell(event as never));
      const { task } = snapshot.children as Record<
        string,
        { subscribe(next: (state: { context: { task: never } }) => void): unknown } | undefined
      >;
      if (binding.onTask !== undefined) task?.subscribe(({ context }) => binding.onTask?.(scope, context.task));
      boundAgent.start?.(snapshot, actorScope);
    },
  };
  return Object.assign(Object.create(agentMachine), logic) as AnyActorLogic;
}

/** The graph of a SUBGRAPH node as a module: an agent of its own, on the same task, cache and limit of modules. */
function subgraphLogic(): AnyActorLogic {
  const scopeFor = (parent: GraphScope, name: string): GraphScope => {
    const { nodes } = parent.node(name);
    return new GraphScope(parent.run, { path: [...parent.path, name], nodes, outputMailbox: null, parentSpan: parent.spanOf(name) });
  };
  return boundAgentLogic<ModuleOutcome>({
    create(self, input) {
      const order = input as ModuleOrder;
      const parent = scopeOf(self);
      const node = parent.node(order.node);
      const scope = scopeFor(parent, order.node);
      const { run } = parent;
      return {
        scope,
        input: {
          runId: run.runId,
          task: { ...run.task.toJSON(), status: "WAITING" },
          graph: requireGraph(graphOf(node.nodes).nodes),
          scope: nestedScope(order),
          path: [...scope.path],
          maxTotalIterations: node.nodeConfig.maxTotalIterations ?? run.services.maxTotalIterations,
          autoSnapshot: run.services.autoSnapshot,
          outputMailbox: null,
          errorMailbox: run.services.errorMailbox,
        },
      };
    },
    restore(self, persisted) {
      const path = persisted.context.path as string[];
      const scope = scopeFor(scopeOf(self), path.at(-1) as string);
      scope.restoreGraph((persisted.context.state as RunState).graph, pendingAdditions(persisted));
      return { scope, persisted };
    },
    eventOf: (event) => (event.type === "module.abort" ? { type: "run.cancel", reason: event.reason, code: event.code } : event),
    outputOf({ status, results, failedChains, task }) {
      const isError = status !== "COMPLETE";
      const error = task.error ?? `the nested graph ended as ${status}`;
      return {
        module: 0,
        status: isError ? "error" : "success",
        json: JSON.stringify({ status: isError ? "error" : "success", result: results, ...(isError ? { error, failedChains } : {}) }),
        ...(isError ? { error, partial: status === "PARTIAL" } : {}),
        retryable: true,
        endedAt: Date.now(),
      };
    },
  });
}
