/** A worker whose store is closed does not start, whatever its queue, and is as it was before. */
import { Agent, MemoryStore } from "asimov-agents";
import { AgentWorker, bullQueue, localQueue } from "asimov-agents/worker";
import { describe, expect, inject, it } from "vitest";
import { nodeOf, taskOf } from "../waiting/pair.ts";

describe.each([
  ["localQueue", () => localQueue()],
  ["bullQueue", () => bullQueue({ connection: inject("redisUrl"), prefix: crypto.randomUUID() })],
])("a worker with %s whose store is closed", (_, queueOf) => {
  it("rejects its start, each time, and listens to no signal", async () => {
    const store = new MemoryStore();
    const told: Error[] = [];
    const worker = new AgentWorker({
      agents: [new Agent({ name: "report", nodes: [nodeOf("work", () => "done")] })],
      ...{ store, queue: queueOf(), stopOn: ["SIGHUP"], onRefused: (error) => told.push(error) },
    });
    await store.close();
    const before = process.listenerCount("SIGHUP");
    for (const _again of [1, 2]) {
      await expect(worker.start()).rejects.toMatchObject({ code: "store-closed" });
      expect([worker.health().state, process.listenerCount("SIGHUP")]).toEqual(["new", before]);
    }
    await expect(worker.drain()).rejects.toMatchObject({ code: "worker-not-started" });
    await expect(worker.submit(taskOf(), { agent: "report" })).rejects.toMatchObject({ code: "store-closed" });
    expect(told).toEqual([]);
    await worker.stop();
  });
});
