/** A chart that does all that is compiled, and what an actor of it shows: compiled, it must show the same as interpreted. */
import {
  type AnyMachineSnapshot,
  type AnyStateMachine,
  assign,
  createActor,
  createMachine,
  emit,
  enqueueActions,
  fromTransition,
  type InspectionEvent,
  not,
  raise,
  sendTo,
  spawnChild,
  stopChild,
} from "xstate";

interface Seen {
  seen: string[];
}

const note = (what: string) => assign({ seen: ({ context }) => [...(context as Seen).seen, what] });

/** Tells its parent of each event but the last. */
const echo = fromTransition((state: number, { type }: { type: string }, { self }) => {
  if (type === "ping") (self._parent as unknown as { send(event: object): void }).send({ type: "pong", state });
  return state + 1;
}, 0);

export const probeChart = (): AnyStateMachine =>
  createMachine(
    // Untyped, as any chart that is compiled.
    {
      context: { seen: [] as string[] },
      output: ({ context }: { context: Seen }) => context.seen.length,
      initial: "outer",
      states: {
        outer: {
          initial: "inner",
          invoke: { src: "echo", id: "echo" },
          entry: [note("entered"), sendTo("echo", { type: "ping" }), { type: "told", params: { what: "entry" } }],
          exit: note("left"),
          states: {
            inner: { on: { pong: { target: "last", guard: not("never"), actions: raise({ type: "again" }) } } },
            last: { type: "final" },
          },
          on: { again: { actions: [note("again"), emit({ type: "said" }), spawnChild("echo", { id: "other" })] } },
          onDone: { target: "after", actions: stopChild("other") },
        },
        after: {
          entry: enqueueActions(({ enqueue, check }) => {
            if (check("never")) enqueue("told");
            enqueue.assign({ seen: ({ context }: { context: unknown }) => [...(context as Seen).seen, "queued"] });
          }),
          always: { target: "waiting", guard: ({ context }: { context: Seen }) => context.seen.includes("queued") },
        },
        waiting: { on: { "go.*": "end" } },
        end: { type: "final" },
      },
    } as never,
    { actors: { echo }, guards: { never: () => false }, actions: { told: () => {} } } as never,
  ) as unknown as AnyStateMachine;

/** What actors of a machine show: some that go on to their end, and one that is stopped before. */
export function shownBy(machine: AnyStateMachine): string {
  const shown: unknown[] = [];
  const look = (event: InspectionEvent): void =>
    void shown.push(event.type, "event" in event ? event.event.type : "action" in event ? event.action : "");
  for (const [isStopped, inspected] of [
    [false, false],
    [false, true],
    [true, true],
  ]) {
    const actor = createActor(machine, inspected ? { inspect: look } : {});
    actor.on("*", (event: object) => void shown.push(event));
    // Heard, so that nothing of it is an error of the process.
    actor.subscribe({ complete: () => void shown.push("complete"), error: (error: unknown) => void shown.push(String(error)) });
    actor.start();
    if (isStopped) actor.stop();
    else actor.send({ type: "go.on" });
    const { status, value, context, children, output } = actor.getSnapshot() as AnyMachineSnapshot;
    shown.push(status, value, context, Object.keys(children), output);
  }
  return JSON.stringify(shown);
}
