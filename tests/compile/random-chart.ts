/** Draws charts, and what happens to them, by a seed. */
import type { Action, Case, Chart, Fn, Guard, Invoke, Json, Logic, StateSpec, Target, Transition, Value } from "./chart.ts";
import type { StepEvent } from "./trace.ts";

/** Mulberry32: small, and the same on every platform. */
class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  roll(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  }

  may(chance: number): boolean {
    return this.roll() < chance;
  }

  upTo(most: number): number {
    return Math.floor(this.roll() * (most + 1));
  }

  pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.roll() * from.length)] as T;
  }

  list<T>(most: number, draw: () => T): T[] {
    return Array.from({ length: this.upTo(most) }, draw);
  }
}

const EVENTS = ["a", "b", "c", "a.x", "a.y.z", "d"];
const DESCRIPTORS = ["a", "b", "c", "a.x", "a.*", "a.y.*", "*", "d"];
const IDS = ["kid0", "kid1", "kid2"];
const NAMED_GUARDS = ["guard0", "guard1", "guard2", "alias0", "alias1"];
const SETTLING = ["settle", "fail"];

interface Place {
  key: string;
  id: string;
  state: StateSpec;
  parent: Place | undefined;
  inner: Place[];
}

class Draw {
  readonly #dice: Dice;
  readonly #name: string;
  readonly #places: Place[] = [];
  /** How often what may fail is drawn, and how often functions throw: most charts have to live. */
  readonly #risk: number;
  readonly #breaking: number;
  #actors: string[] = [];
  #systems = 0;
  #functions = 0;

  constructor(dice: Dice, name: string) {
    this.#dice = dice;
    this.#name = name;
    this.#risk = dice.pick([0, 0, 0.05, 0.3]);
    this.#breaking = dice.pick([0, 0, 0.05, 0.2]);
  }

  #fn(kind: string, gives: Json): Fn {
    const dice = this.#dice;
    const fn: Fn = { fn: `${kind} ${this.#name}${this.#functions++}`, gives };
    if (!dice.may(this.#breaking)) return fn;
    return { ...fn, breaks: 1 + dice.upTo(2), ...(dice.may(0.3) ? { throws: dice.pick(["text", "null"] as const) } : {}) };
  }

  #value(kind: string, gives: Json): Value {
    return this.#dice.may(0.5) ? this.#fn(kind, gives) : gives;
  }

  #event(kind: string, types: readonly string[] = EVENTS): Value {
    return this.#value(kind, { type: this.#dice.pick(types), from: kind, n: 1 });
  }

  /** `params` are seldom drawn, so that some actions are named alone. */
  #params(kind: string): { params?: Value } {
    return this.#dice.may(0.5) ? { params: this.#value(kind, { amount: "$n", of: "$type" }) } : {};
  }

  #target(invoked: readonly string[]): Target {
    const dice = this.#dice;
    if (invoked.length > 0 && dice.may(0.7)) {
      const id = dice.pick(invoked);
      return dice.may(0.7) ? { id } : { fn: this.#fn("target", id) };
    }
    if (!dice.may(this.#risk)) return { self: true };
    return dice.pick<() => Target>([
      () => ({ id: dice.pick(IDS) }),
      () => ({ ref: true }),
      () => ({ fn: this.#fn("target", dice.pick(IDS)) }),
      () => ({ child: this.#fn("child", dice.pick(IDS)) }),
    ])();
  }

  #stopped(): Target {
    const dice = this.#dice;
    const id = dice.pick([...IDS, "first", "nobody"]);
    if (dice.may(this.#risk / 2)) return { child: this.#fn("child", id) };
    return dice.pick<Target>([{ id }, { id }, { ref: true }, { fn: this.#fn("target", id) }]);
  }

  #src(): { src: string; byLogic: boolean } {
    const dice = this.#dice;
    if (dice.may(this.#risk / 4)) return { src: "nobody", byLogic: false };
    return { src: dice.pick(this.#actors), byLogic: dice.may(0.3) };
  }

  #system(): { systemId?: string } {
    if (!this.#dice.may(0.03 + this.#risk / 2)) return {};
    // One that is taken already throws.
    return { systemId: this.#dice.may(this.#risk) ? "system" : `system ${this.#name}${this.#systems++}` };
  }

  #action(invoked: readonly string[], deep = 0): Action {
    const dice = this.#dice;
    const input = dice.may(0.4) ? { input: this.#value("input", { n: "$n" }) } : {};
    const kinds: (() => Action)[] = [
      () => ({ do: "custom", fn: this.#fn("action", 1) }),
      () => ({ do: "named", name: dice.pick(["act0", "act1", "act2", "act3"]), ...this.#params("params") }),
      () => ({ do: "named", name: dice.pick(["act0", "act1", "act2", "act3"]), ...this.#params("params") }),
      () => ({ do: "named", name: "unimplemented", ...this.#params("params") }),
      () => ({ do: "assign", fn: this.#fn("assign", dice.pick<Json>([{ n: "$more" }, { last: "$type" }, {}, null])) }),
      () => ({ do: "assignEach", each: { n: this.#fn("assign", "$more"), fixed: dice.upTo(3) } }),
      () => ({
        do: "assignSpawn",
        fn: this.#fn("assign", { n: "$more" }),
        ...this.#src(),
        ...this.#childId(),
        ...this.#system(),
        ...input,
      }),
      () => ({ do: "spawn", ...this.#src(), ...this.#childId(), ...this.#system(), ...input, ...(dice.may(0.3) ? { sync: true } : {}) }),
      () => ({ do: "stop", child: this.#stopped() }),
      () => ({ do: "sendTo", to: this.#target(invoked), event: this.#event("event", [...EVENTS, ...SETTLING]), ...this.#later() }),
      () => ({ do: "raise", event: this.#event("event"), ...(dice.may(0.4) ? {} : this.#later(1)) }),
      () => ({ do: "cancel", id: this.#value("cancelled", dice.pick(["later0", "later1"])) }),
      () => ({ do: "emit", event: this.#event("emitted") }),
      () => ({ do: "log", ...(dice.may(0.7) ? { value: this.#value("logged", "$n") } : {}), ...(dice.may(0.5) ? { label: "said" } : {}) }),
      () => ({ do: "selfSend", fn: this.#fn("sent", { type: dice.pick(EVENTS) }) }),
      () =>
        invoked.length > 0 || dice.may(this.#risk)
          ? { do: "forwardTo", to: this.#target(invoked) }
          : { do: "custom", fn: this.#fn("action", 1) },
      () =>
        dice.may(this.#risk) || this.#name !== "m"
          ? { do: "sendParent", event: this.#event("event") }
          : { do: "custom", fn: this.#fn("action", 1) },
    ];
    if (deep < 2) {
      kinds.push(() => ({
        do: "enqueue",
        fn: this.#fn("collect", 1),
        ...(dice.may(0.5) ? { check: this.#guard() } : {}),
        actions: dice.list(3, () => this.#action(invoked, deep + 1)),
      }));
    }
    return dice.pick(kinds)();
  }

  #childId(): { id?: string } {
    return this.#dice.may(0.7) ? { id: this.#dice.pick(IDS) } : {};
  }

  #later(chance = 0.25): { delay?: Value; id?: string } {
    const dice = this.#dice;
    if (!dice.may(chance)) return {};
    return {
      delay: dice.pick<Value>([5, "soon", "never", this.#fn("delay", 7)]),
      ...(dice.may(0.7) ? { id: dice.pick(["later0", "later1"]) } : {}),
    };
  }

  #guard(deep = 0): Guard {
    const dice = this.#dice;
    const kinds: (() => Guard)[] = [
      () => ({ is: "inline", when: dice.pick(["always", "never", "odd", "few"] as const), fn: this.#fn("guard", 1) }),
      () => ({ is: "named", name: dice.pick(deep < 2 ? NAMED_GUARDS : ["alias1"]), ...this.#params("guardParams") }),
      () => ({ is: "named", name: dice.may(this.#risk) ? "unimplemented" : "guard0" }),
    ];
    if (deep < 2) {
      kinds.push(
        () => ({ is: "not", guard: this.#guard(deep + 1) }),
        () => ({ is: dice.pick(["and", "or"] as const), guards: dice.list(2, () => this.#guard(deep + 1)) }),
        () => ({ is: "in", state: dice.pick<Json>([`#${dice.pick(this.#places).id}`, dice.pick(this.#places).key, { s0: "s1" }]) }),
      );
    }
    return dice.pick(kinds)();
  }

  #targetOf(place: Place): string {
    const dice = this.#dice;
    const siblings = place.parent?.inner ?? [];
    const way = dice.upTo(3);
    if (way === 0 && place.inner.length > 0) return `.${dice.pick(place.inner).key}`;
    if (way === 1 && siblings.length > 0) return dice.pick(siblings).key;
    return `#${dice.pick(this.#places).id}`;
  }

  #transition(place: Place, invoked: readonly string[], mustBeGuarded = false): Transition {
    const dice = this.#dice;
    return {
      ...(dice.may(0.7) ? { target: this.#targetOf(place) } : {}),
      ...(mustBeGuarded || dice.may(0.4) ? { guard: this.#guard() } : {}),
      ...(dice.may(0.6) ? { actions: dice.list(3, () => this.#action(invoked)) } : {}),
      ...(dice.may(0.2) ? { reenter: true } : {}),
    };
  }

  #several(place: Place, most = 2): Transition[] {
    const invoked = (place.state.invoke ?? []).flatMap(({ id }) => id ?? []);
    return [...this.#dice.list(most - 1, () => this.#transition(place, invoked, true)), this.#transition(place, invoked)];
  }

  #invoke(place: Place, taken: Set<string>): Invoke {
    const dice = this.#dice;
    const id = dice.pick(IDS);
    const named = taken.has(id) || dice.may(0.2) ? {} : { id };
    taken.add(id);
    return {
      ...this.#src(),
      ...named,
      ...this.#system(),
      ...(dice.may(0.4) ? { input: this.#value("input", { n: "$n" }) } : {}),
      ...(dice.may(0.6) ? { onDone: this.#several(place) } : {}),
      ...(dice.may(0.6) ? { onError: this.#several(place) } : {}),
      ...(dice.may(0.3) ? { onSnapshot: this.#several(place) } : {}),
    };
  }

  /** The states alone: what is in them needs to know all. */
  #skeleton(key: string, depth: number, parent: Place | undefined): Place {
    const dice = this.#dice;
    const id = parent === undefined ? this.#name : dice.may(0.2) ? `${this.#name}-${this.#places.length}` : `${parent.id}.${key}`;
    const place: Place = { key, id, state: {}, parent, inner: [] };
    this.#places.push(place);
    if (parent !== undefined && id !== `${parent.id}.${key}`) place.state.id = id;
    const count = depth === 0 ? 0 : parent === undefined ? 1 + dice.upTo(2) : dice.may(0.4) ? 1 + dice.upTo(1) : 0;
    for (let index = 0; index < count; index++) place.inner.push(this.#skeleton(`s${index}`, depth - 1, place));
    if (place.inner.length > 0) place.state.states = Object.fromEntries(place.inner.map((inner) => [inner.key, inner.state]));
    return place;
  }

  #fillPlace(place: Place): void {
    const dice = this.#dice;
    const { state, inner, parent } = place;
    if (dice.may(0.3)) state.tags = [dice.pick(["red", "green"]), `of ${place.key}`];
    if (dice.may(0.2)) state.meta = { of: place.id };
    if (inner.length === 0 && parent !== undefined && dice.may(0.2)) {
      Object.assign(state, { type: "final" }, dice.may(0.6) ? { output: this.#value("output", { n: "$n", of: "$type" }) } : {});
    }
    if (state.type !== "final" && dice.may(0.3)) {
      const taken = new Set<string>();
      state.invoke = Array.from({ length: 1 + dice.upTo(1) }, () => this.#invoke(place, taken));
    }
    const invoked = (state.invoke ?? []).flatMap(({ id }) => id ?? []);
    const actions = (): Action[] => dice.list(3, () => this.#action(invoked));
    if (inner.length > 0) {
      const target = dice.pick(inner).key;
      state.initial = dice.may(0.4) ? { target, actions: actions() } : target;
      if (dice.may(0.5)) state.onDone = this.#several(place);
    }
    if (dice.may(0.5)) state.entry = actions();
    if (dice.may(0.5)) state.exit = actions();
    const descriptors = DESCRIPTORS.filter((descriptor) => dice.may(descriptor === "*" ? 0.1 : 0.3));
    if (descriptors.length > 0) {
      state.on = Object.fromEntries(descriptors.map((name) => [name, dice.may(0.08) ? null : this.#several(place, 3)]));
    }
    if (dice.may(0.15)) state.always = dice.list(2, () => this.#transition(place, invoked, !dice.may(0.03)));
    if (dice.may(0.15)) state.after = { [dice.pick(["10", "soon"])]: this.#several(place) };
    if (state.id !== undefined && parent !== undefined && dice.may(0.3)) state.route = dice.may(0.3) ? { guard: this.#guard() } : {};
  }

  #logic(index: number, depth: number): Logic {
    const dice = this.#dice;
    const kind = dice.pick(["settles", "settles", "transition", "callback", "observable", "machine"] as const);
    if (kind === "machine" && depth > 1) {
      const chart = new Draw(dice, `${this.#name}k${index}`).chart(depth - 2);
      return { kind, chart: dice.may(0.3) ? { ...chart, staysInterpreted: true } : chart };
    }
    const breaks = dice.may(this.#breaking * 2) ? { breaks: dice.pick(["creation", "start", "transition"] as const) } : {};
    return { kind: kind === "machine" ? "settles" : kind, answers: dice.may(0.5), ...breaks };
  }

  /** A name that stands for a name is refused. */
  #implementation(): Action {
    const action = this.#action([], 1);
    return action.do === "named" && !this.#dice.may(this.#risk) ? { do: "custom", fn: this.#fn("action", 1) } : action;
  }

  chart(depth: number): Chart {
    const dice = this.#dice;
    const actors: Record<string, Logic> = {};
    for (let index = 0; index < 3; index++) actors[`logic${index}`] = this.#logic(index, depth);
    this.#actors = Object.keys(actors);
    const root = this.#skeleton(this.#name, dice.may(0.04) ? 0 : depth, undefined);
    for (const place of this.#places) this.#fillPlace(place);
    const context = dice.pick<() => Chart["context"]>([
      () => undefined,
      () => ({ n: 0 }),
      () => this.#fn("context", { n: 1, deep: { more: [1, "$type"] } }),
      () => ({ spawns: dice.pick(this.#actors), fn: this.#fn("context", { n: 0 }) }),
    ])();
    return {
      ...root.state,
      id: this.#name,
      ...(context === undefined ? {} : { context }),
      ...(dice.may(0.5) ? { output: this.#value("output", { all: "$n" }) } : {}),
      maxIterations: dice.pick([20, 40]),
      actions: {
        act0: { do: "custom", fn: this.#fn("action", 1) },
        act1: this.#implementation(),
        act2: { do: "assign", fn: this.#fn("assign", { n: "$more" }) },
        act3: this.#implementation(),
      },
      guards: {
        guard0: { is: "inline", when: dice.pick(["odd", "few"] as const), fn: this.#fn("guard", 1) },
        guard1: { is: "inline", when: "params", fn: this.#fn("guard", 1) },
        guard2: { is: dice.pick(["and", "or"] as const), guards: [{ is: "named", name: "guard0" }, this.#guard(2)] },
        alias0: { alias: "guard0" },
        alias1: { alias: "guard1", params: { given: "by the alias" } },
      },
      actors,
      delays: { soon: this.#value("delay", 5) },
    };
  }

  event(): StepEvent {
    const dice = this.#dice;
    const type = dice.may(0.06) ? dice.pick(["unknown", "", "a.x.y", "xstate.route", "xstate.init", "*"]) : dice.pick(EVENTS);
    return type === "xstate.route" ? { type, to: `#${dice.pick(this.#places).id}` } : { type, k: dice.upTo(2) };
  }
}

export function randomCase(seed: number): Case {
  const dice = new Dice(seed);
  const draw = new Draw(dice, "m");
  const chart = draw.chart(3);
  const steps = Array.from({ length: 3 + dice.upTo(7) }, (): Case["steps"][number] => {
    const way = dice.roll();
    if (way < 0.65) return { send: draw.event() };
    if (way < 0.85) return { tell: dice.upTo(3), event: { type: dice.pick([...SETTLING, ...EVENTS]), output: dice.upTo(3) } };
    if (way < 0.97) return { pass: dice.pick([1, 5, 12]) };
    return { stop: true };
  });
  return {
    chart,
    ...(dice.may(0.3) ? { input: { given: dice.upTo(3) } } : {}),
    steps,
    cut: dice.upTo(steps.length - 1),
    watch: dice.pick(["all", "all", "next", "nothing"] as const),
  };
}
