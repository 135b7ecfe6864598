/** Where a store is measured: a folder, or a server of its own whose acknowledged writes are on the disk, for as long as it is used. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { Client } from "pg";
import { startPostgresServer } from "../tests/support/postgres-server.ts";
import { startRedisServer } from "../tests/support/redis-server.ts";
import type { OnDisk, OnServer } from "./contenders/ours-stores.ts";
import { bytesIn } from "./on-disk.ts";

const DURABLE = ["--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "noeviction"];

export async function inPlace<T>(kind: OnDisk | OnServer, use: (place: string) => Promise<T>): Promise<T> {
  if (kind === "RedisStore") {
    const server = await startRedisServer(undefined, DURABLE);
    return await use(server.url).finally(() => server.stop());
  }
  if (kind === "PostgresStore") {
    const server = await startPostgresServer("fsync=on", "max_connections=200");
    return await use(server.url).finally(() => server.remove());
  }
  const folder = await mkdtemp(join(tmpdir(), "asimov-bench-"));
  return await use(folder).finally(() => rm(folder, { recursive: true, force: true }));
}

/** What is there: of Redis in memory, else on the disk. */
export async function bytesAt(kind: OnDisk | OnServer, place: string): Promise<number> {
  if (kind === "RedisStore") {
    const client = new Redis(place);
    const info = await client.info("memory").finally(() => client.quit());
    return Number(/^used_memory:(\d+)/m.exec(info)?.[1]);
  }
  if (kind !== "PostgresStore") return bytesIn(place);
  const client = new Client({ connectionString: place });
  await client.connect();
  const { rows } = await client.query("select pg_database_size(current_database()) as bytes").finally(() => client.end());
  return Number(rows[0]?.bytes);
}
