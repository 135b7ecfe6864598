/** A chart as plain data: it can be drawn at random, printed, and cut down to what still fails. */
import type { StepEvent } from "./trace.ts";

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** A function of the chart: what it gives may hold `$n` and `$type`, of the context and the event. */
export interface Fn {
  /** Its name in the trace. */
  fn: string;
  gives: Json;
  /** At which of its calls it throws, and what. */
  breaks?: number;
  throws?: "error" | "text" | "null";
}
export type Value = Json | Fn;

export type Action =
  | { do: "custom"; fn: Fn }
  | { do: "named"; name: string; params?: Value }
  | { do: "assign"; fn: Fn }
  | { do: "assignEach"; each: Record<string, Value> }
  | { do: "assignSpawn"; fn: Fn; src: string; byLogic: boolean; id?: string; systemId?: string; input?: Value }
  | { do: "spawn"; src: string; byLogic: boolean; id?: Value; systemId?: string; input?: Value; sync?: boolean }
  | { do: "stop"; child: Target }
  | { do: "sendTo"; to: Target; event: Value; delay?: Value; id?: string }
  | { do: "forwardTo"; to: Target }
  | { do: "sendParent"; event: Value }
  | { do: "raise"; event: Value; delay?: Value; id?: string }
  | { do: "cancel"; id: Value }
  | { do: "emit"; event: Value }
  | { do: "log"; value?: Value; label?: string }
  /** Sends from within a custom action. */
  | { do: "selfSend"; fn: Fn }
  | { do: "enqueue"; fn: Fn; check?: Guard; actions: Action[] };

/** Whom an action is about: an id, `self`, the actor in the context, or a function that gives an id or an actor. */
export type Target = { id: string } | { self: true } | { ref: true } | { fn: Fn } | { child: Fn };

export type Guard =
  | { is: "inline"; when: When; fn: Fn }
  | { is: "named"; name: string; params?: Value }
  | { is: "not"; guard: Guard }
  | { is: "and" | "or"; guards: Guard[] }
  | { is: "in"; state: Json };
export type When = "always" | "never" | "odd" | "few" | "params";

export interface Transition {
  target?: string;
  reenter?: boolean;
  guard?: Guard;
  actions?: Action[];
}

export interface Invoke {
  src: string;
  byLogic: boolean;
  id?: string;
  systemId?: string;
  input?: Value;
  onDone?: Transition[];
  onError?: Transition[];
  onSnapshot?: Transition[];
}

export interface StateSpec {
  id?: string;
  type?: "final" | "parallel" | "history";
  initial?: string | { target: string; actions: Action[] };
  states?: Record<string, StateSpec>;
  tags?: string[];
  meta?: Json;
  entry?: Action[];
  exit?: Action[];
  /** Null forbids. */
  on?: Record<string, Transition[] | null>;
  always?: Transition[];
  after?: Record<string, Transition[]>;
  invoke?: Invoke[];
  onDone?: Transition[];
  output?: Value;
  route?: { guard?: Guard };
}

/** Logic of a child. `settles` ends when it is told to. */
export interface Logic {
  kind: "settles" | "transition" | "callback" | "observable" | "machine";
  /** Where it throws. */
  breaks?: "creation" | "start" | "transition";
  /** A callback that answers each event, an observable that ends. */
  answers?: boolean;
  chart?: Chart;
}

export interface Chart extends StateSpec {
  id: string;
  context?: Value | { spawns: string; fn: Fn };
  maxIterations?: number;
  /** A child that is interpreted in a parent that is compiled. */
  staysInterpreted?: boolean;
  actions: Record<string, Action>;
  /** A text or one with parameters is an alias. */
  guards: Record<string, Guard | { alias: string; params?: Value }>;
  actors: Record<string, Logic>;
  delays: Record<string, Value>;
}

export interface Case {
  chart: Chart;
  input?: Json;
  steps: ({ send: StepEvent } | { tell: number; event: StepEvent } | { pass: number } | { stop: true })[];
  cut: number;
  watch: "all" | "next" | "nothing";
}
