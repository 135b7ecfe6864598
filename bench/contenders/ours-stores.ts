/** The run stores, each in a place of its own where it needs one: a folder, or a server. */
import { join } from "node:path";
import { FileStore, MemoryStore, type RunStore } from "../../src/index.ts";
import { PostgresStore } from "../../src/postgres.ts";
import { RedisStore } from "../../src/redis.ts";
import { SqliteStore } from "../../src/sqlite.ts";

export type Kind = "MemoryStore" | OnDisk | OnServer;
export type OnDisk = "FileStore" | "SqliteStore";
export type OnServer = "RedisStore" | "PostgresStore";

interface Options {
  keep?: number;
  /** Of files. */
  fsync?: boolean;
}

/** What it acknowledges is on the disk, unless the files shall not be flushed. @param place a folder, or a server's address */
export function storeIn(kind: Kind, place: string, { fsync = true, ...options }: Options = {}): RunStore {
  if (kind === "MemoryStore") return new MemoryStore(options);
  if (kind === "FileStore") return new FileStore({ dir: place, fsync, ...options });
  if (kind === "RedisStore") return new RedisStore({ url: place, ...options });
  if (kind === "PostgresStore") return new PostgresStore({ connectionString: place, ...options });
  return new SqliteStore({ file: join(place, "runs.db"), ...options });
}
