/** What is said to whoever may not have a run. */
import { Agent, MemoryStore, type Node, Task } from "asimov-agents";
import { SimulatedClock } from "asimov-agents/testing";
import { describe, expect, it } from "vitest";
import { aborted, deferred, nodeOf } from "../run/support.ts";

function working(): { nodes: Node[]; entered: Promise<void> } {
  const entered = deferred();
  const node = nodeOf("a", [], async ({ signal }) => {
    entered.resolve();
    await aborted(signal);
    signal.throwIfAborted();
  });
  return { nodes: [node], entered: entered.promise };
}

const taskOf = (more: { type?: string; objective?: string } = {}): Task =>
  new Task({ id: "t", type: "test", objective: "Be asked for", ...more });

describe("whoever may not have a run", () => {
  it("is told who owns it and until when, and that the same may succeed later", async () => {
    const clock = new SimulatedClock();
    const store = new MemoryStore({ clock });
    const { nodes, entered } = working();
    const run = new Agent({ name: "worker", store, clock, nodes }).start(taskOf());
    await clock.runUntil(entered);
    const { id = "", until = 0 } = run.view().owner ?? {};
    expect(until).toBe(clock.now() + 30_000);
    const other = new Agent({ name: "worker", store, clock, nodes });
    const refused = {
      code: "run-owned",
      taskId: "t",
      retryable: true,
      message: expect.stringContaining(`Run t is owned by ${id} until ${new Date(until).toISOString()}.`),
    };
    await expect(other.resume("t")).rejects.toMatchObject(refused);
    await expect(other.runTask(taskOf(), { ifExists: "attach" })).rejects.toMatchObject(refused);
    await clock.runUntil(run.cancel());
  });

  it.each([
    ["type", { type: "other" }],
    ["objective", { objective: "Be another" }],
  ])("is told that its task has another %s, by the process of the run and by the store", async (what, more) => {
    const store = new MemoryStore();
    const { nodes, entered } = working();
    const agent = new Agent({ store, nodes });
    const run = agent.start(taskOf());
    await entered;
    const differs = { code: "run-differs", taskId: "t", message: expect.stringContaining(`another ${what} than`) };
    expect(() => agent.start(taskOf(more), { ifExists: "attach" })).toThrow(expect.objectContaining(differs));
    await run.park();
    const other = new Agent({ store, nodes });
    await expect(other.runTask(taskOf(more), { ifExists: "attach" })).rejects.toMatchObject(differs);
  });
});
