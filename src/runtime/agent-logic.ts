/** The composition root: binds the machines to one run's actors, so that a whole agent is one actor logic, nested ones too. */
import type { AnyActorLogic, AnyActorRef, AnyActorScope, AnyEventObject, AnyMachineSnapshot, Snapshot } from "xstate";
import { checkNode, verifyOutputs } from "#actors/check-node";
import { nodePool } from "#actors/node-pool";
import { publishMessages } from "#actors/publish-messages";
import { closeGenerators, closeNodes, closeRun, openRun, saveSnapshot } from "#actors/run-effects";
import { runModule } from "#actors/run-module";
import { sleepUntil } from "#actors/sleep-until";
import { timeLimit } from "#actors/time-limit";
import type { EffectLogic } from "#contract/base/effect-logic";
import { errorDetailsOf, shownMessageOf } from "#contract/base/error-details";
import { AsimovError } from "#contract/base/errors";
import { requireRestored } from "#contract/base/require-restored";
import type { SpanFailure } from "#contract/base/telemetry";
import { requireGraph } from "#contract/graph/graph";
import { keysWithin, type ModuleCommand, type ModuleOrder, type ModuleOutcome } from "#contract/node/attempt";
import type { ErrorReport } from "#contract/node/result";
import type { RunEvent } from "#contract/run/events";
import type { TaskOutcomeJSON } from "#contract/run/outcome";
import type { RunState } from "#contract/run/state";
import { type AgentMachineInput, agentMachine } from "#machines/agent";
import { type NodeMachineInput, nodeMachine } from "#machines/node";
import { taskMachine } from "#machines/task";
import type { GraphEffects } from "./graph-effects.ts";
import { GraphScope } from "./graph-scope.ts";
import type { GraphWork } from "./graph-work.ts";
import { settingsOf } from "./run-host.ts";
import { type PersistedAgent, pendingAdditions } from "./snapshot-parts.ts";
import { supply } from "./supply.ts";
import { graphOf } from "./valid-graph.ts";

const scopes = new WeakMap<object, GraphScope>();

function enter(self: AnyActorRef, scope: GraphScope): void {
  scope.actor = self;
  scopes.set(self, scope);
  scope.run.inputMailboxes.add(scope);
}

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

const workOf = (self: AnyActorRef): GraphWork => scopeOf(self).work;
const effectsOf = (self: AnyActorRef): GraphEffects => scopeOf(self).effects;

const boundNode = supply(nodeMachine, {
  runModule: runModule(workOf),
  runSubgraph: subgraphLogic(),
  checkNode: checkNode(effectsOf),
  verifyOutputs: verifyOutputs(effectsOf),
  sleepUntil: sleepUntil((self) => workOf(self).clock),
  timeLimit: timeLimit(workOf),
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
const boundAgent = supply(agentMachine, {
  task: taskMachine,
  nodes: nodePool(workOf, () => freshNode),
  outbox: publishMessages((self) => scopeOf(self).run),
  openRun: openRun(effectsOf),
  saveSnapshot: saveSnapshot(effectsOf),
  closeGenerators: closeGenerators(effectsOf),
  closeNodes: closeNodes(effectsOf),
  closeRun: closeRun(effectsOf),
}) as AnyActorLogic;

/** What differs between a whole run and a nested one. */
export interface Binding<TOutput> {
  create(self: AnyActorScope["self"], input: unknown): { scope: GraphScope; input: AgentMachineInput };
  restore(self: AnyActorScope["self"], persisted: PersistedAgent): { scope: GraphScope; persisted: PersistedAgent };
  outputOf(outcome: TaskOutcomeJSON, scope: GraphScope): TOutput;
  /** XState starts no child whose restore threw, and tells its parent nothing: where nobody else asks, it fails when it starts. */
  failsAtStart?(self: AnyActorScope["self"]): boolean;
  eventOf?(event: AnyEventObject): AnyEventObject;
  onStart?(scope: GraphScope): void;
  /** The actor is active no more. */
  onEnd?(scope: GraphScope, error: string | undefined, details?: SpanFailure): void;
  onTask?(scope: GraphScope, task: TaskOutcomeJSON["task"]): void;
  /** Something went wrong, as the agent keeps it. */
  onReport?(scope: GraphScope, report: ErrorReport): void;
}

/**
 * Logic whose actors are agent machines, each bound to a graph of its own when it is created or restored.
 * It has the machine's chart, so that inspectors can draw it.
 */
export function boundAgentLogic<TOutput>(binding: Binding<TOutput>): AnyActorLogic {
  const settle = (before: AnyMachineSnapshot, after: AnyMachineSnapshot, { self, defer }: AnyActorScope): AnyMachineSnapshot => {
    if (after.status === "active" || before.status !== "active") return after;
    const scope = scopes.get(self) as GraphScope;
    scope.run.inputMailboxes.delete(scope);
    if (after.status === "done") {
      const outcome = after.output as TaskOutcomeJSON;
      // After what the last transition tells.
      defer(() => binding.onEnd?.(scope, outcome.task.error, outcome.failure));
      return { ...after, output: binding.outputOf(outcome, scope) } as AnyMachineSnapshot;
    }
    const hasFailed = after.status === "error";
    const error = hasFailed ? shownMessageOf(after.error) : "the run was stopped";
    scope.work.leave(error);
    binding.onEnd?.(scope, error, hasFailed ? errorDetailsOf(after.error) : {});
    return after;
  };

  const logic = {
    getInitialSnapshot(actorScope: AnyActorScope, input: unknown) {
      const { scope, input: machineInput } = binding.create(actorScope.self, input);
      enter(actorScope.self, scope);
      return boundAgent.getInitialSnapshot(actorScope, machineInput);
    },
    restoreSnapshot(stored: Snapshot<unknown>, actorScope: AnyActorScope) {
      const { self } = actorScope;
      try {
        const { scope, persisted } = binding.restore(self, stored as unknown as PersistedAgent);
        enter(self, scope);
        const restored = boundAgent.restoreSnapshot?.(persisted as never, actorScope) as AnyMachineSnapshot;
        requireRestored(Object.values(restored.children));
        return restored;
      } catch (error) {
        const scope = scopes.get(self);
        if (scope !== undefined) binding.onEnd?.(scope, shownMessageOf(error), errorDetailsOf(error));
        if (binding.failsAtStart?.(self) !== true) throw error;
        faults.set(self, error);
        return { ...stored, children: {} };
      }
    },
    transition(snapshot: AnyMachineSnapshot, event: AnyEventObject, actorScope: AnyActorScope) {
      try {
        const asked = binding.eventOf?.(event) ?? event;
        if (asked.type === "run.cancel" && binding.eventOf === undefined) scopes.get(actorScope.self)?.run.hasten();
        const next = boundAgent.transition(snapshot, asked, actorScope);
        return settle(snapshot, next, actorScope);
      } catch (error) {
        const scope = scopes.get(actorScope.self) as GraphScope;
        scope.run.inputMailboxes.delete(scope);
        binding.onEnd?.(scope, shownMessageOf(error), errorDetailsOf(error));
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
      binding.onStart?.(scope);
      actorScope.self.on("*", (event: unknown) => {
        const told = event as RunEvent;
        if (told.type === "error.reported") binding.onReport?.(scope, told.report);
        scope.run.events.tell(told, scope.path);
      });
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
function subgraphLogic(): EffectLogic<ModuleOrder, ModuleOutcome, ModuleCommand> {
  const scopeFor = (parent: GraphScope, name: string): GraphScope =>
    new GraphScope(parent.run, [...parent.path, name], parent.nodes.get(name).nodes, parent);
  return boundAgentLogic<ModuleOutcome>({
    create(self, input) {
      const order = input as ModuleOrder;
      const parent = scopeOf(self);
      const node = parent.nodes.get(order.node);
      const scope = scopeFor(parent, order.node);
      const { run } = parent;
      return {
        scope,
        input: {
          runId: run.runId,
          task: { ...run.task.toJSON(), status: "WAITING" },
          graph: requireGraph(graphOf(node.nodes).nodes),
          keys: keysWithin(order),
          path: [...scope.path],
          ...settingsOf(run.services, node),
        },
      };
    },
    restore(self, persisted) {
      const path = persisted.context.path as string[];
      const parent = scopeOf(self);
      const name = path.at(-1) as string;
      const scope = scopeFor(parent, name);
      const { services } = parent.run;
      scope.nodes.restore((persisted.context.state as RunState).graph, pendingAdditions(persisted), services.dynamicNodes);
      return { scope, persisted: { ...persisted, context: { ...persisted.context, ...settingsOf(services, parent.nodes.get(name)) } } };
    },
    eventOf: (event) => (event.type === "module.abort" ? { type: "run.cancel", reason: event.reason, code: event.code } : event),
    outputOf({ status, results, failedChains, failure }, { run }) {
      const about = { module: 0, endedAt: run.services.clock.now() };
      if (status === "COMPLETE") {
        return { ...about, status: "success", json: JSON.stringify({ status: "success", result: results }), retryable: true };
      }
      const { error, code, final, ...details } = failure ?? { error: `the nested graph ended as ${status}`, code: "module-failed" };
      return {
        ...about,
        status: "error",
        json: JSON.stringify({ status: "error", result: results, error, failedChains }),
        error,
        code,
        details,
        partial: status === "PARTIAL",
        retryable: final !== true,
      };
    },
    onReport: (scope, report) => scope.run.root?.send({ type: "nested.reported", report }),
  }) as EffectLogic<ModuleOrder, ModuleOutcome, ModuleCommand>;
}
