/** A Redis cluster of three servers on loopback, without replicas. */
import { Cluster, Redis } from "ioredis";
import { type RedisServer, startRedisServer } from "./redis-server.ts";

const SLOTS = 16_384;
const SERVERS = 3;

export interface RedisCluster {
  /** A client of it, which the caller ends. */
  client(): Cluster;
  readonly servers: readonly RedisServer[];
  stop(): Promise<void>;
}

export async function startRedisCluster(): Promise<RedisCluster> {
  const settings = ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"];
  const servers = await Promise.all(Array.from({ length: SERVERS }, () => startRedisServer(undefined, settings)));
  const clients = servers.map(({ url }) => new Redis(url));
  const { hostname, port } = new URL((servers[0] as RedisServer).url);
  try {
    for (const [index, client] of clients.entries()) {
      const [from, to] = [Math.floor((index * SLOTS) / SERVERS), Math.floor(((index + 1) * SLOTS) / SERVERS) - 1];
      await client.call("cluster", "addslotsrange", from, to).catch(async () => {
        // Before 7.0.
        await client.call("cluster", "addslots", ...Array.from({ length: to - from + 1 }, (_, slot) => from + slot));
      });
      await client.call("cluster", "set-config-epoch", index + 1);
      if (index > 0) await client.call("cluster", "meet", hostname, port);
    }
    for (const client of clients) await untilWhole(client);
  } finally {
    for (const client of clients) client.disconnect();
  }
  const nodes = servers.map(({ url }) => ({ host: new URL(url).hostname, port: Number(new URL(url).port) }));
  return {
    servers,
    client: () => new Cluster(nodes, { lazyConnect: true, slotsRefreshTimeout: 5_000 }),
    stop: async () => void (await Promise.all(servers.map((server) => server.stop()))),
  };
}

async function untilWhole(client: Redis): Promise<void> {
  for (;;) {
    const info = String(await client.call("cluster", "info"));
    if (info.includes("cluster_state:ok") && info.includes(`cluster_known_nodes:${SERVERS}`)) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
