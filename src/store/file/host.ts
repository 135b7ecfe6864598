/** The part of Node that the file store uses, asked for at run time, so that the core bundles for a browser. */
import { AsimovError, messageOf, SnapshotError } from "#contract/base/errors";
import type { TalkSystem } from "#store/talk-files";

/** Short calls are synchronous: each takes microseconds, a hop to the thread pool ten times that. What waits for the disk is not. */
interface FileSystem extends TalkSystem {
  mkdirSync(path: string, options: { mode: number; recursive?: boolean }): string | undefined;
  openSync(path: string, flags: string, mode?: number): number;
  writeSync(file: number, bytes: Uint8Array, offset: number): number;
  fsync(file: number, done: (error: Error | null) => void): void;
  closeSync(file: number): void;
  linkSync(from: string, to: string): void;
  renameSync(from: string, to: string): void;
  unlinkSync(path: string): void;
  existsSync(path: string): boolean;
  readdirSync(path: string): string[];
  readFileSync(path: string): Uint8Array;
  appendFileSync(path: string, text: string, options: { mode: number }): void;
  truncateSync(path: string): void;
  statSync(path: string): { size: number; mtimeMs: number; isDirectory(): boolean };
  promises: {
    readFile(path: string): Promise<Uint8Array>;
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
  buffer: { Buffer: { from(value: Uint8Array | string, encoding?: "base64"): Uint8Array & { toString(encoding: "base64"): string } } };
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

/** @throws AsimovError `store-unavailable` */
export function openHost(): Host {
  const { process } = globalThis as { process?: Process };
  const get = process?.getBuiltinModule;
  if (process === undefined || get === undefined) {
    throw new AsimovError(
      "FileStore needs the file system of Node 22.3 or newer (process.getBuiltinModule), which is not here. In a browser, use MemoryStore or a store of your own.",
      { code: "store-unavailable" },
    );
  }
  const modules: Modules = { fs: get("fs"), crypto: get("crypto"), path: get("path"), os: get("os"), buffer: get("buffer") };
  return { ...modules, env: process.env, syncsFolders: process.platform !== "win32" };
}

/** The system's name of an error, such as `ENOENT`. */
export function errorCode(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === "string" ? code : undefined;
}

const ABSENT = new Set(["ENOENT", "ENOTDIR"]);

/** Undefined when it is not there. @throws SnapshotError `snapshot-read-failed` */
export function present<T>(path: string, read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (ABSENT.has(errorCode(error) ?? "")) return undefined;
    throw readFailed(path, error);
  }
}

/** Where nothing was found in it: that it is no folder is another thing than that it is empty, or not there yet. @throws AsimovError `store-unavailable` */
export function requireNoFile({ fs }: Host, dir: string): void {
  const isFile = (): boolean => {
    try {
      return !fs.statSync(dir).isDirectory();
    } catch (error) {
      // Something above it is a file.
      return errorCode(error) === "ENOTDIR";
    }
  };
  if (isFile())
    throw new AsimovError(`${dir} is a file, or within one: FileStore needs a folder. Give it another \`dir\`, or move the file away.`, {
      code: "store-unavailable",
    });
}

export function readFailed(path: string, error: unknown): SnapshotError {
  return new SnapshotError(`${path} could not be read: ${messageOf(error)}. Make it readable for this process, and try again.`, {
    code: "snapshot-read-failed",
    retryable: true,
    cause: error,
  });
}

export function writeFailed(taskId: string, path: string, error: unknown): Error {
  if (error instanceof AsimovError) return error;
  return new SnapshotError(
    `Run "${taskId}" could not be written to ${path}: ${messageOf(error)}. What was stored is as it was. Make room or access there, or give FileStore another \`dir\`.`,
    { code: "snapshot-write-failed", retryable: true, cause: error },
  );
}
