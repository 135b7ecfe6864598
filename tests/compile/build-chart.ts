/** Makes a machine of a chart that is plain data. */
import {
  type AnyActorLogic,
  type AnyStateMachine,
  and,
  assign,
  cancel,
  createMachine,
  emit,
  enqueueActions,
  forwardTo,
  fromCallback,
  fromObservable,
  fromTransition,
  log,
  not,
  or,
  raise,
  sendParent,
  sendTo,
  spawnChild,
  stateIn,
  stopChild,
} from "xstate";
import type { Action, Chart, Fn, Guard, Invoke, Json, Logic, StateSpec, Target, Transition, Value, When } from "./chart.ts";
import type { Recorder } from "./recorder.ts";

// Charts are drawn at random: no type of XState's knows what is in them.
type Args = { context: Record<string, unknown>; event: { type: string }; [key: string]: unknown };
type Loose = (...values: never[]) => unknown;
type Enqueue = Record<string, Loose> & ((action: unknown) => void);
const loose = <T = never>(value: unknown): T => value as T;

/** Throws what no linter lets one throw by hand. */
function throwValue(value: unknown): never {
  const throwing = (function* (): Generator<undefined, never> {
    for (;;) yield undefined;
  })();
  throwing.next();
  return throwing.throw(value) as never;
}

function fill(value: Json, args: Partial<Args>): unknown {
  if (value === "$n") return (args.context?.n as number | undefined) ?? 0;
  if (value === "$more") return ((args.context?.n as number | undefined) ?? 0) + 1;
  if (value === "$type") return args.event?.type;
  if (Array.isArray(value)) return value.map((item) => fill(item, args));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fill(item, args)]));
}

const isFn = (value: unknown): value is Fn => typeof value === "object" && value !== null && "fn" in value && "gives" in value;

export class Builder {
  /** Who is told: another one for each run. */
  recorder: Recorder;
  readonly #lift: (machine: AnyStateMachine) => AnyStateMachine;
  /** By the names that they are stored as. */
  readonly logics = new Map<string, AnyActorLogic>();

  /** @param lift what becomes of each machine, a child's too */
  constructor(recorder: Recorder, lift: (machine: AnyStateMachine) => AnyStateMachine) {
    this.recorder = recorder;
    this.#lift = lift;
  }

  build(chart: Chart): AnyStateMachine {
    const actors: Record<string, AnyActorLogic> = {};
    for (const [name, logic] of Object.entries(chart.actors)) {
      actors[name] = this.#logic(`${chart.id}.${name}`, logic);
      this.logics.set(`logic:${chart.id}.${name}`, Object.assign(actors[name], { storedAs: `logic:${chart.id}.${name}` }));
    }
    const each = <T, U>(parts: Record<string, T>, make: (part: T) => U): Record<string, U> =>
      Object.fromEntries(Object.entries(parts).map(([name, part]) => [name, make(part)]));
    const { context, maxIterations } = chart;
    const config = {
      ...this.#state(chart, actors),
      id: chart.id,
      ...(context === undefined ? {} : { context: this.#context(context) }),
      ...(maxIterations === undefined ? {} : { options: { maxIterations } }),
    };
    const machine = (createMachine as (...parts: never[]) => AnyStateMachine)(
      loose(config),
      loose({
        actors,
        actions: each(chart.actions, (action) => this.#action(action, actors)),
        guards: each(chart.guards, (guard) =>
          "alias" in guard ? (guard.params === undefined ? guard.alias : { type: guard.alias, params: guard.params }) : this.#guard(guard),
        ),
        delays: each(chart.delays, (delay) => this.#value(delay)),
      }),
    );
    return chart.staysInterpreted ? machine : this.#lift(machine);
  }

  /** Tells of the call, and gives what it gives, or throws. */
  #call({ fn, gives, breaks, throws = "error" }: Fn, args: Partial<Args>, params?: unknown): unknown {
    const { context, event } = args;
    this.recorder.tell(`${fn}(`, context, event, Object.keys(args).join(), params);
    if (this.recorder.countCall(fn) === breaks) {
      this.recorder.seen.add(`threw in ${fn.split(" ")[0]}`);
      throwValue(throws === "error" ? new Error(`${fn} broke`) : throws === "text" ? `${fn} broke` : null);
    }
    return fill(gives, args);
  }

  #function(fn: Fn): (args: Args, params?: unknown) => unknown {
    return (args, params) => this.#call(fn, args, params);
  }

  #value(value: Value | undefined): unknown {
    return isFn(value) ? this.#function(value) : value;
  }

  #context(context: Exclude<Chart["context"], undefined>): unknown {
    if (typeof context === "object" && context !== null && "spawns" in context) {
      const { spawns, fn } = context as { spawns: string; fn: Fn };
      return (args: Args) => ({
        ...(this.#call(fn, args) as object),
        ref: loose<Loose>(args.spawn)(loose(spawns), loose({ id: "first" })),
      });
    }
    return this.#value(context as Value);
  }

  #target(target: Target): unknown {
    if ("id" in target) return target.id;
    if ("self" in target) return ({ self }: Args) => self;
    if ("ref" in target) return ({ context }: Args) => context.ref;
    if ("fn" in target) return this.#function(target.fn);
    return (args: Args, params: unknown) => {
      const id = this.#call(target.child, args, params) as string;
      return (args.self as { getSnapshot(): { children: Record<string, unknown> } }).getSnapshot()?.children?.[id];
    };
  }

  /** A function of XState's, with its arguments. */
  #builtin(action: Action, actors: Record<string, AnyActorLogic>): [name: string, make: Loose, ...given: unknown[]] | undefined {
    const options = <T extends object>(from: T, ...names: (keyof T)[]): object =>
      Object.fromEntries(names.filter((name) => from[name] !== undefined).map((name) => [name, this.#value(from[name] as Value)]));
    switch (action.do) {
      case "assign":
        return ["assign", assign, this.#function(action.fn)];
      case "assignEach":
        return ["assign", assign, Object.fromEntries(Object.entries(action.each).map(([key, value]) => [key, this.#value(value)]))];
      case "assignSpawn":
        return [
          "assign",
          assign,
          (args: Args, params: unknown) => {
            const given = this.#call(action.fn, args, params) as object;
            const src = action.byLogic ? actors[action.src] : action.src;
            return { ...given, ref: loose<Loose>(args.spawn)(loose(src), loose(options(action, "id", "systemId", "input"))) };
          },
        ];
      case "spawn": {
        const { sync, ...rest } = action;
        const given = { ...options(rest, "id", "systemId", "input"), ...(sync === undefined ? {} : { syncSnapshot: sync }) };
        return ["spawnChild", spawnChild, action.byLogic ? actors[action.src] : action.src, given];
      }
      case "stop":
        return ["stopChild", stopChild, this.#target(action.child)];
      case "sendTo":
        return ["sendTo", sendTo, this.#target(action.to), this.#value(action.event), options(action, "delay", "id")];
      case "sendParent":
        return ["sendParent", sendParent, this.#value(action.event)];
      case "raise":
        return ["raise", raise, this.#value(action.event), options(action, "delay", "id")];
      case "cancel":
        return ["cancel", cancel, this.#value(action.id)];
      case "emit":
        return ["emit", emit, this.#value(action.event)];
      case "forwardTo":
        return ["", forwardTo, this.#target(action.to)];
      case "log":
        return ["", log, this.#value(action.value), action.label];
      default:
        return undefined;
    }
  }

  #action(action: Action, actors: Record<string, AnyActorLogic>): unknown {
    if (action.do === "custom") return this.#function(action.fn);
    if (action.do === "named") {
      if (action.params === undefined) return action.name;
      return { type: action.name, params: this.#value(action.params) };
    }
    if (action.do === "selfSend") {
      return (args: Args) => loose<{ send(event: unknown): void }>(args.self).send(this.#call(action.fn, args));
    }
    if (action.do === "enqueue") {
      return enqueueActions(
        loose((args: Args & { enqueue: Enqueue; check(guard: unknown): boolean }, params: unknown) => {
          this.#call(action.fn, args, params);
          if (action.check !== undefined) this.recorder.tell("check", args.check(this.#guard(action.check)));
          for (const inner of action.actions) {
            const [method, , ...given] = this.#builtin(inner, actors) ?? [];
            if (method && args.enqueue[method]) args.enqueue[method](...(given as never[]));
            else args.enqueue(this.#action(inner, actors));
          }
        }),
      );
    }
    const [, make, ...given] = this.#builtin(action, actors) as [string, Loose, ...never[]];
    return make(...given);
  }

  #passes(when: When, args: Args, params: unknown): boolean {
    const n = Number(args.context?.n ?? 0);
    return when === "always" || (when === "odd" && n % 2 === 1) || (when === "few" && n < 3) || (when === "params" && Boolean(params));
  }

  #guard(guard: Guard): unknown {
    if (guard.is === "named") return guard.params === undefined ? guard.name : { type: guard.name, params: this.#value(guard.params) };
    if (guard.is === "not") return not(loose(this.#guard(guard.guard)));
    if (guard.is === "in") return stateIn(loose(guard.state));
    if (guard.is === "inline") {
      return (args: Args, params: unknown) => {
        this.#call(guard.fn, args, params);
        return this.#passes(guard.when, args, params);
      };
    }
    return (guard.is === "and" ? and : or)(loose(guard.guards.map((inner) => this.#guard(inner))));
  }

  #transitions(transitions: Transition[] | null | undefined, actors: Record<string, AnyActorLogic>): unknown {
    return transitions?.map(({ guard, actions, ...rest }) => ({
      ...rest,
      ...(guard === undefined ? {} : { guard: this.#guard(guard) }),
      ...(actions === undefined ? {} : { actions: actions.map((action) => this.#action(action, actors)) }),
    }));
  }

  #invoke({ src, byLogic, input, onDone, onError, onSnapshot, ...rest }: Invoke, actors: Record<string, AnyActorLogic>): unknown {
    const on = Object.entries({ onDone, onError, onSnapshot }).filter(([, transitions]) => transitions !== undefined);
    return {
      ...rest,
      src: byLogic ? actors[src] : src,
      ...(input === undefined ? {} : { input: this.#value(input) }),
      ...Object.fromEntries(on.map(([name, transitions]) => [name, this.#transitions(transitions, actors)])),
    };
  }

  #state(state: StateSpec, actors: Record<string, AnyActorLogic>): Record<string, unknown> {
    const { id, type, initial, states, tags, meta, entry, exit, on, always, after, invoke, onDone, output, route } = state;
    const actionsOf = (actions: Action[] | undefined): unknown => actions?.map((action) => this.#action(action, actors));
    const transitionsOf = (all: Record<string, Transition[] | null> | undefined): unknown =>
      all && Object.fromEntries(Object.entries(all).map(([name, transitions]) => [name, this.#transitions(transitions, actors)]));
    const config = {
      id,
      type,
      tags,
      meta,
      initial: typeof initial === "object" ? { target: initial.target, actions: actionsOf(initial.actions) } : initial,
      states: states && Object.fromEntries(Object.entries(states).map(([key, inner]) => [key, this.#state(inner, actors)])),
      entry: actionsOf(entry),
      exit: actionsOf(exit),
      on: transitionsOf(on),
      always: this.#transitions(always, actors),
      after: transitionsOf(after),
      invoke: invoke?.map((each) => this.#invoke(each, actors)),
      onDone: this.#transitions(onDone, actors),
      output: this.#value(output),
      route: route && { ...(route.guard === undefined ? {} : { guard: this.#guard(route.guard) }) },
    };
    return Object.fromEntries(Object.entries(config).filter(([, value]) => value !== undefined));
  }

  #logic(name: string, { kind, breaks, answers, chart }: Logic): AnyActorLogic {
    const at = (place: Logic["breaks"], args: object): void => {
      this.recorder.tell(`${name} ${place}(`, args);
      if (breaks !== place) return;
      this.recorder.seen.add(`child threw at ${place}`);
      throw new Error(`${name} broke at ${place}`);
    };
    if (kind === "machine") return this.build(chart as Chart);
    if (kind === "callback") {
      return fromCallback(({ sendBack, receive, input }) => {
        at("start", { input });
        if (answers) sendBack({ type: "b", from: name });
        receive((event) => {
          at("transition", event);
          if (answers && event.type === "a") sendBack({ type: "c", from: name });
        });
        return () => this.recorder.tell(`${name} is cleaned up`);
      });
    }
    if (kind === "observable") {
      return fromObservable(({ input }) => {
        at("start", { input });
        return loose({
          subscribe: (observer: { next(value: unknown): void; complete(): void }) => {
            observer.next(1);
            if (answers) observer.complete();
            return { unsubscribe: () => this.recorder.tell(`${name} is unsubscribed`) };
          },
        });
      });
    }
    if (kind === "transition") {
      return fromTransition(
        (state: { told: number }, event) => {
          at("transition", event);
          return { told: state.told + 1 };
        },
        ({ input }) => {
          at("creation", { input });
          return { told: 0 };
        },
      );
    }
    return loose({
      getInitialSnapshot: (_: unknown, input: unknown) => {
        at("creation", { input });
        return { status: "active", output: undefined, error: undefined, input };
      },
      start: (snapshot: object) => at("start", snapshot),
      transition: (snapshot: object, event: { type: string; output?: unknown }) => {
        at("transition", event);
        if (event.type === "settle") return { ...snapshot, status: "done", output: event.output };
        if (event.type === "fail") return { ...snapshot, status: "error", error: new Error(`${name} failed`) };
        return event.type === "xstate.stop" ? { ...snapshot, status: "stopped" } : snapshot;
      },
      getPersistedSnapshot: (snapshot: unknown) => snapshot,
      restoreSnapshot: (snapshot: unknown) => snapshot,
    });
  }
}
