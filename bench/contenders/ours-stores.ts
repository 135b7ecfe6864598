/** The three run stores, each in a folder of its own where it needs one. */
import { join } from "node:path";
import { FileStore, MemoryStore, type RunStore } from "../../src/index.ts";
import { SqliteStore } from "../../src/sqlite.ts";

export type Kind = "MemoryStore" | OnDisk;
export type OnDisk = "FileStore" | "SqliteStore";

/** What it acknowledges is on the disk, unless the files shall not be flushed. */
export function storeIn(kind: Kind, folder: string, { fsync = true, ...options }: { keep?: number; fsync?: boolean } = {}): RunStore {
  if (kind === "MemoryStore") return new MemoryStore(options);
  if (kind === "FileStore") return new FileStore({ dir: folder, fsync, ...options });
  return new SqliteStore({ file: join(folder, "runs.db"), ...options });
}
