/**
 * All that is taken from XState's insides, v5: fields of its state nodes, of its built-in actions and of its snapshots. None of it is public, all of
 * it stands in each 5.33; `isKnownXState` looks before anything is compiled.
 */
import type { AnyActorLogic, AnyActorRef, AnyActorScope, AnyEventObject, AnyMachineSnapshot, AnyStateMachine } from "xstate";
import { assign, createActor, createMachine, emit, enqueueActions, raise, sendTo, spawnChild, stopChild } from "xstate";

/** An action as a chart names it: by name, with parameters, or itself. */
export type ActionSource = string | { readonly type: string; readonly params?: unknown } | ((args: never, params: never) => unknown);
export type GuardSource = ActionSource;

/** Of one that its chart names. */
export const nameOf = (source: Exclude<ActionSource, (...given: never) => unknown>): string =>
  typeof source === "string" ? source : source.type;

/** The arguments that XState gives to actions. */
export interface ActionArgs {
  context: unknown;
  event: AnyEventObject;
  self: AnyActorRef;
  system: unknown;
}

/** What lasts through the resolving of one list of actions. */
export interface ActionExtra {
  /** Events that the machine raises for itself. */
  internalQueue: AnyEventObject[];
  /** Ids of the actors that the state being entered invokes: they can be sent to before they are there. */
  deferredActorIds: readonly string[] | undefined;
}

/** A built-in action, such as `assign`: a function that is never called, with what it needs as properties. */
export interface BuiltinAction {
  (args: ActionArgs, params: unknown): unknown;
  readonly type: string;
  resolve(
    scope: AnyActorScope,
    snapshot: unknown,
    args: ActionArgs,
    params: unknown,
    action: BuiltinAction,
    extra: ActionExtra,
  ): [snapshot: AnyMachineSnapshot, params: unknown, actions: readonly ActionSource[] | undefined];
  execute?(scope: AnyActorScope, params: unknown): void;
  /** Once the whole list is resolved. */
  retryResolve?(scope: AnyActorScope, snapshot: unknown, params: unknown): void;
}

export type Mapper = (args: object, params?: unknown) => unknown;

/** What `assign` holds. */
export interface AssignAction {
  readonly assignment: Mapper | Readonly<Record<string, unknown>>;
}

export interface SpawnOptions {
  id?: string;
  systemId?: string;
  syncSnapshot?: boolean;
  input?: unknown;
}

/** What `spawnChild` holds. */
export interface SpawnAction extends SpawnOptions {
  readonly src: string | AnyActorLogic;
}

/** What `stopChild` holds: an actor, its id, or what gives either. */
export interface StopAction {
  readonly actorRef: AnyActorRef | string | Mapper | undefined;
}

/** A built-in guard, such as `not`. */
export interface BuiltinGuard {
  (args: unknown, params: unknown): boolean;
  check?(snapshot: unknown, args: { context: unknown; event: AnyEventObject }, guard: BuiltinGuard): boolean;
}

export interface ChartTransition {
  readonly target: readonly ChartNode[] | undefined;
  readonly source: ChartNode;
  readonly reenter: boolean;
  readonly actions: readonly ActionSource[];
  readonly guard?: GuardSource;
}

export interface ChartInvoke {
  readonly id: string;
  readonly src: string;
  readonly onSnapshot?: unknown;
}

export interface ChartNode {
  readonly id: string;
  readonly type: "atomic" | "compound" | "final" | "parallel" | "history";
  /** By the order of the document: a parent's is less than its children's. */
  readonly order: number;
  readonly parent: ChartNode | undefined;
  readonly machine: unknown;
  readonly states: Readonly<Record<string, ChartNode>>;
  /** By the descriptor of their event, wildcards included. */
  readonly transitions: ReadonlyMap<string, readonly ChartTransition[]>;
  readonly always: readonly ChartTransition[] | undefined;
  readonly entry: readonly ActionSource[];
  readonly exit: readonly ActionSource[];
  readonly invoke: readonly ChartInvoke[];
  readonly initial: { readonly target: readonly ChartNode[]; readonly actions: readonly ActionSource[] };
  readonly output: unknown;
  readonly tags: readonly string[];
  readonly key: string;
}

/** A machine, as far as it is compiled. */
export interface Chart {
  readonly root: ChartNode;
  readonly config: { readonly context?: unknown };
  readonly implementations: {
    readonly actions: Readonly<Record<string, unknown>>;
    readonly guards: Readonly<Record<string, unknown>>;
  };
  readonly options: { readonly maxIterations?: number } | undefined;
}

export const chartOf = (machine: AnyStateMachine): Chart => machine as unknown as Chart;

/** A snapshot of a machine; what is made of a state alone is the same for every snapshot in it. */
export type ChartSnapshot = {
  -readonly [K in "status" | "output" | "error" | "context" | "children"]: AnyMachineSnapshot[K];
} & {
  machine: AnyStateMachine;
  _nodes: readonly ChartNode[];
  value: unknown;
  tags: ReadonlySet<string>;
  historyValue: unknown;
};

/** What each snapshot in one state has in common. */
export type StateFields = Pick<ChartSnapshot, "_nodes" | "value" | "tags">;

/** The fields of a snapshot, in XState's order. */
const SNAPSHOT_FIELDS = [
  "status",
  "output",
  "error",
  "machine",
  "context",
  "_nodes",
  "value",
  "tags",
  "children",
  "historyValue",
  "matches",
  "hasTag",
  "can",
  "getMeta",
  "toJSON",
].join();

/** The end of a child by an error; without a transition for it, the machine fails too. */
export const isErrorOfActor = (event: AnyEventObject): boolean => event.type.startsWith("xstate.error.actor");
export const STOP = "xstate.stop";
export const INIT = "xstate.init";
export const doneStateEvent = (id: string, output: unknown): AnyEventObject => ({ type: `xstate.done.state.${id}`, output });

interface InnerScope {
  actionExecutor(action: { type: string; info: ActionArgs; params: unknown; exec: unknown }): void;
  system: { _sendInspectionEvent(event: object): void };
}

/** Executes an action: at once in a running actor, later in one that starts; inspectors hear of it. */
export function execute(scope: AnyActorScope, type: string, info: ActionArgs, params: unknown, exec: unknown): void {
  (scope as unknown as InnerScope).actionExecutor({ type, info, params, exec });
}

export function tellMicrostep(
  scope: AnyActorScope,
  event: AnyEventObject,
  snapshot: ChartSnapshot,
  taken: readonly ChartTransition[],
): void {
  (scope as unknown as InnerScope).system._sendInspectionEvent({
    type: "@xstate.microstep",
    actorRef: scope.self,
    event,
    snapshot,
    _transitions: taken,
  });
}

const isBuiltin = (action: unknown, type: string): boolean => {
  const { type: named, resolve } = action as Partial<BuiltinAction>;
  return named === type && typeof resolve === "function" && resolve.length >= 4;
};

/** Whether the insides of the XState that is installed look as they are taken to. */
export function hasKnownShape(): boolean {
  try {
    const machine = createMachine({
      initial: "outer",
      states: {
        outer: {
          initial: "inner",
          entry: "hello",
          exit: "bye",
          invoke: { src: "child" },
          states: { inner: { always: { target: "#end" } } },
        },
        end: { id: "end", type: "final", output: 1 },
      },
      on: { ask: { target: ".end", guard: "may", actions: "tell" } },
    });
    const { root, options } = chartOf(machine);
    const outer = root.states.outer as ChartNode;
    const inner = outer.states.inner as ChartNode;
    const [ask] = root.transitions.get("ask") ?? [];
    const [always] = inner.always ?? [];
    const snapshot = machine.resolveState({ value: { outer: "inner" } }) as unknown as ChartSnapshot;
    return [
      root.type === "compound" && outer.type === "compound" && inner.type === "atomic" && root.states.end?.type === "final",
      root.parent === undefined && inner.parent === outer && root.order < outer.order && outer.order < inner.order,
      root.initial.target[0] === outer && outer.initial.actions.length === 0,
      ask?.target?.[0] === root.states.end && ask?.source === root && ask.actions[0] === "tell" && ask.guard === "may" && !ask.reenter,
      always?.target?.[0] === root.states.end && always?.source === inner,
      outer.entry[0] === "hello" && outer.exit[0] === "bye" && outer.invoke[0]?.src === "child" && typeof outer.invoke[0].id === "string",
      root.states.end?.output === 1 && options !== null && inner.key === "inner" && Array.isArray(inner.tags),
      Object.keys(snapshot).join() === SNAPSHOT_FIELDS && snapshot._nodes.map(({ key }) => key).join() === `${root.key},outer,inner`,
      isBuiltin(assign({}), "xstate.assign") &&
        isBuiltin(raise({ type: "x" }), "xstate.raise") &&
        isBuiltin(emit({ type: "x" }), "xstate.emit"),
      isBuiltin(sendTo("x", { type: "x" }), "xstate.sendTo") &&
        isBuiltin(
          enqueueActions(() => {}),
          "xstate.enqueueActions",
        ),
      isBuiltin(spawnChild("x"), "xstate.spawnChild") && isBuiltin(stopChild("x"), "xstate.stopChild"),
      !isInspected(createActor(createMachine({}))) && isInspected(createActor(createMachine({}), { inspect: () => {} })),
    ].every(Boolean);
  } catch {
    return false;
  }
}

/** The logic that a chart names; that of an `invoke` which holds it itself is named by its place. */
export function logicOf(machine: AnyStateMachine, src: string): AnyActorLogic | undefined {
  const [, index, id] = src.startsWith("xstate.invoke.") ? (/^xstate\.invoke\.(\d+)\.(.*)/.exec(src) ?? []) : [];
  if (id === undefined) return (machine.implementations.actors as Record<string, AnyActorLogic | undefined>)[src];
  const { invoke } = machine.getStateNodeById(id).config as { invoke: { src: AnyActorLogic } | { src: AnyActorLogic }[] };
  return (Array.isArray(invoke) ? invoke[Number(index)] : invoke)?.src;
}

const RUNNING = 1;
const STOPPED = 2;

/** Before it was started, or since. */
export const isStopped = (ref: AnyActorRef): boolean => (ref as unknown as { _processingStatus: number })._processingStatus === STOPPED;

/** A running actor that nobody inspects executes an action by nothing but calling it. */
export function executesAtOnce(scope: AnyActorScope, inspected: boolean): boolean {
  const { _actorScope, _processingStatus } = scope.self as unknown as { _actorScope: unknown; _processingStatus: number };
  return !inspected && _processingStatus === RUNNING && _actorScope === scope;
}

/** Whether anybody has subscribed to what the actor emits. */
export function isListenedTo(ref: AnyActorRef): boolean {
  const { eventListeners } = ref as unknown as { eventListeners?: { size: number } };
  return eventListeners?.size !== 0;
}

const SEEN = new Error("somebody inspects");
const signal = {
  get type(): string {
    throw SEEN;
  },
};

/** Whether somebody inspects the actor's system: events are read for observers alone, and whoever reads this one stops before any of them. */
export function isInspected({ system }: Pick<AnyActorRef, "system">): boolean {
  try {
    (system as unknown as InnerScope["system"])._sendInspectionEvent(signal);
    return false;
  } catch (error) {
    if (error === SEEN) return true;
    throw error;
  }
}
