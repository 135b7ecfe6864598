/**
 * A task's life; its state names are those of `TaskStatus`.
 *
 *     WAITING ── task.start ──▶ EXECUTING ── task.end ──▶ COMPLETE | FAILED | PARTIAL
 */
import { assign, setup } from "xstate";
import { endTask, type TaskEnd, type TaskJSON } from "#contract/base/task";
import { TaskStatus } from "#contract/base/vocabulary";

export interface TaskMachineContext {
  task: TaskJSON;
}

export type TaskMachineEvent = { type: "task.start" } | { type: "task.end"; end: TaskEnd };

/**
 * @example
 * const actor = createActor(taskMachine, { input: { task: new Task({ type: "demo", objective: "Say hello" }).toJSON() } }).start();
 * actor.send({ type: "task.start" });
 * actor.send({ type: "task.end", end: { status: "COMPLETE", result: "hello" } });
 */
export const taskMachine = setup({
  types: {
    context: {} as TaskMachineContext,
    events: {} as TaskMachineEvent,
    input: {} as { task: TaskJSON },
    output: {} as TaskJSON,
  },
  guards: {
    endsAs: (_, params: { end: TaskEnd; status: TaskStatus }) => params.end.status === params.status,
  },
  actions: {
    markExecuting: assign({ task: ({ context }) => ({ ...context.task, status: TaskStatus.EXECUTING }) }),
    recordEnd: assign({ task: ({ context }, params: { end: TaskEnd }) => endTask(context.task, params.end) }),
  },
}).createMachine({
  id: "task",
  context: ({ input }) => ({ task: input.task }),
  initial: "WAITING",
  states: {
    WAITING: { on: { "task.start": { target: "EXECUTING", actions: "markExecuting" } } },
    EXECUTING: {
      on: {
        "task.end": (["COMPLETE", "FAILED", "PARTIAL"] as const).map((status) => ({
          guard: { type: "endsAs", params: ({ event }) => ({ end: event.end, status }) },
          target: status,
          actions: { type: "recordEnd", params: ({ event }) => ({ end: event.end }) },
        })),
      },
    },
    COMPLETE: { type: "final" },
    FAILED: { type: "final" },
    PARTIAL: { type: "final" },
  },
  output: ({ context }) => context.task,
});
