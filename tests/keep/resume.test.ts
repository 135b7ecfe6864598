import { Agent, defineModule, MemoryStore, Node, RunError, Task } from "asimov-agents";
import { describe, expect, it } from "vitest";

const TASK = "9f0c0f5e-8f0a-4f59-9b60-7a4a3a0c6f22";
const newTask = () => new Task({ id: TASK, type: "test", objective: "Go on" });

/** A chain whose nodes count their visits in the run's values and log their keys; the one that `stopAt` names never ends at first. */
function chain(length: number, log: string[], stopAt?: string): Node[] {
  return Array.from({ length }, (_, index) => {
    const name = `n${index}`;
    const work = defineModule({
      name: "work",
      async process({ values, idempotencyKey, signal }) {
        log.push(idempotencyKey);
        await values.increment("count");
        if (name === stopAt) await new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
        return { status: "success", result: index };
      },
    });
    return new Node({ name, modules: [work], dependencies: index === 0 ? [] : [`n${index - 1}`] });
  });
}

describe("a run that is stored", () => {
  it("goes on in another agent where it was put down, under the same keys, and repeats nothing that had ended", async () => {
    const store = new MemoryStore();
    const log: string[] = [];
    const first = new Agent({ store, nodes: chain(6, log, "n3") }).start(newTask());
    for await (const event of first.events()) if (event.type === "module.started" && event.node === "n3") break;
    await first.park();
    await expect(first.outcome).rejects.toMatchObject({ code: "run-parked", taskId: TASK });
    const again: string[] = [];
    const second = await new Agent({ store, nodes: chain(6, again) }).resume(TASK);
    const { status, results, executions } = await second.outcome;
    expect(status).toBe("COMPLETE");
    expect(results).toEqual({ n0: 0, n1: 1, n2: 2, n3: 3, n4: 4, n5: 5 });
    expect(executions).toEqual({ n0: 1, n1: 1, n2: 1, n3: 1, n4: 1, n5: 1 });
    expect(again).toEqual([3, 4, 5].map((index) => `${TASK}/n${index}.1/work`));
    expect(log).toEqual([0, 1, 2, 3].map((index) => `${TASK}/n${index}.1/work`));
    expect(await second.values.get("count")).toBe(6);
    expect((await store.read(TASK))?.status).toBe("COMPLETE");
  });

  it("is refused a second time, and while somebody owns it", async () => {
    const store = new MemoryStore();
    const agent = new Agent({ store, nodes: chain(2, [], "n1") });
    const run = agent.start(newTask());
    for await (const event of run.events()) if (event.type === "module.started" && event.node === "n1") break;
    await expect(new Agent({ store, nodes: chain(2, []) }).start(newTask()).outcome).rejects.toMatchObject({ code: "run-exists" });
    await expect(agent.resume(TASK)).rejects.toBeInstanceOf(RunError);
    await expect(agent.resume(TASK)).rejects.toMatchObject({ code: "run-owned", taskId: TASK });
    const heir = await new Agent({ store, nodes: chain(2, []) }).resume(TASK, { takeOver: true });
    await expect(run.outcome).rejects.toMatchObject({ code: "run-fenced" });
    expect((await heir.outcome).status).toBe("COMPLETE");
    await expect(agent.resume(TASK)).rejects.toMatchObject({ code: "run-ended" });
    await expect(agent.resume("nobody")).rejects.toMatchObject({ code: "run-not-found" });
  });
});
