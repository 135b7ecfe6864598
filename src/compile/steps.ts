/** One microstep of a compiled machine: its actions, resolved against a draft of the next snapshot instead of a new snapshot each. */
import type { AnyActorRef, AnyActorScope, AnyEventObject } from "xstate";
import {
  type ActionArgs,
  type ActionExtra,
  type ActionSource,
  type BuiltinAction,
  type BuiltinGuard,
  type Chart,
  type ChartNode,
  type ChartSnapshot,
  doneStateEvent,
  execute,
  type GuardSource,
  nameOf,
  type StateFields,
} from "./insides.ts";
import { IN_PLACE } from "./resolve.ts";
import { type Entry, holdsSame, type Move } from "./tables.ts";

/** Whether a guard lets a transition pass; a named one may be an alias. */
export function passes(chart: Chart, guard: GuardSource, event: AnyEventObject, snapshot: ChartSnapshot): boolean {
  const isInline = typeof guard === "function";
  const name = isInline ? "" : nameOf(guard);
  const resolved: unknown = isInline ? guard : chart.implementations.guards[name];
  // XState's own words.
  if (!isInline && !resolved) throw new Error(`Guard '${name}' is not implemented.'.`);
  if (typeof resolved !== "function") return passes(chart, resolved as GuardSource, event, snapshot);
  const args = { context: snapshot.context, event };
  const params = paramsOf(guard, args);
  const found = resolved as BuiltinGuard;
  return found.check === undefined ? found(args, params) : found.check(snapshot, args, found);
}

function paramsOf(source: ActionSource, { context, event }: { context: unknown; event: AnyEventObject }): unknown {
  if (typeof source !== "object") return undefined;
  const { params } = source;
  return typeof params === "function" ? params({ context, event }) : params;
}

type Retry = [action: BuiltinAction, params: unknown];

/** One event's way through a machine. */
export interface Step {
  readonly scope: AnyActorScope;
  /** What is taken now: what came, then what the machine raised. */
  event: AnyEventObject;
  /** What the machine has raised. */
  readonly queue: AnyEventObject[];
  /** Inspectors are told of each microstep. */
  readonly isInspected: boolean;
  /** See `executesAtOnce`. */
  readonly isDirect: boolean;
}

/** Works on a copy of a snapshot: the actions of a microstep change its context and children, its end the state that it is in. */
export class Draft {
  readonly #chart: Chart;
  readonly #before: ChartSnapshot;
  readonly #step: Step;
  readonly #next: ChartSnapshot;
  /** Whether something was made anew, as XState tells it. */
  #isChanged = false;

  constructor(chart: Chart, before: ChartSnapshot, step: Step) {
    this.#chart = chart;
    this.#before = before;
    this.#step = step;
    this.#next = { ...before };
  }

  take({ actions, entries, to }: Move): ChartSnapshot {
    if (actions.length > 0) this.run(actions);
    return this.enter(entries, to.fields);
  }

  enter(entries: readonly Entry[], fields: StateFields): ChartSnapshot {
    const next = this.#next;
    for (const entry of entries) {
      if (entry.actions.length > 0) this.run(entry.actions, entry.invoked);
      if (entry.node.type === "final") this.#finish(entry.node);
    }
    const isDone = next.status === "done";
    const nodes = isDone ? fields._nodes.toReversed() : fields._nodes;
    if (isDone) this.run(nodes.flatMap(({ exit }) => exit));
    if (!holdsSame(this.#before._nodes, nodes)) {
      this.#isChanged = true;
      next._nodes = nodes;
      next.value = fields.value;
      next.tags = isDone ? new Set(nodes.flatMap(({ tags }) => tags)) : fields.tags;
    }
    return this.snapshot;
  }

  /** The one before, itself, when nothing has changed. */
  get snapshot(): ChartSnapshot {
    return this.#isChanged ? this.#next : this.#before;
  }

  #finish(node: ChartNode): void {
    const { parent } = node;
    const outputOf = (): unknown => (node.output === undefined ? undefined : this.#outputOf(node.output, this.#step.event));
    if (parent?.type === "compound") this.#step.queue.push(doneStateEvent(parent.id, outputOf()));
    if (parent?.parent !== undefined) return;
    const { root } = this.#chart;
    const next = this.#next;
    next.output =
      root.output === undefined
        ? undefined
        : (this.#outputOf(root.output, doneStateEvent(node.id, parent === undefined ? undefined : outputOf())) as never);
    next.status = "done";
    this.#isChanged = true;
  }

  #outputOf(output: unknown, event: AnyEventObject): unknown {
    return typeof output === "function" ? output({ context: this.#next.context, event, self: this.#step.scope.self }) : output;
  }

  /** @param invoked ids of what the node that is entered invokes */
  run(actions: readonly ActionSource[], invoked?: readonly string[]): void {
    const extra: ActionExtra = { internalQueue: this.#step.queue, deferredActorIds: invoked };
    const retries: Retry[] | undefined = invoked === undefined ? undefined : [];
    this.#resolve(actions, extra, retries);
    if (retries === undefined) return;
    for (const [action, params] of retries) action.retryResolve?.(this.#step.scope, this.#next, params);
  }

  #resolve(actions: readonly ActionSource[], extra: ActionExtra, retries: Retry[] | undefined): void {
    const { scope, event } = this.#step;
    const next = this.#next;
    for (const action of actions) {
      const resolved: unknown = typeof action === "function" ? action : this.#chart.implementations.actions[nameOf(action)];
      const args: ActionArgs = { context: next.context, event, self: scope.self as AnyActorRef, system: scope.system };
      const given = paramsOf(action, args);
      if (!resolved || !("resolve" in (resolved as object))) {
        const type = typeof action === "function" ? action.name || "(anonymous)" : nameOf(action);
        execute(scope, type, args, given, resolved);
        continue;
      }
      const builtin = resolved as BuiltinAction;
      const inPlace = IN_PLACE.get(builtin.resolve);
      if (inPlace !== undefined) {
        const params = inPlace(scope, next, args, given, builtin as never);
        this.#isChanged = true;
        this.#execute(builtin, args, params);
        continue;
      }
      const [after, params, more] = builtin.resolve(scope, next, args, given, builtin, extra);
      if ((after as unknown) !== next) {
        next.context = after.context;
        next.children = after.children;
        this.#isChanged = true;
      }
      if (builtin.retryResolve !== undefined) retries?.push([builtin, params]);
      this.#execute(builtin, args, params);
      if (more !== undefined) this.#resolve(more, extra, retries);
    }
  }

  #execute(action: BuiltinAction, args: ActionArgs, params: unknown): void {
    const { scope, isDirect } = this.#step;
    if (action.execute === undefined) return;
    if (isDirect) action.execute(scope, params);
    else execute(scope, action.type, args, params, action.execute.bind(null, scope, params));
  }
}
