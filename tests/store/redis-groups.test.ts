/** What comes in one turn is one round trip to a Redis server, and on a cluster one to each of its servers: nothing waits for a reply to anything else. */
import { Cluster } from "ioredis";
import { afterEach, describe, expect, it } from "vitest";
import { RedisStore } from "#store/redis/store";
import { commitOf, owned } from "#testing/run-law";
import { type HoldingProxy, startHoldingProxy } from "../support/holding-proxy.ts";
import { startRedisCluster } from "../support/redis-cluster.ts";
import { startRedisServer } from "../support/redis-server.ts";

const RUNS = 64;
const SOON = { timeout: 20_000 };

describe("64 runs that commit in one turn", () => {
  const opened: (() => unknown)[] = [];
  afterEach(async () => {
    for (const close of opened.splice(0).reverse()) await close();
  });

  async function proxied(servers: readonly { url: string; stop(): Promise<void> }[]): Promise<HoldingProxy[]> {
    const proxies = await Promise.all(servers.map(({ url }) => startHoldingProxy(url)));
    for (const proxy of proxies) opened.push(() => proxy.close());
    return proxies;
  }

  /** Asks all of it while no reply arrives. */
  async function commitTogether(store: RedisStore, proxies: readonly HoldingProxy[]): Promise<number[]> {
    opened.push(() => store.close());
    const leases = await Promise.all(Array.from({ length: RUNS }, (_, n) => owned(store, `run-${n}`)));
    // On a cluster each server learns the script when it first meets it.
    for (const generation of [2, 3]) {
      if (generation === 3) for (const proxy of proxies) proxy.hold();
      const made = Promise.all(leases.map((lease) => store.commit(lease, commitOf(generation, { part: "x" }))));
      if (generation === 2) expect((await made).every(({ ok }) => ok)).toBe(true);
      else {
        const counts = () => proxies.map((proxy) => proxy.count("evalsha"));
        await expect.poll(() => counts().reduce((sum, count) => sum + count), SOON).toBe(RUNS);
        const each = counts();
        for (const proxy of proxies) proxy.release();
        expect((await made).every(({ ok }) => ok)).toBe(true);
        return each;
      }
    }
    return [];
  }

  it("are written in one round trip", async () => {
    const server = await startRedisServer();
    opened.push(() => server.stop());
    const proxies = await proxied([server]);
    const [proxy] = proxies as [HoldingProxy];
    const store = new RedisStore({ url: `redis://${proxy.host}:${proxy.port}` });
    expect(await commitTogether(store, proxies)).toEqual([RUNS]);
  });

  it("are written in one round trip to each server of a cluster", async () => {
    const cluster = await startRedisCluster();
    opened.push(() => cluster.stop());
    const proxies = await proxied(cluster.servers);
    const natMap = Object.fromEntries(
      cluster.servers.map(({ url }, index) => {
        const { host, port } = proxies[index] as HoldingProxy;
        return [new URL(url).host, { host, port }];
      }),
    );
    const client = new Cluster(
      cluster.servers.map(({ url }) => ({ host: new URL(url).hostname, port: Number(new URL(url).port) })),
      { natMap, slotsRefreshTimeout: 5_000 },
    );
    opened.push(() => client.disconnect());
    const counts = await commitTogether(new RedisStore({ client }), proxies);
    expect(counts.every((count) => count > 0)).toBe(true);
  });
});
