/** Modules that never wait leave timers and I/O their turn. */
import { Agent, defineModule, FlowControlModule, Node, Task } from "asimov-agents";
import { describe, expect, it } from "vitest";

describe("a loop of modules that never wait", () => {
  it("can be cancelled by a timer", async () => {
    const work = defineModule({ name: "work", process: async () => ({ status: "success" }) });
    const again = new FlowControlModule({ name: "again", flowConfig: { decisions: [{ nextNode: "work" }] } });
    const agent = new Agent({
      maxTotalIterations: Number.POSITIVE_INFINITY,
      nodes: [
        new Node({ name: "work", modules: [work], nodeConfig: { maxVisits: 0 } }),
        new Node({ name: "again", modules: [again], dependencies: ["work"], nodeConfig: { maxVisits: 0 } }),
      ],
    });
    const { status, task } = await agent.runTask(new Task({ type: "loop", objective: "turn for ever" }), {
      signal: AbortSignal.timeout(100),
    });
    expect(status).toBe("FAILED");
    expect(task.error).toContain("cancelled");
  });
});
