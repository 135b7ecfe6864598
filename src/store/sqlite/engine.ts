/** The part of `node:sqlite` that is used, asked for when it is needed, so that nothing but a store of this kind needs it. */
import { AsimovError } from "#contract/base/errors";
import type { TalkSystem } from "#store/talk-files";

export type Value = string | number | Uint8Array | null;
export type Row = Record<string, Value>;

export interface Statement {
  run(...values: Value[]): { changes: number | bigint; lastInsertRowid: number | bigint };
  get(...values: Value[]): unknown;
  all(...values: Value[]): unknown[];
}

export interface Database {
  exec(sql: string): void;
  prepare(sql: string): Statement;
  close(): void;
}

interface Modules {
  "node:sqlite": { DatabaseSync: new (file: string) => Database } | undefined;
  fs: TalkSystem & {
    mkdirSync(path: string, options: { recursive: true; mode: number }): unknown;
    openSync(path: string, flags: string, mode: number): number;
    closeSync(file: number): void;
    statSync(path: string, options: { throwIfNoEntry: false; bigint: true }): { dev: bigint; ino: bigint } | undefined;
  };
  path: { resolve(path: string): string; dirname(path: string): string };
}

interface Process {
  version?: string;
  getBuiltinModule?<Name extends keyof Modules>(name: Name): Modules[Name];
}

type Get = NonNullable<Process["getBuiltinModule"]>;

/** @throws AsimovError `store-unavailable` where this is no Node, or one without `node:sqlite` */
export function requireSqlite(): { get: Get; sqlite: NonNullable<Modules["node:sqlite"]> } {
  const { process } = globalThis as { process?: Process };
  const get = process?.getBuiltinModule;
  const sqlite = get?.("node:sqlite");
  if (get !== undefined && sqlite !== undefined) return { get, sqlite };
  throw new AsimovError(
    `SqliteStore needs the module node:sqlite, which Node has from 22.13 on; this is ${process?.version ?? "no Node"}. Use FileStore or MemoryStore here.`,
    { code: "store-unavailable" },
  );
}

export interface OpenFile {
  database: Database;
  path: string;
  /** Whether the path leads to another file by now, or to none: what is written here is in no file that anybody finds. */
  isGone(): boolean;
}

export function openFile(file: string): OpenFile {
  const { get, sqlite } = requireSqlite();
  const { mkdirSync, openSync, closeSync, statSync } = get("fs");
  const { resolve, dirname } = get("path");
  const path = resolve(file);
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  // Others of the machine have no business in it; the files beside it get the same rights.
  closeSync(openSync(path, "a", 0o600));
  const identity = (): string => {
    const found = statSync(path, { throwIfNoEntry: false, bigint: true });
    return found === undefined ? "" : `${found.dev} ${found.ino}`;
  };
  const database = new sqlite.DatabaseSync(path);
  const opened = identity();
  return { database, path, isGone: () => identity() !== opened };
}
