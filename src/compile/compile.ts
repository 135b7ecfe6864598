/** Compiles a machine of XState: the same machine, with tables in place of interpretation. What it cannot compile is left to XState's interpreter. */
import type { AnyActorScope, AnyEventObject, AnyMachineSnapshot, AnyStateMachine } from "xstate";
import { assign, stopChild } from "xstate";
import {
  type ActionSource,
  type Chart,
  type ChartSnapshot,
  chartOf,
  executesAtOnce,
  type GuardSource,
  hasKnownShape,
  INIT,
  isErrorOfActor,
  isInspected,
  nameOf,
  STOP,
  tellMicrostep,
} from "./insides.ts";
import { probeChart, shownBy } from "./probe.ts";
import { Draft, passes, type Step } from "./steps.ts";
import { type Move, type State, type Tables, tablesOf } from "./tables.ts";

export interface Compiled<TMachine> {
  /** A machine of its own, with the chart and the implementations of the one that was given; that one itself where it stays interpreted. */
  machine: TMachine;
  /** Why it stays interpreted; absent where it does not. */
  interpreted?: string;
}

class Interpretation {
  readonly #machine: AnyStateMachine;
  readonly #chart: Chart;
  readonly #tables: Tables;

  constructor(machine: AnyStateMachine, tables: Tables) {
    this.#machine = machine;
    this.#chart = chartOf(machine);
    this.#tables = tables;
  }

  /** The snapshot is none of this machine's. */
  stateOf(snapshot: ChartSnapshot): State | undefined {
    return snapshot.machine === this.#machine ? this.#tables.stateOf(snapshot._nodes) : undefined;
  }

  transition(snapshot: ChartSnapshot, from: State, event: AnyEventObject, scope: AnyActorScope): ChartSnapshot {
    const step = stepOf(event, scope);
    if (event.type === STOP) return this.#stop(snapshot, step);
    const move = this.#choose(from, snapshot, event);
    return this.#settle(this.#microstep(snapshot, move, step), move?.to ?? from, step);
  }

  /** Takes what needs no event, and then what the machine has raised, until nothing is left. */
  #settle(snapshot: ChartSnapshot, from: State, step: Step): ChartSnapshot {
    const most = this.#chart.options?.maxIterations ?? Number.POSITIVE_INFINITY;
    let next = snapshot;
    let state = from;
    let mayGoOn = true;
    for (let count = 1; next.status === "active"; count++) {
      if (count > most) throw tooManySteps(most);
      let move: Move | undefined = mayGoOn ? this.#chooseAlways(state, next, step.event) : undefined;
      const before: ChartSnapshot | undefined = move === undefined ? undefined : next;
      if (move === undefined) {
        if (step.queue.length === 0) break;
        step.event = step.queue.shift() as AnyEventObject;
        move = this.#choose(state, next, step.event);
      }
      next = this.#microstep(next, move, step);
      state = move?.to ?? state;
      mayGoOn = next !== before;
    }
    if (next.status !== "active") this.#stopChildren(next, step);
    return next;
  }

  #microstep(snapshot: ChartSnapshot, move: Move | undefined, step: Step): ChartSnapshot {
    const next = move === undefined ? snapshot : new Draft(this.#chart, snapshot, step).take(move);
    if (step.isInspected) tellMicrostep(step.scope, step.event, next, move?.taken ?? []);
    return next;
  }

  #choose(state: State, snapshot: ChartSnapshot, event: AnyEventObject): Move | undefined {
    for (const move of state.movesOn(event.type)) {
      const { guard, source } = move.transition;
      if (!guard) return move;
      try {
        if (passes(this.#chart, guard, event, snapshot)) return move;
      } catch (error) {
        throw guardFailed(guard, event.type, source.id, error);
      }
    }
    return undefined;
  }

  #chooseAlways({ always }: State, snapshot: ChartSnapshot, event: AnyEventObject): Move | undefined {
    for (const move of always) {
      const { guard } = move.transition;
      if (guard === undefined || passes(this.#chart, guard, event, snapshot)) return move;
    }
    return undefined;
  }

  #stop(snapshot: ChartSnapshot, step: Step): ChartSnapshot {
    const next: ChartSnapshot = { ...this.#stopChildren(snapshot, step), status: "stopped" };
    if (step.isInspected) tellMicrostep(step.scope, step.event, next, []);
    return next;
  }

  #stopChildren(snapshot: ChartSnapshot, step: Step): ChartSnapshot {
    const children = Object.values(snapshot.children);
    if (children.length === 0) return snapshot;
    const draft = new Draft(this.#chart, snapshot, { ...step, queue: [] });
    draft.run(children.map((child) => stopChild(child as never) as unknown as ActionSource));
    return draft.snapshot;
  }

  initial(scope: AnyActorScope, input: unknown): ChartSnapshot {
    const step = stepOf({ type: INIT, input }, scope);
    const { start } = this.#tables;
    const { context } = this.#chart.config;
    let before: ChartSnapshot = {
      ...start.blank,
      context: typeof context !== "function" && context ? context : {},
      children: {},
      historyValue: {},
    };
    try {
      if (typeof context === "function") {
        const first = new Draft(this.#chart, before, step);
        first.run([
          assign(({ spawn, event: { input: given }, self }: { spawn: unknown; event: AnyEventObject; self: unknown }) =>
            context({ spawn, input: given, self }),
          ) as unknown as ActionSource,
        ]);
        before = first.snapshot;
      }
      return this.#settle(new Draft(this.#chart, before, step).enter(start.entries, start.state.fields), start.state, step);
    } catch (error) {
      return { ...before, status: "error", error } as ChartSnapshot;
    }
  }
}

function stepOf(event: AnyEventObject, scope: AnyActorScope): Step {
  const inspected = isInspected(scope);
  return { scope, event, queue: [], isInspected: inspected, isDirect: executesAtOnce(scope, inspected) };
}

const tooManySteps = (most: number): Error =>
  new Error(
    `Infinite loop detected: the machine has processed more than ${most} microsteps without reaching a stable state. This usually happens when there's a cycle of transitions (e.g., eventless transitions or raised events causing state A -> B -> C -> A).`,
  );

function guardFailed(guard: GuardSource, eventType: string, node: string, error: unknown): Error {
  const name = typeof guard === "function" ? undefined : nameOf(guard);
  return new Error(
    `Unable to evaluate guard ${name ? `'${name}' ` : ""}in transition for event '${eventType}' in state node '${node}':\n${(error as Error).message}`,
  );
}

/**
 * Seldom sent, and not the same in all versions: before 5.33.3 the children went on when a machine failed by the error of one. XState takes nothing by
 * its own first event, should it be sent again, and refuses "*" in development.
 */
const isLeftToXState = (event: AnyEventObject): boolean => isErrorOfActor(event) || event.type === INIT || event.type === "*";

/** As it was given where anything is wrong with the chart, such as an initial state that is not there: XState tells it when it runs it. */
function compiledBy<TMachine extends AnyStateMachine>(given: TMachine): Compiled<TMachine> {
  try {
    const machine = given.provide({}) as TMachine;
    const compiled = new Interpretation(machine, tablesOf(machine));
    const interpret = machine.transition;
    const transition = (snapshot: AnyMachineSnapshot, event: AnyEventObject, scope: AnyActorScope): unknown => {
      const current = snapshot as unknown as ChartSnapshot;
      const state = compiled.stateOf(current);
      return state === undefined || isLeftToXState(event)
        ? interpret(snapshot as never, event as never, scope as never)
        : compiled.transition(current, state, event, scope);
    };
    Object.assign(machine, { transition, getInitialSnapshot: (scope: AnyActorScope, input: unknown) => compiled.initial(scope, input) });
    return { machine };
  } catch (error) {
    return { machine: given, interpreted: (error as Error).message };
  }
}

let isKnown: boolean | undefined;

/** Looks once at the XState that is installed: at its shape, and at what a probe chart shows by it and compiled. */
export function isKnownXState(): boolean {
  if (isKnown === undefined) {
    isKnown = hasKnownShape() && isProbeAlike();
    if (!isKnown) {
      // biome-ignore lint/suspicious/noConsole: once a process, to whoever upgraded XState
      console.warn(
        "asimov-agents: the insides of the installed XState are not those that its compiler of charts knows. Its interpreter runs instead, which is slower; nothing else changes.",
      );
    }
  }
  return isKnown;
}

function isProbeAlike(): boolean {
  try {
    const chart = probeChart();
    return shownBy(compiledBy(chart).machine) === shownBy(chart);
  } catch {
    return false;
  }
}

/** See `compileMachine`, whatever the environment says. */
export function compileChart<TMachine extends AnyStateMachine>(given: TMachine): Compiled<TMachine> {
  return isKnownXState() ? compiledBy(given) : { machine: given, interpreted: "the XState that is installed is not known" };
}
