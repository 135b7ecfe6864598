import { Agent, MemoryStore, Node } from "asimov-agents";
import { RedisCache } from "asimov-agents/redis";
import { afterAll, beforeEach, describe, expect, inject, it } from "vitest";
import { snapshotsOf } from "../support/snapshots.ts";
import { logged, newTask, TASK_ID } from "./fixture.ts";

/** A database of its own: the other tests use the first. */
const url = `${inject("redisUrl").replace(/\/\d*$/, "")}/11`;

describe("restoring on a Redis", () => {
  const cache = new RedisCache({ url, defaultPrefix: "team" });

  const empty = async (): Promise<void> => {
    for (const view of [cache, cache.withPrefix("team:desk")]) {
      await view.clear();
      for (const mailbox of await view.mailboxes()) while ((await view.getMessage(mailbox, { timeoutMs: 0 })) !== null);
    }
  };
  beforeEach(empty);
  afterAll(async () => {
    await empty();
    await cache.close();
  });

  const graph = (): Node[] => [
    new Node({
      name: "first",
      modules: [logged([], "first", async ({ values, cache: shared }) => [await values.increment("n"), await shared.increment("n")])],
    }),
    new Node({
      name: "second",
      dependencies: ["first"],
      snapshot: "ALWAYS",
      modules: [
        logged([], "second", async ({ values, cache: shared }) => [
          await values.increment("n"),
          await shared.increment("n"),
          await shared.getMessage("inbox", { timeoutMs: 0 }),
        ]),
      ],
    }),
  ];

  it("touches nothing of the agent's cache: not what the run did there, nor what others did meanwhile", async () => {
    const store = new MemoryStore({ keep: 10_000 });
    const agent = new Agent({ cache, nodes: graph(), store, snapshot: "NEVER" });
    expect((await agent.runTask(newTask())).results).toEqual({ first: [1, 1], second: [2, 2, null] });
    await cache.set("foreign", "stays");
    await cache.publishToMailbox("inbox", "came meanwhile");
    const [ref] = await snapshotsOf(store, TASK_ID);
    expect((await agent.runFromSnapshot(ref ?? "")).results).toEqual({ first: [1, 1], second: [2, 3, "came meanwhile"] });
    expect(await cache.getAll()).toEqual({ foreign: "stays", n: 3 });
  });

  it("goes on with the values as they are, where they are in a key space of the cache", async () => {
    const store = new MemoryStore({ keep: 10_000 });
    const agent = new Agent({ cache, nodes: graph(), store, snapshot: "NEVER" });
    await agent.runTask(newTask(), { cachePrefix: "desk" });
    const [ref] = await snapshotsOf(store, TASK_ID);
    expect((await agent.runFromSnapshot(ref ?? "", { cachePrefix: "desk" })).results.second).toEqual([3, 3, null]);
    expect(await cache.withPrefix("team:desk").getAll()).toEqual({ n: 3, task: expect.objectContaining({ status: "COMPLETE" }) });
    await expect(agent.runFromSnapshot(ref ?? "", { cachePrefix: "other" })).rejects.toThrow('in the key space "desk"; got "other"');
    expect(await cache.withPrefix("team:other").getAll()).toEqual({});
  });
});
