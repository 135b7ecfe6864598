/** Runs a machine through steps and tells all that can be seen of it: as an actor, restored from text, and by pure transitions. */
import {
  type AnyActor,
  type AnyActorRef,
  type AnyMachineSnapshot,
  type AnyStateMachine,
  createActor,
  getInitialMicrosteps,
  getMicrosteps,
  getNextTransitions,
  initialTransition,
  SimulatedClock,
  transition,
} from "xstate";
import { Recorder } from "./recorder.ts";

export type StepEvent = { type: string; [key: string]: unknown };
export type Step =
  | { send: StepEvent }
  /** To one of the children. */
  | { tell: number; event: StepEvent }
  | { pass: number }
  | { stop: true }
  /** What follows from where the machine is. */
  | { draw(snapshot: AnyMachineSnapshot): Step };

/** How the actor is watched: what goes wrong is told to those who listen, and thrown where nobody does. */
export type Watch = "all" | "next" | "nothing";

export interface Subject {
  /** Its functions tell the recorder of their calls. */
  build(recorder: Recorder): AnyStateMachine;
  input?: unknown;
  /** What `src` stands for in a stored snapshot, where logic was given by itself. */
  revive?(stored: string, machine: AnyStateMachine): unknown;
  /** Events that `can` is asked about. */
  asked: readonly StepEvent[];
  steps: readonly Step[];
  /** Before which step the machine is stored. */
  cut: number;
  watch: Watch;
  /** Lines of a run at most. */
  most?: number;
}

/** XState throws what nobody listens for in a timer of its own: it is told at once, as its warnings are. */
function withPlatform(recorder: Recorder, run: () => void): void {
  const { setTimeout: platform, console: platformConsole } = globalThis;
  const tellThrown = (fire: () => void): number => {
    try {
      fire();
    } catch (error) {
      recorder.seen.add("unhandled");
      recorder.tell("unhandled", error);
    }
    return 0;
  };
  globalThis.setTimeout = tellThrown as never;
  globalThis.console = { ...platformConsole, warn: (...values) => recorder.tell("warned", ...values) };
  try {
    run();
  } finally {
    Object.assign(globalThis, { setTimeout: platform, console: platformConsole });
  }
}

function attempt<T>(recorder: Recorder, what: string, run: () => T): T | undefined {
  try {
    return run();
  } catch (error) {
    recorder.seen.add("threw");
    // One that runs without end has no line left.
    recorder.lines.push(`${what} threw ${recorder.show(error)}`);
    return undefined;
  }
}

const childrenOf = (snapshot: unknown): AnyActorRef[] =>
  Object.values((snapshot as { children?: Record<string, AnyActorRef | undefined> }).children ?? {}).filter((child) => child !== undefined);

function watchActor(actor: AnyActor, recorder: Recorder, watch: Watch): void {
  if (watch !== "nothing") actor.on("*", (event) => recorder.tell("emitted", event));
  if (watch === "next") actor.subscribe((snapshot) => recorder.tell("next", snapshot));
  if (watch === "all") {
    actor.subscribe({
      next: (snapshot) => recorder.tell("next", snapshot),
      error: (error) => recorder.tell("error", error),
      complete: () => recorder.tell("complete"),
    });
  }
}

function take(actor: AnyActor, clock: SimulatedClock, step: Step): void {
  if ("send" in step) actor.send(step.send);
  else if ("pass" in step) clock.increment(step.pass);
  else if ("stop" in step) actor.stop();
  else if ("draw" in step) take(actor, clock, step.draw(actor.getSnapshot() as AnyMachineSnapshot));
  else {
    const children = childrenOf(actor.getSnapshot());
    children[step.tell % children.length]?.send(step.event);
  }
}

/** Errors that a snapshot holds are stored by their messages; logic that was given by itself by nothing. */
const storedText = (persisted: unknown): string =>
  JSON.stringify(persisted, (key, value) =>
    key === "src" && typeof value !== "string" ? (value?.storedAs ?? null) : value instanceof Error ? { message: value.message } : value,
  );

export interface Trace {
  recorder: Recorder;
  /** What was stored at the cut, where the machine could go on from it. */
  stored?: string;
}

/** @param stored where the actor is restored from, to take the steps after the cut */
function traceActor(subject: Subject, stored?: string): Trace {
  const recorder = new Recorder(subject.most);
  const trace: Trace = { recorder };
  withPlatform(recorder, () => {
    const machine = subject.build(recorder);
    const clock = new SimulatedClock();
    const logger = (...values: unknown[]): void => recorder.tell("log", ...values);
    const snapshot = stored === undefined ? {} : { snapshot: subject.revive?.(stored, machine) ?? JSON.parse(stored) };
    const options = { input: subject.input, clock, logger, inspect: recorder.inspect, ...snapshot };
    const actor = attempt(recorder, "create", () => createActor(machine, options as never) as AnyActor);
    if (actor === undefined) return;
    attempt(recorder, "see", () => recorder.tell("created", actor.getSnapshot()));
    watchActor(actor, recorder, subject.watch);
    attempt(recorder, "start", () => actor.start());
    for (const [index, step] of subject.steps.entries()) {
      if (stored === undefined && index === subject.cut) keep(actor, trace);
      if (stored !== undefined && index < subject.cut) continue;
      attempt(recorder, "step", () => {
        recorder.tell(`> ${index}`, step);
        take(actor, clock, step);
        recorder.tell("now", actor.getSnapshot());
      });
    }
    ask(actor, recorder, subject.asked);
    attempt(recorder, "persist", () => recorder.tell("stored", storedText(actor.getPersistedSnapshot())));
  });
  return trace;
}

function keep(actor: AnyActor, trace: Trace): void {
  const { recorder } = trace;
  attempt(recorder, "persist", () => {
    const persisted = actor.getPersistedSnapshot();
    recorder.tell("stored", persisted);
    if ((persisted as { status: string }).status === "active") trace.stored = storedText(persisted);
  });
}

function ask(actor: AnyActor, recorder: Recorder, asked: readonly StepEvent[]): void {
  const snapshot = actor.getSnapshot() as AnyMachineSnapshot;
  if (!("_nodes" in snapshot)) return;
  for (const event of asked) attempt(recorder, "can", () => recorder.tell("can", event, snapshot.can(event)));
  attempt(recorder, "matches", () =>
    recorder.tell(
      "matches",
      snapshot.matches(snapshot.value),
      [...snapshot.tags].map((tag) => snapshot.hasTag(tag)),
    ),
  );
  attempt(recorder, "leads", () => recorder.tell("leads", getNextTransitions(snapshot)));
}

type Action = { type: string; params: unknown };
const namesOf = (actions: readonly unknown[]): unknown[] => (actions as Action[]).map(({ type, params }) => [type, params]);

/** By pure transitions alone: nothing is executed, and errors come out. */
function tracePure(subject: Subject): Trace {
  const recorder = new Recorder(subject.most);
  withPlatform(recorder, () => {
    const machine = subject.build(recorder);
    attempt(recorder, "pure", () => {
      attempt(recorder, "initial microsteps", () => {
        for (const [step, actions] of getInitialMicrosteps(machine, subject.input as never)) recorder.tell("first", step, namesOf(actions));
      });
      let [snapshot, actions] = initialTransition(machine, subject.input as never);
      recorder.tell("initial", snapshot, namesOf(actions));
      for (const step of subject.steps) {
        const taken = "draw" in step ? step.draw(snapshot) : step;
        if (!("send" in taken)) continue;
        attempt(recorder, "microsteps", () => {
          for (const [next, did] of getMicrosteps(machine, snapshot, taken.send)) recorder.tell("microstep", next, namesOf(did));
        });
        [snapshot, actions] = transition(machine, snapshot, taken.send);
        recorder.tell("transition", snapshot, namesOf(actions));
      }
    });
  });
  return { recorder };
}

export interface Difference {
  /** Which of the comparisons. */
  where: string;
  expected: readonly string[];
  received: readonly string[];
}

/**
 * Runs both and compares them: live, by pure transitions, and restored from what either has stored.
 * @returns the first difference, and what has happened
 */
export function compare(interpreted: Subject, compiled: Subject): { difference?: Difference; seen: Set<string>; lines: number } {
  const live = traceActor(interpreted);
  const pairs: [where: string, expected: Trace, received: () => Trace][] = [["live", live, () => traceActor(compiled)]];
  pairs.push(["pure", tracePure(interpreted), () => tracePure(compiled)]);
  const { seen } = live.recorder;
  let lines = 0;
  const stored: Record<string, string | undefined> = { "by the interpreter": live.stored };
  for (const [where, expected, receive] of pairs) {
    const received = receive();
    if (where === "live") stored["by the compiled machine"] = received.stored;
    lines += received.recorder.lines.length;
    if (isSame(expected, received)) continue;
    return { difference: { where, expected: expected.recorder.lines, received: received.recorder.lines }, seen, lines };
  }
  let first: Trace | undefined;
  for (const [by, text] of Object.entries(stored)) {
    if (text === undefined) continue;
    seen.add("restored");
    for (const [into, subject] of [
      ["interpreted", interpreted],
      ["compiled", compiled],
    ] as const) {
      const again = traceActor(subject, text);
      first ??= again;
      if (isSame(first, again)) continue;
      const where = `stored ${by}, restored ${into}`;
      return { difference: { where, expected: first.recorder.lines, received: again.recorder.lines }, seen, lines };
    }
  }
  return { seen, lines };
}

const isSame = (a: Trace, b: Trace): boolean =>
  a.recorder.lines.length === b.recorder.lines.length && a.recorder.lines.every((line, index) => line === b.recorder.lines[index]);

/** The lines around the first one that differs. */
export function reportOf({ where, expected, received }: Difference): string {
  const at = expected.findIndex((line, index) => line !== received[index]);
  const first = at < 0 ? expected.length : at;
  const shown = (lines: readonly string[], sign: string): string[] => lines.slice(first, first + 3).map((line) => `  ${sign} ${line}`);
  const before = expected.slice(Math.max(0, first - 8), first).map((line) => `    ${line}`);
  return [`${where}, line ${first}:`, ...before, ...shown(expected, "XState  "), ...shown(received, "compiled")].join("\n");
}
