/**
 * The nodes' supervisor: it has each node of the graph run when its order says so, over all visits, and tells the agent when no node will.
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
import { SnapshotControl } from "#contract/base/vocabulary";
import { type Graph, type GraphNode, indexOf } from "#contract/graph/graph";
import type { GraphKeys } from "#contract/node/attempt";
import { DormantNode, isSettled, type NodeState, type StoredNode } from "#contract/node/dormant-node";
import type { MailboxMessage } from "#contract/node/report";
import type { Failure, Fault, NodeReport } from "#contract/node/result";
import type { EndedNode, HostOf, NodesHost } from "#contract/run/host";
import { isOverIterations, iterationLimit } from "#contract/run/limit";
import { Order, type Settlement, type StoredOrder } from "#contract/run/order";
import { Phase } from "#contract/run/order-cells";
import { requireNodes, requireOrder } from "#contract/run/order-check";

type NodeRef = Actor<AnyActorLogic>;
/** Of a restored run, one that has settled has no actor before it runs again. */
type PoolNode = NodeRef | DormantNode;
type Messages = readonly MailboxMessage[];

type PoolEvent =
  | { type: "nodes.begin" }
  /** None of these runs any more: their actors are let go of, a few at a time, since many at once would hold the thread. */
  | { type: "nodes.release"; nodes: readonly string[] }
  /** To the pool itself: more nodes begin. */
  | { type: "nodes.continue" }
  | { type: "nodes.abort"; reason: string; code: string }
  | { type: "node.settled"; report: NodeReport; messages: Messages }
  /** A message of the node's is in its mailbox, or will not be. */
  | { type: "node.published"; node: string }
  | { type: "node.retrying"; node: string; attempt: number; error: string; until?: number }
  /** Nothing in the node works until something outside happens; or something does again. */
  | { type: "node.waiting"; node: string; waits: boolean }
  /** To the pool itself: what waited for it may start. */
  | { type: "nodes.cut" }
  | { type: "nodes.saved"; nodes: readonly Held[]; fault?: Fault }
  | { type: "node.cleaned"; node: Held }
  /** A node's own actor broke down, which no module can make it do. */
  | { type: `xstate.error.actor.${string}`; actorId: string; error: unknown }
  | { type: "xstate.stop" };

/** A node that is ready, and waits; a later wait of the same node has another number. */
type Held = readonly [name: string, wait: number];

/** A visit that has ended, and whose messages are on their way: what depends on it finds them. */
interface Unpublished {
  report: NodeReport;
  left: number;
}

/** Its maps and its order are the same over the pool's life, and moved on in place. */
export type PoolSnapshot = Snapshot<never> & {
  input: { keys: GraphKeys };
  order: Order;
  /** Every node of the graph that has run, or was spawned. */
  nodes: Map<string, PoolNode>;
  /** The moment at which each executing node started. */
  startedAt: Map<string, number>;
  unpublished: Map<string, Unpublished>;
  /** Of those that execute, the ones that wait for something outside. */
  waiting: Set<string>;
  /** What the agent was told last: whether all that is unfinished waits; of a restored run nothing yet. */
  isWaiting: boolean | undefined;
  /** The ready nodes that wait for a snapshot, or for generators to close. */
  held: Map<string, number>;
  /** Of those, the ones that the next snapshot is taken for. */
  due: Held[];
  waits: number;
  /** The ready nodes that are stored as such. */
  saved: Set<string>;
  isBegun: boolean;
  /** Nothing starts any more. */
  isAborted: boolean;
  /** Nothing starts before the next turn. */
  isPaused: boolean;
  /** How often its limit of iterations was granted once more. */
  granted: number;
  /** Of a restored run: the nodes whose failed visits go on. */
  retried: readonly string[];
};

interface PersistedPool {
  status: "active";
  input: PoolSnapshot["input"];
  graph: Graph;
  order: StoredOrder;
  unpublished: [string, Unpublished][];
  isBegun: boolean;
  isAborted: boolean;
  granted?: number;
  retried?: readonly string[];
  nodes: Record<string, StoredNode>;
}

type Logic = EffectLogic<PoolSnapshot["input"], never, PoolEvent, PoolSnapshot>;
type Scope = Parameters<NonNullable<Logic["start"]>>[1];

/** A settled node's persisted state, by the snapshot that it is of: most nodes do not change between two snapshots of a run. */
const persisted = new WeakMap<object, StoredNode>();

function persistNode(ref: PoolNode): StoredNode {
  if (ref instanceof DormantNode) return ref.getPersistedSnapshot();
  const snapshot = ref.getSnapshot() as AnyMachineSnapshot;
  const known = persisted.get(snapshot);
  if (known !== undefined) return known;
  const whole = ref.getPersistedSnapshot() as unknown as StoredNode & { context: NodeState };
  const { definition: _definition, ...context } = whole.context;
  const state = { ...whole, context };
  if (Object.keys(snapshot.children).length === 0) persisted.set(snapshot, state);
  return state;
}

const persistNodes = (order: Order, nodes: ReadonlyMap<string, PoolNode>): Pick<PersistedPool, "graph" | "order" | "nodes"> => ({
  graph: order.graph,
  order: order.toJSON(),
  nodes: Object.fromEntries([...nodes].flatMap(([name, ref]) => (isIdle(ref) ? [] : [[name, persistNode(ref)]]))),
});

const stateOf = (node: PoolNode): { value: unknown; context: NodeState } => node.getSnapshot() as AnyMachineSnapshot;

const visitsOf = (node: PoolNode): number => stateOf(node).context.visits;

/** The latest visit of a node that may never have run. */
function visitOf(nodes: ReadonlyMap<string, PoolNode>, name: string): number {
  const node = nodes.get(name);
  return node === undefined ? 0 : visitsOf(node);
}

const isIdle = (node: PoolNode): boolean => stateOf(node).value === "WAITING" && visitsOf(node) === 0;

function* actorsOf(nodes: ReadonlyMap<string, PoolNode>): Generator<[name: string, ref: NodeRef]> {
  for (const [name, node] of nodes) if (!(node instanceof DormantNode)) yield [name, node];
}

/** Whether it waits on as it was stored. One whose modules waited does not: they run again, and may have by now what they waited for. */
const isBackingOff = (node: PoolNode): boolean => (stateOf(node).value as { EXECUTING?: unknown }).EXECUTING === "backingOff";

/** Each grant counts the limit anew; the default one is not worked out before that. */
const limitOf = ({ granted, order }: PoolSnapshot, { maxTotalIterations }: NodesHost): number | null =>
  granted === 0 ? maxTotalIterations : iterationLimit(order.graph, maxTotalIterations) * (1 + granted);

/**
 * @param hostOf the instance of a graph that the pool belongs to
 * @param nodeLogic the node machine with its actors; a function, since a nested graph's nodes may nest graphs themselves
 * @param isInspected whether somebody looks on: whoever does sees every node from the start; else each is spawned when it first runs, of a
 *   restored run too
 */
export function nodePool(
  hostOf: HostOf<NodesHost>,
  nodeLogic: () => AnyActorLogic,
  isInspected: (self: AnyActorRef) => boolean = () => true,
): Logic {
  const spawn = (scope: Scope, input: PoolSnapshot["input"], name: string, stored?: StoredNode): NodeRef => {
    const definition = hostOf(scope.self).definition(name);
    const restored = stored === undefined ? {} : { snapshot: { ...stored, context: { ...stored.context, definition } } };
    return createActor(nodeLogic(), {
      parent: scope.self,
      id: name,
      input: { definition, keys: input.keys },
      ...restored,
    } as never) as NodeRef;
  };

  /** The node's actor, made of what it did so far where there is none. */
  const actorOf = ({ nodes, input }: PoolSnapshot, scope: Scope, name: string): NodeRef => {
    const known = nodes.get(name);
    if (known !== undefined && !(known instanceof DormantNode)) return known;
    const ref = spawn(scope, input, name, known?.getPersistedSnapshot());
    requireRestored([ref]);
    nodes.set(name, ref);
    return ref;
  };

  /** To the pool itself, from outside of its transitions; it may have ended. */
  const later = (scope: Scope, event: PoolEvent): void => {
    if (scope.self.getSnapshot().status === "active") relay(scope, scope.self, event);
  };

  /** Starts what is ready, in turns; tells the agent when nothing is any more, and nothing executes. */
  const begin = (snapshot: PoolSnapshot, scope: Scope): void => {
    const host = hostOf(scope.self);
    const { order, held } = snapshot;
    if (!snapshot.isBegun || snapshot.isPaused) return;
    while (!snapshot.isAborted) {
      const unsure = host.whenSure();
      if (unsure !== undefined) {
        snapshot.isPaused = true;
        return void unsure.then(() => later(scope, { type: "nodes.continue" }));
      }
      if (host.turns.isOver()) {
        snapshot.isPaused = true;
        return host.turns.next(() => later(scope, { type: "nodes.continue" }));
      }
      if (order.running + held.size - snapshot.waiting.size >= (host.itemLimits?.atOnce ?? Number.POSITIVE_INFINITY)) break;
      const name = order.takeReady();
      if (name === undefined) break;
      const limit = limitOf(snapshot, host);
      if (isOverIterations(order.graph, order.iterationOf(name), limit)) {
        snapshot.isAborted = true;
        return relayToParent(scope, { type: "nodes.exhausted", limit: iterationLimit(order.graph, limit) });
      }
      admit(snapshot, scope, name);
    }
    if (order.running === 0 && (snapshot.isAborted || held.size === 0)) relayToParent(scope, { type: "nodes.ended" });
    else tellWaiting(snapshot, scope);
  };

  /** What waits, and is visited once more in any case, waits no longer. */
  const withdraw = ({ nodes, order, waiting }: PoolSnapshot, scope: Scope): void => {
    for (const name of waiting) {
      if (!order.isSentBack(name)) continue;
      relay(scope, nodes.get(name) as NodeRef, { type: "node.withdraw", at: hostOf(scope.self).clock.now() });
    }
  };

  /** The agent knows whether anything is left but what waits for something outside. */
  const tellWaiting = (snapshot: PoolSnapshot, scope: Scope): void => {
    const { waiting, held, order, isPaused, isWaiting } = snapshot;
    const waits = waiting.size > 0 && waiting.size === order.running && held.size === 0 && !isPaused;
    if (waits === isWaiting) return;
    snapshot.isWaiting = waits;
    relayToParent(scope, { type: "nodes.waiting", waits });
  };

  /** A ready node starts, or waits: for generators to close, then for a snapshot. */
  const admit = (snapshot: PoolSnapshot, scope: Scope, name: string): void => {
    const { order, held } = snapshot;
    const host = hostOf(scope.self);
    const region = order.toClean(name);
    const closing = region === undefined ? undefined : host.closeGenerators(region);
    const isDue = host.snapshotOf(name) !== SnapshotControl.NEVER && !snapshot.saved.has(name) && !order.isSaved(name);
    if (closing === undefined && !isDue) return start(snapshot, scope, name);
    const wait: Held = [name, ++snapshot.waits];
    held.set(...wait);
    if (closing !== undefined) void closing.then(() => later(scope, { type: "node.cleaned", node: wait }));
    else if (snapshot.due.push(wait) === 1) queueMicrotask(() => later(scope, { type: "nodes.cut" }));
  };

  const start = (snapshot: PoolSnapshot, scope: Scope, name: string): void => {
    const { order, saved, startedAt } = snapshot;
    const host = hostOf(scope.self);
    const ref = actorOf(snapshot, scope, name).start();
    const iteration = order.start(name);
    // Of a restored run, it was stored before it was restored.
    if (saved.delete(name) && host.snapshotOf(name) === SnapshotControl.ONCE) order.markSaved(name);
    startedAt.set(name, monotonicOf(host.clock));
    const at = host.clock.now();
    host.nodeStarted(name, visitsOf(ref) + 1, iteration, at);
    relay(scope, ref, { type: "node.execute", at });
  };

  const retry = (snapshot: PoolSnapshot, scope: Scope): void => {
    const { order, retried } = snapshot;
    snapshot.retried = [];
    const host = hostOf(scope.self);
    for (const node of retried) {
      const ref = actorOf(snapshot, scope, node).start();
      const { value, context } = stateOf(ref);
      const { visits, attempt, failure } = context as NodeState & { attempt: number };
      if (snapshot.isAborted) {
        // It stays as it was.
        settle(snapshot, scope, { report: { node, status: value as "FAILED" | "PARTIAL", failure: failure as Failure }, messages: [] });
        continue;
      }
      const next = failure?.code === "max-visits" ? { visit: visits + 1, attempt: 1 } : { visit: visits, attempt: attempt + 1 };
      host.tell({ type: "node.started", node, ...next, iteration: order.executionOf(node) });
      relay(scope, ref, { type: "node.retry", at: host.clock.now() });
    }
  };

  /** Whether the node still waits as it did then; from here on it does not. */
  const release = ({ held, order }: PoolSnapshot, [name, wait]: Held): boolean => {
    if (held.get(name) !== wait) return false;
    held.delete(name);
    return order.isReady(name);
  };

  const settle = (snapshot: PoolSnapshot, scope: Scope, { report, messages }: { report: NodeReport; messages: Messages }): void => {
    const host = hostOf(scope.self);
    const { node, status } = report;
    const startedAt = snapshot.startedAt.get(node);
    if (startedAt === undefined) return;
    snapshot.startedAt.delete(node);
    snapshot.waiting.delete(node);
    const ended = snapshot.nodes.get(node)?.getSnapshot() as AnyMachineSnapshot | undefined;
    host.nodeEnded(report, elapsedMs(host.clock, startedAt), ended?.context as EndedNode | undefined);
    if (status === "FAILED" || status === "PARTIAL") {
      if (host.itemLimits?.endsAtFailure === true) snapshot.isAborted = true;
      relayToParent(scope, { type: "node.failed", report });
    }
    if (messages.length === 0) return conclude(snapshot, scope, report);
    snapshot.unpublished.set(node, { report, left: messages.length });
    for (const { mailbox, message } of messages) relayToParent(scope, { type: "message.publish", mailbox, message, node });
  };

  const published = (snapshot: PoolSnapshot, scope: Scope, node: string): void => {
    const ended = snapshot.unpublished.get(node);
    if (ended === undefined || --ended.left > 0) return;
    snapshot.unpublished.delete(node);
    conclude(snapshot, scope, ended.report);
  };

  /** What a visit brings takes effect, and what waited for it begins. */
  const conclude = (snapshot: PoolSnapshot, scope: Scope, report: NodeReport): void => {
    const settlement = snapshot.order.settle(report);
    tell(snapshot, scope, report.node, settlement);
    begin(snapshot, scope);
  };

  const tell = (snapshot: PoolSnapshot, scope: Scope, node: string, { refused, faults, added, jump, passed }: Settlement): void => {
    const { nodes, order } = snapshot;
    const host = hostOf(scope.self);
    if (refused !== undefined) {
      if (nodes.has(node)) relay(scope, actorOf(snapshot, scope, node).start(), { type: "node.refuse", node, ...refused });
      host.tell({ type: "node.failed", node, visit: visitOf(nodes, node), status: "FAILED", ...refused });
    }
    if (faults.length > 0) relayToParent(scope, { type: "nodes.faulted", faults });
    if (added.length > 0) {
      const index = indexOf(order.graph);
      host.nodesAdded(added.map((name) => index.node(name) as GraphNode));
    }
    if (jump !== undefined) {
      host.tell({ type: "jump.taken", ...jump });
      withdraw(snapshot, scope);
    }
    for (const { node, phase } of passed) {
      host.tell(phase === Phase.BLOCKED ? { type: "node.blocked", node } : { type: "node.skipped", node, visit: visitOf(nodes, node) });
    }
  };

  /** One snapshot for all that are due in this turn. */
  const save = (snapshot: PoolSnapshot, scope: Scope): void => {
    const nodes = snapshot.due.splice(0).filter(([name, wait]) => snapshot.held.get(name) === wait);
    if (nodes.length === 0 || snapshot.isAborted) return;
    const names = nodes.map(([name]) => name);
    void hostOf(scope.self)
      .save(names)
      .then(({ fault }) => later(scope, { type: "nodes.saved", nodes, ...(fault === undefined ? {} : { fault }) }));
  };

  const abort = (snapshot: PoolSnapshot, scope: Scope, { reason, code }: { reason: string; code: string }): void => {
    snapshot.isAborted = true;
    const at = hostOf(scope.self).clock.now();
    for (const name of snapshot.startedAt.keys()) {
      relay(scope, actorOf(snapshot, scope, name), { type: "node.abort", reason, code, at });
    }
    begin(snapshot, scope);
  };

  const newSnapshot = (input: PoolSnapshot["input"], order: Order): PoolSnapshot => ({
    status: "active",
    output: undefined,
    error: undefined,
    input,
    order,
    nodes: new Map(),
    startedAt: new Map(),
    unpublished: new Map(),
    waiting: new Set(),
    isWaiting: false,
    held: new Map(),
    due: [],
    waits: 0,
    saved: new Set(),
    isBegun: false,
    isAborted: false,
    isPaused: false,
    granted: 0,
    retried: [],
  });

  return {
    getInitialSnapshot: (scope, input) => newSnapshot(input, new Order(hostOf(scope.self).graph)),

    start(snapshot, scope) {
      const host = hostOf(scope.self);
      for (const { name } of isInspected(scope.self) ? snapshot.order.graph.nodes : []) actorOf(snapshot, scope, name);
      for (const [name, ref] of actorsOf(snapshot.nodes)) {
        // Of a restored run: it goes on with the visit that it was in.
        if (snapshot.startedAt.has(name)) host.nodeResumed(name, visitsOf(ref));
        ref.start();
      }
      if (!snapshot.isBegun) return;
      tell(snapshot, scope, "", snapshot.order.catchUp());
      // A restored run may have been cancelled before it starts: what its actor was told comes first.
      snapshot.isPaused = true;
      queueMicrotask(() => later(scope, { type: "nodes.continue" }));
    },

    transition(snapshot, event, scope) {
      switch (event.type) {
        case "nodes.begin":
          snapshot.isBegun = true;
          begin(snapshot, scope);
          break;
        case "nodes.continue":
          snapshot.isPaused = false;
          retry(snapshot, scope);
          begin(snapshot, scope);
          break;
        case "node.settled":
          settle(snapshot, scope, event);
          break;
        case "node.published":
          published(snapshot, scope, event.node);
          break;
        case "node.retrying":
          hostOf(scope.self).tell(event);
          break;
        case "node.waiting":
          if (event.waits) snapshot.waiting.add(event.node);
          else snapshot.waiting.delete(event.node);
          withdraw(snapshot, scope);
          // What waits leaves room for other items.
          if (event.waits && hostOf(scope.self).itemLimits !== undefined) begin(snapshot, scope);
          tellWaiting(snapshot, scope);
          break;
        case "nodes.cut":
          save(snapshot, scope);
          break;
        case "nodes.saved": {
          if (event.fault !== undefined) relayToParent(scope, { type: "nodes.faulted", faults: [event.fault] });
          for (const held of event.nodes) {
            if (!release(snapshot, held) || snapshot.isAborted) continue;
            snapshot.saved.add(held[0]);
            start(snapshot, scope, held[0]);
          }
          begin(snapshot, scope);
          break;
        }
        case "node.cleaned": {
          const [name] = event.node;
          snapshot.order.cleaned(name);
          if (release(snapshot, event.node) && !snapshot.isAborted) admit(snapshot, scope, name);
          begin(snapshot, scope);
          break;
        }
        case "nodes.release":
          for (const name of event.nodes) {
            const node = snapshot.nodes.get(name);
            if (node !== undefined && !(node instanceof DormantNode)) scope.stopChild(node);
          }
          break;
        case "nodes.abort":
          abort(snapshot, scope, event);
          break;
        case "xstate.stop":
          for (const [, ref] of actorsOf(snapshot.nodes)) if (ref.getSnapshot().status === "active") scope.stopChild(ref);
          return { ...snapshot, status: "stopped" } as PoolSnapshot;
        default: {
          const code = asimovErrorOf(event.error)?.code ?? "actor-failed";
          const failure = { error: shownMessageOf(event.error), code, ...errorDetailsOf(event.error) };
          settle(snapshot, scope, { report: { node: event.actorId, status: "FAILED", failure }, messages: [] });
          // It is made anew at its next visit.
          snapshot.nodes.delete(event.actorId);
        }
      }
      return snapshot;
    },

    /** @param options `{ without: "nodes" }` for what is neither of its nodes nor of their order */
    getPersistedSnapshot: ({ input, order, nodes, unpublished, isBegun, isAborted, granted, retried }, options?: unknown) =>
      ({
        status: "active",
        input,
        unpublished: [...unpublished],
        isBegun,
        isAborted,
        ...(granted === 0 ? {} : { granted }),
        ...(retried.length === 0 ? {} : { retried }),
        ...((options as { without?: string } | undefined)?.without === "nodes" ? {} : persistNodes(order, nodes)),
      }) as unknown as Snapshot<unknown>,

    restoreSnapshot(stored, scope) {
      const {
        input,
        graph,
        order: storedOrder,
        unpublished,
        isBegun,
        isAborted,
        nodes,
        granted,
        retried,
      } = stored as unknown as PersistedPool;
      requireOrder(graph, storedOrder);
      requireNodes(graph, Object.keys(nodes));
      const order = new Order(graph, storedOrder);
      const snapshot = newSnapshot(input, order);
      const host = hostOf(scope.self);
      const now = monotonicOf(host.clock);
      for (const [name, ended] of unpublished) snapshot.unpublished.set(name, { ...ended });
      for (const name of order.current()) {
        if (order.isExecuting(name) && !snapshot.unpublished.has(name)) snapshot.startedAt.set(name, now);
        // What it was restored from is stored.
        if (order.isReady(name)) snapshot.saved.add(name);
      }
      const isWatched = isInspected(scope.self);
      for (const [name, node] of Object.entries(nodes)) {
        snapshot.nodes.set(name, new DormantNode(name, node, host));
        if (isWatched || snapshot.startedAt.has(name) || !isSettled(node)) actorOf(snapshot, scope, name);
        if (snapshot.startedAt.has(name) && isBackingOff(snapshot.nodes.get(name) as PoolNode)) snapshot.waiting.add(name);
      }
      snapshot.isWaiting = undefined;
      snapshot.isBegun = isBegun;
      // Over another graph than it was stored with, none of its nodes is known to be ready; of one that has begun, what follows from that is told as it starts.
      if (!isBegun) order.catchUp();
      snapshot.isAborted = isAborted;
      snapshot.granted = granted ?? 0;
      snapshot.retried = retried ?? [];
      return snapshot;
    },
  };
}
