/** What `assign`, `spawnChild` and `stopChild` do to a draft in place: XState's own make a whole snapshot anew each. */
import {
  type AnyActorLogic,
  type AnyActorRef,
  type AnyActorScope,
  type AnyEventObject,
  assign,
  createActor,
  spawnChild,
  stopChild,
} from "xstate";
import {
  type ActionArgs,
  type ActionExtra,
  type AssignAction,
  type BuiltinAction,
  type ChartSnapshot,
  isStopped,
  logicOf,
  type Mapper,
  type SpawnAction,
  type SpawnOptions,
  type StopAction,
} from "./insides.ts";

/** @returns what the action's `execute` is given */
type ResolveInPlace = (scope: AnyActorScope, draft: ChartSnapshot, args: ActionArgs, params: unknown, action: never) => unknown;

type Children = Record<string, AnyActorRef | undefined>;

const NO_EXTRA: ActionExtra = { internalQueue: [], deferredActorIds: undefined };

const actorOf = (scope: AnyActorScope, logic: AnyActorLogic, src: unknown, options: SpawnOptions): AnyActorRef =>
  createActor(logic, { ...options, src, parent: scope.self } as never) as unknown as AnyActorRef;

/** The `spawn` that an assignment is given; what it spawns is a child of the draft once the assignment is done. */
function spawner(scope: AnyActorScope, { machine, context }: ChartSnapshot, event: AnyEventObject, spawned: (ref: AnyActorRef) => void) {
  return (src: string | AnyActorLogic, options?: SpawnOptions | null): AnyActorRef => {
    const { id, systemId, syncSnapshot, input } = options ?? {};
    const logic = typeof src === "string" ? logicOf(machine, src) : src;
    if (!logic) throw new Error(`Actor logic '${src}' not implemented in machine '${machine.id}'`);
    const isMapper = typeof src === "string" && typeof input === "function";
    const given: unknown = isMapper ? (input as Mapper)({ context, event, self: scope.self }) : input;
    const ref = actorOf(scope, logic, src, { id, systemId, syncSnapshot, input: given } as SpawnOptions);
    spawned(ref);
    scope.defer(() => {
      if (!isStopped(ref)) ref.start();
    });
    return ref;
  };
}

const resolveAssign: ResolveInPlace = (scope, draft, { event, self, system }, params, action) => {
  const { context } = draft;
  if (!context) throw new Error("Cannot assign to undefined `context`. Ensure that `context` is defined in the machine config.");
  const { assignment } = action as AssignAction;
  let spawned: Children | undefined;
  const keep = (ref: AnyActorRef): void => {
    spawned ??= {};
    spawned[ref.id] = ref;
  };
  const args = { context, event, spawn: spawner(scope, draft, event, keep), self, system };
  let update: unknown;
  if (typeof assignment === "function") update = assignment(args, params);
  else {
    const each: Record<string, unknown> = {};
    for (const key of Object.keys(assignment)) {
      const value = assignment[key];
      each[key] = typeof value === "function" ? value(args, params) : value;
    }
    update = each;
  }
  draft.context = Object.assign({}, context, update);
  if (spawned !== undefined) draft.children = { ...draft.children, ...spawned } as never;
  return undefined;
};

const resolveSpawn: ResolveInPlace = (scope, draft, args, params, action) => {
  const { id, systemId, src, input, syncSnapshot } = action as SpawnAction;
  const logic = typeof src === "string" ? logicOf(draft.machine, src) : src;
  if (!logic) {
    // In development XState warns of it.
    const [{ children }, missing] = (action as BuiltinAction).resolve(scope, draft, args, params, action, NO_EXTRA);
    draft.children = children;
    return missing;
  }
  const resolvedId = typeof id === "function" ? (id as Mapper)(args) : id;
  const given: unknown = typeof input === "function" ? input({ context: draft.context, event: args.event, self: scope.self }) : input;
  const actorRef = actorOf(scope, logic, src, { id: resolvedId, syncSnapshot, systemId, input: given } as SpawnOptions);
  draft.children = { ...draft.children, [resolvedId as string]: actorRef } as never;
  return { id, systemId, actorRef, src, input: given };
};

const resolveStop: ResolveInPlace = (_scope, draft, args, params, action) => {
  const { actorRef } = action as StopAction;
  const named = (typeof actorRef === "function" ? actorRef(args, params) : actorRef) as AnyActorRef | string | undefined;
  const found: AnyActorRef | undefined = typeof named === "string" ? (draft.children as Children)[named] : named;
  if (found) {
    const left: Children = {};
    const children = draft.children as Children;
    for (const id in children) if (id !== found.id) left[id] = children[id];
    draft.children = left as never;
  }
  return found;
};

const resolveOf = (action: unknown): BuiltinAction["resolve"] => (action as BuiltinAction).resolve;

/** By XState's own. */
export const IN_PLACE: ReadonlyMap<unknown, ResolveInPlace> = new Map([
  [resolveOf(assign({})), resolveAssign],
  [resolveOf(spawnChild("")), resolveSpawn],
  [resolveOf(stopChild("")), resolveStop],
]);
