/** A queue on BullMQ whose Redis is a cluster of three. */
import { Agent, Runs, Task } from "asimov-agents";
import { RedisStore } from "asimov-agents/redis";
import { AgentWorker, bullQueue } from "asimov-agents/worker";
import { type Cluster, Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type RedisCluster, startRedisCluster } from "../support/redis-cluster.ts";
import { nodeOf } from "../waiting/pair.ts";

describe("a queue on BullMQ (Redis Cluster)", () => {
  let cluster: RedisCluster;
  let client: Cluster;
  beforeAll(async () => {
    cluster = await startRedisCluster();
    client = cluster.client();
  }, 60_000);
  afterAll(async () => {
    client.disconnect();
    await cluster.stop();
  });
  const closing: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });

  /** Of all of its servers. */
  const keysOf = async (prefix: string): Promise<string[]> =>
    (await Promise.all(client.nodes("master").map((node) => node.keys("*")))).flat().filter((key) => key.startsWith(`${prefix}:`));

  it.each<[string, string | undefined]>([
    ["{bull}", undefined],
    ["mine-{a}", "mine-{a}"],
  ])("gives runs their turns by keys in one slot (%s)", { timeout: 60_000 }, async (begins, prefix) => {
    const store = new RedisStore({ client, prefix: `${crypto.randomUUID()}:` });
    closing.push(() => store.close());
    const queueOf = () => {
      const queue = bullQueue({ connection: client, ...(prefix === undefined ? {} : { prefix }) });
      closing.push(() => queue.close());
      return queue;
    };
    const told: string[] = [];
    const agents = ["one", "two"].map((name) => new Agent({ name, nodes: [nodeOf("work", () => "done")] }));
    const worker = new AgentWorker({ agents, store, queue: queueOf(), onRefused: (error) => void told.push(error.message) });
    closing.push(() => worker.stop({ graceMs: 0 }));
    await worker.start();
    const runs = new Runs(store, { queue: queueOf() });
    for (const [id, agent] of [
      ["a", "one"],
      ["b", "two"],
    ] as const)
      await runs.submit(new Task({ id, type: "test", objective: "Work" }), { agent, delayMs: 50, priority: 3 });
    for (const id of ["a", "b"]) for await (const { status } of runs.watch(id)) if (status === "COMPLETE") break;
    const keys = await keysOf(begins);
    expect(new Set(await Promise.all(keys.map((key) => client.cluster("KEYSLOT", key)))).size).toBe(1);
    expect(keys.some((key) => key.startsWith(`${begins}:asimov.one:`))).toBe(true);
    expect(told).toEqual([]);
  });

  it("refuses a cluster of which one server may throw away what it holds, and names that (RedisStore, bullQueue)", {
    timeout: 60_000,
  }, async () => {
    const evicting = new Redis(cluster.servers[2]?.url as string);
    closing.push(async () => evicting.disconnect());
    closing.push(() => evicting.config("SET", "maxmemory-policy", "noeviction"));
    await evicting.config("SET", "maxmemory-policy", "allkeys-lru");
    const place = new URL(cluster.servers[2]?.url as string).host;
    const message = expect.stringMatching(`^Redis at ${place} may throw away what is stored: .*found allkeys-lru`);
    const store = new RedisStore({ client, prefix: `${crypto.randomUUID()}:` });
    closing.push(() => store.close());
    await expect(store.read("a")).rejects.toMatchObject({ code: "store-evicts", message });
    const queue = bullQueue({ connection: client });
    closing.push(() => queue.close());
    const wakeUp = { taskId: "a", agent: "one", delayMs: 0, priority: 0 };
    await expect(queue.tell(wakeUp)).rejects.toMatchObject({ code: "queue-refused", message });
    await evicting.config("SET", "maxmemory-policy", "noeviction");
    await queue.tell(wakeUp);
    expect(await store.read("a")).toBe(undefined);
  });

  it.each(["bull", "a{}", "a}{b", "{a"])("refuses a prefix without a hash tag (%s)", (prefix) => {
    const make = () => bullQueue({ connection: client, prefix });
    expect(make).toThrow(
      expect.objectContaining({ code: "invalid-options", message: expect.stringMatching(/prefix: on a cluster a hash tag/) }),
    );
  });
});
