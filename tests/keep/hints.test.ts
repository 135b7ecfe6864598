import { describe, expect, it, vi } from "vitest";
import { Agent, defineModule, MemoryStore, Node, Task } from "../../src/index.ts";

const chain = (modules: number): Node[] =>
  Array.from(
    { length: modules },
    (_, index) =>
      new Node({
        name: `n${index}`,
        modules: [defineModule({ name: "work", process: async () => ({ status: "success" }) })],
        dependencies: index === 0 ? [] : [`n${index - 1}`],
      }),
  );

describe("a run that is stored", () => {
  it("is not read again for its own commits", async () => {
    const store = new MemoryStore();
    const read = vi.spyOn(store, "read");
    const { status } = await new Agent({ nodes: chain(10), store }).runTask(new Task({ type: "test", objective: "Run" }));
    expect(status).toBe("COMPLETE");
    expect(read).not.toHaveBeenCalled();
  });

  it("shares one subscription with all others of its store, which ends with the last of them", async () => {
    const store = new MemoryStore();
    const end = vi.fn();
    const subscribe = vi.spyOn(store, "subscribe").mockReturnValue(end);
    const agent = new Agent({ nodes: chain(2), store });
    await Promise.all([1, 2, 3].map(() => agent.runTask(new Task({ type: "test", objective: "Run" }))));
    expect(subscribe).toHaveBeenCalledTimes(1);
    expect(end).toHaveBeenCalledTimes(1);
  });
});
