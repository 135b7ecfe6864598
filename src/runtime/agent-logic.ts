/** An agent's machine as logic for runs: each actor is bound to a graph of its own. */
import type { AnyActorLogic, AnyActorRef, AnyActorScope, AnyEventObject, AnyMachineSnapshot, Snapshot } from "xstate";
import { isListenedTo } from "#compile/insides";
import { errorDetailsOf, shownMessageOf } from "#contract/base/error-details";
import { requireRestored } from "#contract/base/require-restored";
import type { SpanFailure } from "#contract/base/telemetry";
import type { ErrorReport } from "#contract/node/result";
import type { AgentMachineTold } from "#contract/run/agent-told";
import type { Order } from "#contract/run/order";
import type { TaskOutcomeJSON } from "#contract/run/outcome";
import { APART, type PersistedAgent, WITHOUT_GRAPH, WITHOUT_NODES } from "#keep/persisted";
import { type AgentMachineInput, agentMachine } from "#machines/agent";
import type { GraphScope } from "./graph-scope.ts";
import { startedOf, voiceOf } from "./graph-voice.ts";
import { enter, ownScope, scopeOf } from "./scopes.ts";

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** Why an embedded agent could not be restored. */
const faults = new WeakMap<object, unknown>();

/** What differs between a whole run and a nested one. */
export interface Binding<TOutput> {
  /** One that goes on from where another instance of its graph was is made of that one's state. */
  create(
    self: AnyActorScope["self"],
    input: unknown,
  ): { scope: GraphScope } & ({ input: AgentMachineInput } | { persisted: PersistedAgent });
  restore(self: AnyActorScope["self"], persisted: PersistedAgent): { scope: GraphScope; persisted: PersistedAgent };
  /** What is persisted beside the machine's own state. */
  persist?(scope: GraphScope): object;
  outputOf(outcome: TaskOutcomeJSON, scope: GraphScope): TOutput;
  /** XState starts no child whose restore threw, and tells its parent nothing: where nobody else asks, it fails when it starts. */
  failsAtStart?(self: AnyActorScope["self"]): boolean;
  /** What the machine takes in place of an event. */
  eventOf(event: AnyEventObject, scope: GraphScope): AnyEventObject;
  onStart?(scope: GraphScope): void;
  /** The actor is active no more. */
  onEnd?(scope: GraphScope, error: string | undefined, details?: SpanFailure): void;
  onTask?(scope: GraphScope, task: TaskOutcomeJSON["task"]): void;
  /** All that is unfinished of the graph waits for something outside, or something works again. */
  onWaiting(scope: GraphScope, waits: boolean): void;
  /** Something went wrong, as the agent keeps it. */
  onReport?(scope: GraphScope, report: ErrorReport): void;
}

/**
 * Logic whose actors are agent machines, each bound to a graph of its own when it is created or restored.
 * It has the machine's chart, so that inspectors can draw it.
 *
 * @param agent the machine with its actors
 */
export function boundAgentLogic<TOutput>(binding: Binding<TOutput>, agent: () => AnyActorLogic): AnyActorLogic {
  const settle = (before: AnyMachineSnapshot, after: AnyMachineSnapshot, { self, defer }: AnyActorScope): AnyMachineSnapshot => {
    if (after.status === "active" || before.status !== "active") return after;
    const scope = ownScope(self) as GraphScope;
    scope.run.inputMailboxes.delete(scope);
    if (scope.path.length > 0) scope.over();
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

  /** What the chart emits is told by the run; what the run tells, nested graphs included, is emitted by its own actor. */
  const giveVoice = (actorScope: AnyActorScope, scope: GraphScope, isRestored: boolean): void => {
    const { self, emit: hear } = actorScope;
    if (scope.path.length === 0) {
      scope.run.events.begin(() => startedOf(scope));
      const isHeard = (): boolean => isListenedTo(self);
      scope.run.events.embed({ isHeard, hear });
    }
    const tell = voiceOf(scope, isRestored);
    const speak = (event: AgentMachineTold): void => {
      if (event.type === "run.waiting") return binding.onWaiting(scope, event.waits);
      if (event.type === "error.reported") binding.onReport?.(scope, event.report);
      tell(event);
    };
    (actorScope as Writable<AnyActorScope>).emit = speak;
  };

  const restored = (persisted: PersistedAgent, actorScope: AnyActorScope): AnyMachineSnapshot => {
    const snapshot = agent().restoreSnapshot?.(persisted as never, actorScope) as AnyMachineSnapshot;
    requireRestored(Object.values(snapshot.children));
    return snapshot;
  };

  const logic = {
    getInitialSnapshot(actorScope: AnyActorScope, input: unknown) {
      const created = binding.create(actorScope.self, input);
      const { scope } = created;
      enter(actorScope.self, scope);
      giveVoice(actorScope, scope, "persisted" in created);
      return "persisted" in created ? restored(created.persisted, actorScope) : agent().getInitialSnapshot(actorScope, created.input);
    },
    restoreSnapshot(stored: Snapshot<unknown>, actorScope: AnyActorScope) {
      const { self } = actorScope;
      try {
        const { scope, persisted } = binding.restore(self, stored as unknown as PersistedAgent);
        enter(self, scope);
        giveVoice(actorScope, scope, scope.path.length > 0 || scope.run.events.hasBegun);
        const snapshot = restored(persisted, actorScope);
        scope.adopt((snapshot.children.nodes as AnyActorRef).getSnapshot().order as Order);
        return snapshot;
      } catch (error) {
        const scope = ownScope(self);
        if (scope !== undefined) binding.onEnd?.(scope, shownMessageOf(error), errorDetailsOf(error));
        if (binding.failsAtStart?.(self) !== true) throw error;
        faults.set(self, error);
        return { ...stored, children: {} };
      }
    },
    transition(snapshot: AnyMachineSnapshot, event: AnyEventObject, actorScope: AnyActorScope) {
      const scope = ownScope(actorScope.self) as GraphScope;
      scope.agentChanged();
      try {
        const next = agent().transition(snapshot, binding.eventOf(event, scope), actorScope);
        return settle(snapshot, next, actorScope);
      } catch (error) {
        scope.run.inputMailboxes.delete(scope);
        binding.onEnd?.(scope, shownMessageOf(error), errorDetailsOf(error));
        throw error;
      }
    },
    /** XState would search the whole context for actors at each snapshot; this one is plain data, with the whole graph in it. */
    getPersistedSnapshot(snapshot: AnyMachineSnapshot, options?: unknown) {
      // Whoever asks names no actor, but its children know it.
      const [child] = Object.values(snapshot.children) as (AnyActorRef | undefined)[];
      if (options === WITHOUT_GRAPH) return APART;
      return {
        ...agent().getPersistedSnapshot({ ...snapshot, context: {} }, options),
        ...(child === undefined || options === WITHOUT_NODES ? {} : binding.persist?.(scopeOf(child))),
        context: snapshot.context,
      };
    },
    start(snapshot: AnyMachineSnapshot, actorScope: AnyActorScope) {
      if (faults.has(actorScope.self)) throw faults.get(actorScope.self);
      const scope = ownScope(actorScope.self) as GraphScope;
      binding.onStart?.(scope);
      const { task } = snapshot.children as Record<
        string,
        { subscribe(next: (state: { context: { task: never } }) => void): unknown } | undefined
      >;
      if (binding.onTask !== undefined) task?.subscribe(({ context }) => binding.onTask?.(scope, context.task));
      agent().start?.(snapshot, actorScope);
    },
  };
  return Object.assign(Object.create(agentMachine), logic) as AnyActorLogic;
}
