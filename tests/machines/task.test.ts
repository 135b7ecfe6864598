import { type Task, Task as TaskOf, TaskStatus } from "asimov-agents";
import { taskMachine } from "asimov-agents/machines";
import { describe, expect, it } from "vitest";
import { transition } from "xstate";
import { getShortestPaths } from "xstate/graph";
import { explore, restored, statesOf, textOf } from "./explore.ts";

const task: Task = new TaskOf({ type: "test", objective: "Be modelled", id: "task" });
const input = { task: task.toJSON() };
const events = [
  { type: "task.start" } as const,
  { type: "task.end", end: { status: "COMPLETE", result: { a: 1 } } } as const,
  { type: "task.end", end: { status: "FAILED", error: "no" } } as const,
  { type: "task.end", end: { status: "PARTIAL", result: {}, error: "in part" } } as const,
];

describe("task machine", () => {
  it("has the five statuses of a task as its states", () => {
    expect(Object.keys(taskMachine.states).sort()).toEqual(Object.keys(TaskStatus).sort());
  });

  it("reaches every state, and goes on the same from JSON at every step", () => {
    const { reached, steps } = explore(taskMachine, input, () => [...events]);
    expect([...reached].sort()).toEqual(statesOf(taskMachine));
    expect(steps).toBe(8);
  });

  it("ends along every shortest path as when it goes through JSON before each step", () => {
    const paths = getShortestPaths(taskMachine, { input, events });
    expect(new Set(paths.map(({ state }) => state.value))).toEqual(new Set(Object.keys(TaskStatus)));
    for (const { steps, state } of paths) {
      let snapshot = restored(taskMachine, textOf(taskMachine, (steps[0] as (typeof steps)[number]).state));
      for (const { event } of steps.slice(1))
        [snapshot] = transition(taskMachine, restored(taskMachine, textOf(taskMachine, snapshot)) as never, event);
      expect(textOf(taskMachine, snapshot)).toBe(textOf(taskMachine, state));
    }
  });

  it("starts once, ends once, and keeps its status in step with its state", () => {
    const { rests } = explore(taskMachine, input, () => [...events]);
    for (const { value, context, status } of rests.values()) {
      expect((context as { task: { status: string } }).task.status).toBe(value);
      expect(status).toBe(value === "WAITING" || value === "EXECUTING" ? "active" : "done");
    }
  });
});
