import { Agent, MemorySnapshotStore, Node } from "asimov-agents";
import { RedisCache } from "asimov-agents/redis";
import { afterAll, beforeEach, describe, expect, inject, it } from "vitest";
import { collect, logged, newTask, TASK_ID } from "./fixture.ts";

/** Databases of their own: the other tests use the first. */
const url = (db: number): string => `${inject("redisUrl").replace(/\/\d*$/, "")}/${db}`;

describe("restoring on a Redis", () => {
  const shared = new RedisCache({ url: url(11) });
  const own = new RedisCache({ url: url(12), defaultPrefix: "own" });

  const empty = async (): Promise<void> => {
    for (const cache of [shared, own, own.withPrefix("other")]) {
      await cache.clear();
      for (const mailbox of await cache.mailboxes()) while ((await cache.getMessage(mailbox, { timeoutMs: 0 })) !== null);
    }
  };
  beforeEach(empty);
  afterAll(async () => {
    await empty();
    await Promise.all([shared.close(), own.close()]);
  });

  const graph = (): Node[] => [
    new Node({ name: "first", modules: [logged([], "first", ({ cache }) => cache.increment("n"))] }),
    new Node({
      name: "second",
      dependencies: ["first"],
      snapshot: "ALWAYS",
      modules: [
        logged([], "second", async ({ cache }) => {
          await cache.publishToMailbox("inbox", "later");
          return cache.increment("n");
        }),
      ],
    }),
  ];

  async function rerun(cache: RedisCache, options: { clear?: boolean }) {
    const snapshotStore = new MemorySnapshotStore();
    await cache.publishToMailbox("inbox", "before");
    await new Agent({ cache, nodes: graph(), snapshotStore }).runTask(newTask());
    await cache.set("foreign", "stays");
    await cache.publishToMailbox("foreign", "stays");
    const [ref] = await snapshotStore.list(TASK_ID);
    const run = await new Agent({ cache, nodes: graph(), snapshotStore }).startFromSnapshot(ref ?? "", options);
    const [restored] = await collect(run.events());
    expect((await run.outcome).results.second?.results[0]?.result).toBe(2);
    expect(await cache.peekMailbox("inbox")).toEqual(["before", "later"]);
    return { restored, foreign: await cache.get("foreign", null), foreignMailbox: await cache.peekMailbox("foreign") };
  }

  it("keeps what the run did not store where others may, and says so", async () => {
    expect(await rerun(shared, {})).toMatchObject({
      restored: { type: "run.restored", keptForeignKeys: true },
      foreign: "stays",
      foreignMailbox: ["stays"],
    });
  });

  it("removes it with `clear`", async () => {
    expect(await rerun(shared, { clear: true })).toMatchObject({ restored: { keptForeignKeys: false }, foreign: null, foreignMailbox: [] });
  });

  it("removes it under a prefix of the run's own, and nothing under another", async () => {
    await own.withPrefix("other").set("n", 100);
    expect(await rerun(own, {})).toMatchObject({ restored: { keptForeignKeys: false }, foreign: null, foreignMailbox: [] });
    expect(await own.withPrefix("other").get("n")).toBe(100);
  });
});
