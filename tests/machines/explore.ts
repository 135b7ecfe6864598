/** Walks a machine's whole state space by pure transitions, and through JSON before every step; both walks must agree. */

import { expect } from "vitest";
import {
  type AnyActorRef,
  type AnyMachineSnapshot,
  type AnyStateMachine,
  createActor,
  fromCallback,
  getInitialMicrosteps,
  getMicrosteps,
  initialTransition,
  transition,
} from "xstate";

export type ModelEvent = { type: string; [key: string]: unknown };
/** The events that may come in a state. */
export type EventsOf = (snapshot: AnyMachineSnapshot) => ModelEvent[];

/** Stands for every actor that a machine only declares: it does nothing, and so a pure walk may create it. */
export const idle = fromCallback(() => {});

export const textOf = (machine: AnyStateMachine, snapshot: AnyMachineSnapshot): string =>
  JSON.stringify(machine.getPersistedSnapshot(snapshot));

export const restored = (machine: AnyStateMachine, text: string): AnyMachineSnapshot =>
  createActor(machine, { snapshot: JSON.parse(text) }).getSnapshot();

const done = (id: string, output: unknown): ModelEvent => ({ type: `xstate.done.actor.${id}`, actorId: id, output });
const failed = (id: string, error: unknown): ModelEvent => ({ type: `xstate.error.actor.${id}`, actorId: id, error });

/** The ends of the children that run: `outputs` by the name of their logic. */
export function endsOf(
  snapshot: AnyMachineSnapshot,
  outputs: Record<string, readonly unknown[]>,
  errors: Record<string, readonly unknown[]> = {},
): ModelEvent[] {
  return Object.entries(snapshot.children as Record<string, AnyActorRef>).flatMap(([id, child]) => {
    const src = String(child.src);
    return [...(outputs[src] ?? []).map((output) => done(id, fill(output, id))), ...(errors[src] ?? []).map((error) => failed(id, error))];
  });
}

/** The module's position, which its outcome names, is in its id. */
function fill(output: unknown, id: string): unknown {
  const module = /^module\.(\d+)$/.exec(id)?.[1];
  return module === undefined ? output : { ...(output as object), module: Number(module) };
}

/** The paths of the atomic states that a snapshot is in. */
const atomsOf = (snapshot: AnyMachineSnapshot): string[] =>
  snapshot._nodes.filter(({ type }) => type === "atomic" || type === "final").map(({ path }) => path.join("."));

/** Every atomic state that the chart has. */
export function statesOf(machine: AnyStateMachine): string[] {
  const walk = (node: AnyStateMachine["root"]): string[] => {
    const inner = Object.values(node.states);
    return inner.length === 0 ? [node.path.join(".")] : inner.flatMap(walk);
  };
  return walk(machine.root).sort();
}

/** Past it, some event makes the context grow for ever, and the walk's events have to be bounded. */
const MOST_RESTS = 20_000;

export interface Explored {
  /** Atomic states, those that are passed at once too. */
  reached: Set<string>;
  /** The states where the machine rests, as JSON. */
  rests: Map<string, AnyMachineSnapshot>;
  steps: number;
}

/** Breadth first, each state once. */
export function explore(machine: AnyStateMachine, input: unknown, eventsOf: EventsOf): Explored {
  const reached = new Set<string>(getInitialMicrosteps(machine, input as never).flatMap(([snapshot]) => atomsOf(snapshot)));
  const [start] = initialTransition(machine, input as never);
  const rests = new Map<string, AnyMachineSnapshot>([[textOf(machine, start), start]]);
  let steps = 0;
  for (const [text, snapshot] of rests) {
    if (snapshot.status !== "active") continue;
    for (const event of eventsOf(snapshot)) {
      const [next] = transition(machine, snapshot, event);
      const [again] = transition(machine, restored(machine, text), event);
      const nextText = textOf(machine, next);
      expect(textOf(machine, again), `${text} after ${JSON.stringify(event)}`).toBe(nextText);
      expect(again.output).toEqual(next.output);
      for (const [passed] of getMicrosteps(machine, snapshot, event)) for (const atom of atomsOf(passed)) reached.add(atom);
      if (!rests.has(nextText)) rests.set(nextText, next);
      if (rests.size > MOST_RESTS) throw new Error(`The walk does not end; it came to ${nextText}`);
      steps++;
    }
  }
  return { reached, rests, steps };
}
