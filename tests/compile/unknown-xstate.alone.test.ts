/** Where XState's insides look otherwise, its interpreter runs, and one warning says so. */
import { expect, it, vi } from "vitest";

vi.mock("xstate", async (load) => {
  const xstate = await load<typeof import("xstate")>();
  // As if an action were resolved in another way.
  const emit = (...given: Parameters<typeof xstate.emit>): unknown => {
    const action = xstate.emit(...given) as unknown as { resolve: (...args: unknown[]) => unknown };
    const { resolve } = action;
    return Object.assign(action, { resolve: (...args: unknown[]) => resolve(...args) });
  };
  return { ...xstate, emit };
});

it("is left alone", async () => {
  const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
  const { Agent, defineModule, Node, Task } = await import("asimov-agents");
  const { compileChart } = await import("#compile/compile");
  const { taskMachine } = await import("#machines/task");
  for (const _ of [1, 2]) {
    expect(compileChart(taskMachine)).toEqual({ machine: taskMachine, interpreted: "the XState that is installed is not known" });
  }
  const nodes = [new Node({ name: "n", modules: [defineModule({ name: "m", process: async () => ({ status: "success" }) })] })];
  const { status } = await new Agent({ nodes }).runTask(new Task({ type: "t", objective: "o" }));
  expect(status).toBe("COMPLETE");
  expect(warn.mock.calls).toEqual([[expect.stringMatching(/XState.*interpreter runs instead/)]]);
});
