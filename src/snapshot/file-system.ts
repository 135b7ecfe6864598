/** The part of Node that the file store uses, asked for at run time, so that the core bundles for a browser. */
import { SnapshotError } from "#contract/base/errors";

/** Short calls are synchronous: each takes microseconds, a hop to the thread pool ten times that. What waits for the disk is not. */
export interface FileSystem {
  mkdirSync(path: string, options: { mode: number; recursive?: boolean }): string | undefined;
  openSync(path: string, flags: string, mode?: number): number;
  writeSync(file: number, bytes: Uint8Array, offset: number): number;
  write(
    file: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
    position: null,
    done: (error: Error | null, written: number) => void,
  ): void;
  fsync(file: number, done: (error: Error | null) => void): void;
  closeSync(file: number): void;
  renameSync(from: string, to: string): void;
  promises: {
    readdir(path: string): Promise<string[]>;
    readFile(path: string): Promise<Uint8Array>;
    stat(path: string): Promise<{ mtimeMs: number }>;
    rm(path: string, options: { recursive: boolean; force: boolean }): Promise<void>;
  };
}

interface Modules {
  fs: FileSystem;
  crypto: { hash(algorithm: string, bytes: Uint8Array | string, encoding: "hex"): string };
  path: {
    resolve(...parts: string[]): string;
    join(...parts: string[]): string;
    dirname(path: string): string;
    basename(path: string): string;
  };
  os: { tmpdir(): string };
}

interface Process {
  env: Record<string, string | undefined>;
  platform: string;
  getBuiltinModule?<Name extends keyof Modules>(name: Name): Modules[Name];
}

export interface Host extends Modules {
  env: Record<string, string | undefined>;
  /** Whether a folder can be opened and synced, which Windows refuses. */
  syncsFolders: boolean;
}

/** @throws SnapshotError `snapshot-no-file-system` */
export function openHost(): Host {
  const { process } = globalThis as { process?: Process };
  const get = process?.getBuiltinModule;
  if (process === undefined || get === undefined) {
    throw new SnapshotError(
      "FileSnapshotStore needs the file system of Node 22.3 or newer (process.getBuiltinModule), which is not here. In a browser, use MemorySnapshotStore or a store of your own.",
      { code: "snapshot-no-file-system" },
    );
  }
  return {
    fs: get("fs"),
    crypto: get("crypto"),
    path: get("path"),
    os: get("os"),
    env: process.env,
    syncsFolders: process.platform !== "win32",
  };
}
