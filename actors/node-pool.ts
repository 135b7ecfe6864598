/**
 * The nodes' supervisor: it spawns a node machine for each node of the graph, and tells the agent when a step has settled.
 *
 * It is logic of its own, not a machine, since a machine copies its map of children at each spawn: wide graphs would be quadratic.
 */
import { type Actor, type AnyActorLogic, type AnyActorRef, type AnyMachineSnapshot, createActor, type Snapshot } from "xstate";
import type { EffectLogic } from "#contract/base/effect-logic";
import { errorDetailsOf, shownMessageOf } from "#contract/base/error-details";
import { asimovErrorOf } from "#contract/base/errors";
import { relay, relayToParent } from "#contract/base/relay";
import { requireRestored } from "#contract/base/require-restored";
import { elapsedMs, monotonicOf } from "#contract/base/services";
import type { Attempt, GraphKeys } from "#contract/node/attempt";
import type { Failure, NodeReport } from "#contract/node/result";
import type { EndedNode, HostOf, NodesHost } from "#contract/run/host";

/** The part of a node machine's context that is read here. */
export interface NodeState {
  visits: number;
  modules: Attempt;
  failure?: Failure;
}

type NodeRef = Actor<AnyActorLogic>;

type PoolEvent =
  | { type: "step.execute"; nodes: readonly string[]; iteration: number }
  /** To the pool itself: more nodes of the step begin. */
  | { type: "step.continue" }
  | { type: "nodes.abort"; reason: string; code: string }
  | { type: "node.refuse"; node: string; error: string; code: string }
  | { type: "node.settled"; report: NodeReport; messages: readonly { mailbox: string; message: unknown }[] }
  | { type: "node.retrying"; node: string; attempt: number; error: string; until?: number }
  /** A node's own actor broke down, which no module can make it do. */
  | { type: `xstate.error.actor.${string}`; actorId: string; error: unknown }
  | { type: "xstate.stop" };

export type PoolSnapshot = Snapshot<never> & {
  input: { keys: GraphKeys };
  /** Every node of the graph that was spawned; the same map over the pool's life. */
  nodes: Map<string, NodeRef>;
  /** The nodes of the step, in order. */
  step: readonly string[];
  iteration: number;
  /** Those that have not begun, the next one last. */
  ready: string[];
  /** Those that have not settled, with the moment they started; the same map over the pool's life, as is that of the reports. */
  waiting: Map<string, number>;
  reports: Map<string, NodeReport>;
};

interface PersistedPool {
  status: "active";
  step: readonly string[];
  iteration: number;
  ready: readonly string[];
  waiting: string[];
  reports: NodeReport[];
  nodes: Record<string, unknown>;
}

type Scope = Parameters<NonNullable<EffectLogic<PoolSnapshot["input"], never, PoolEvent, PoolSnapshot>["start"]>>[1];

/** A settled node's persisted state, by the snapshot that it is of: most nodes do not change between two snapshots of a run. */
const persisted = new WeakMap<object, unknown>();

function persistNode(ref: NodeRef): unknown {
  const snapshot = ref.getSnapshot() as AnyMachineSnapshot;
  const known = persisted.get(snapshot);
  if (known !== undefined) return known;
  const whole = ref.getPersistedSnapshot() as unknown as { context: Record<string, unknown> };
  const { definition: _definition, ...context } = whole.context;
  const state = { ...whole, context };
  if (Object.keys(snapshot.children).length === 0) persisted.set(snapshot, state);
  return state;
}

function isIdle(ref: NodeRef): boolean {
  const { context, value } = ref.getSnapshot() as AnyMachineSnapshot;
  return value === "WAITING" && (context as NodeState).visits === 0;
}

/**
 * @param hostOf the instance of a graph that the pool belongs to
 * @param nodeLogic the node machine with its actors; a function, since a nested graph's nodes may nest graphs themselves
 * @param isInspected whether somebody looks on: whoever does sees every node from the start; else each is spawned at its first visit
 */
export function nodePool(
  hostOf: HostOf<NodesHost>,
  nodeLogic: () => AnyActorLogic,
  isInspected: (self: AnyActorRef) => boolean = () => true,
): EffectLogic<PoolSnapshot["input"], never, PoolEvent, PoolSnapshot> {
  const spawn = (scope: Scope, input: PoolSnapshot["input"], name: string, snapshot?: { context: object }): NodeRef => {
    const definition = hostOf(scope.self).definition(name);
    const restored = snapshot === undefined ? {} : { snapshot: { ...snapshot, context: { ...snapshot.context, definition } } };
    return createActor(nodeLogic(), {
      parent: scope.self,
      id: name,
      input: { definition, keys: input.keys },
      ...restored,
    } as never) as NodeRef;
  };

  const execute = (snapshot: PoolSnapshot, scope: Scope, nodes: readonly string[], iteration: number): PoolSnapshot => {
    const host = hostOf(scope.self);
    const now = monotonicOf(host.clock);
    const { waiting, reports } = snapshot;
    reports.clear();
    for (const name of nodes) waiting.set(name, now);
    const next: PoolSnapshot = { ...snapshot, step: nodes, iteration, ready: nodes.toReversed() };
    begin(next, scope);
    return next;
  };

  const begin = ({ nodes, ready, waiting, input, iteration }: PoolSnapshot, scope: Scope): void => {
    const host = hostOf(scope.self);
    while (ready.length > 0) {
      if (host.turns.isOver()) return host.turns.next(() => relay(scope, scope.self, { type: "step.continue" }));
      const name = ready.pop() as string;
      let ref = nodes.get(name);
      if (ref === undefined) {
        ref = spawn(scope, input, name);
        nodes.set(name, ref);
        ref.start();
      }
      waiting.set(name, monotonicOf(host.clock));
      const at = host.clock.now();
      host.nodeStarted(name, (ref.getSnapshot() as AnyMachineSnapshot).context.visits + 1, iteration, at);
      relay(scope, ref, { type: "node.execute", at });
    }
  };

  const settle = (snapshot: PoolSnapshot, scope: Scope, { report, messages }: PoolEvent & { type: "node.settled" }): PoolSnapshot => {
    const host = hostOf(scope.self);
    const startedAt = snapshot.waiting.get(report.node);
    // A node that fails since its jump was refused has settled before.
    if (startedAt === undefined) return snapshot;
    snapshot.waiting.delete(report.node);
    snapshot.reports.set(report.node, report);
    const ended = snapshot.nodes.get(report.node)?.getSnapshot() as AnyMachineSnapshot | undefined;
    host.nodeEnded(report, elapsedMs(host.clock, startedAt), ended?.context as EndedNode | undefined);
    for (const { mailbox, message } of messages) relayToParent(scope, { type: "message.publish", mailbox, message });
    if (report.status === "FAILED" || report.status === "PARTIAL") relayToParent(scope, { type: "node.failed", report });
    if (snapshot.waiting.size === 0) complete(snapshot, scope);
    return snapshot;
  };

  const complete = ({ step, reports }: PoolSnapshot, scope: Scope): void => {
    relayToParent(scope, { type: "step.completed", reports: step.flatMap((name) => reports.get(name) ?? []) });
  };

  return {
    getInitialSnapshot: (_scope, input) => ({
      status: "active",
      output: undefined,
      error: undefined,
      input,
      nodes: new Map(),
      step: [],
      iteration: 0,
      ready: [],
      waiting: new Map(),
      reports: new Map(),
    }),

    start(snapshot, scope) {
      const host = hostOf(scope.self);
      for (const name of isInspected(scope.self) ? host.nodeNames : []) {
        if (!snapshot.nodes.has(name)) snapshot.nodes.set(name, spawn(scope, snapshot.input, name));
      }
      for (const [name, ref] of snapshot.nodes) {
        // Of a restored step: it goes on with the visit that it was in.
        const hasBegun = snapshot.waiting.has(name) && !snapshot.ready.includes(name);
        if (hasBegun) host.nodeResumed(name, (ref.getSnapshot() as AnyMachineSnapshot).context.visits);
        ref.start();
      }
      begin(snapshot, scope);
    },

    transition(snapshot, event, scope) {
      switch (event.type) {
        case "step.execute":
          return execute(snapshot, scope, event.nodes, event.iteration);
        case "step.continue":
          begin(snapshot, scope);
          return snapshot;
        case "node.settled":
          return settle(snapshot, scope, event);
        case "node.retrying":
          hostOf(scope.self).tell(event);
          return snapshot;
        case "node.refuse": {
          const ref = snapshot.nodes.get(event.node);
          if (ref !== undefined) relay(scope, ref, event);
          const visit: number = (ref?.getSnapshot() as AnyMachineSnapshot | undefined)?.context.visits ?? 0;
          const { node, error, code } = event;
          hostOf(scope.self).tell({ type: "node.failed", node, visit, status: "FAILED", error, code });
          return snapshot;
        }
        case "nodes.abort": {
          const at = hostOf(scope.self).clock.now();
          const { reason: error, code } = event;
          const unbegun = snapshot.ready.splice(0);
          for (const node of unbegun)
            settle(snapshot, scope, { type: "node.settled", report: { node, status: "FAILED", failure: { error, code } }, messages: [] });
          for (const name of snapshot.waiting.keys()) {
            const ref = snapshot.nodes.get(name) as NodeRef;
            relay(scope, ref, { type: "node.abort", reason: event.reason, code: event.code, at });
          }
          return snapshot;
        }
        case "xstate.stop":
          for (const ref of snapshot.nodes.values()) scope.stopChild(ref);
          return { ...snapshot, status: "stopped" } as PoolSnapshot;
        default: {
          const code = asimovErrorOf(event.error)?.code ?? "actor-failed";
          const settled = settle(snapshot, scope, {
            type: "node.settled",
            report: {
              node: event.actorId,
              status: "FAILED",
              failure: { error: shownMessageOf(event.error), code, ...errorDetailsOf(event.error) },
            },
            messages: [],
          });
          // It is made anew at its next visit.
          snapshot.nodes.delete(event.actorId);
          return settled;
        }
      }
    },

    getPersistedSnapshot: ({ input, nodes, step, iteration, ready, waiting, reports }) =>
      ({
        status: "active",
        input,
        step,
        iteration,
        ready: [...ready],
        waiting: [...waiting.keys()],
        reports: [...reports.values()],
        nodes: Object.fromEntries([...nodes].flatMap(([name, ref]) => (isIdle(ref) ? [] : [[name, persistNode(ref)]]))),
      }) as unknown as Snapshot<unknown>,

    restoreSnapshot(snapshot, scope) {
      const { step, iteration, ready, waiting, reports, nodes, input } = snapshot as unknown as PersistedPool & {
        input: PoolSnapshot["input"];
      };
      const now = monotonicOf(hostOf(scope.self).clock);
      const restored = Object.entries(nodes).map(([name, node]): [string, NodeRef] => [
        name,
        spawn(scope, input, name, node as { context: object }),
      ]);
      requireRestored(restored.map(([, ref]) => ref));
      return {
        status: "active",
        output: undefined,
        error: undefined,
        input,
        nodes: new Map(restored),
        step,
        iteration,
        ready: [...ready],
        waiting: new Map(waiting.map((name) => [name, now])),
        reports: new Map(reports.map((report) => [report.node, report])),
      };
    },
  };
}
