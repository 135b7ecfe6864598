/** What SQLite and the file system say, in the words of the library. */
import { AsimovError, messageOf, SnapshotError } from "#contract/base/errors";

const BUSY = new Set([5, 6]);

interface Kind {
  code: string;
  advice: string;
  retryable: boolean;
}

const UNAVAILABLE: Kind = {
  code: "store-unavailable",
  advice: "Make the place available, with rights to read and to write.",
  retryable: true,
};
const DAMAGED: Kind = { code: "store-damaged", advice: "Put a copy in its place, or make a new store elsewhere.", retryable: false };

/** By SQLite's primary result code. */
const KINDS: Readonly<Record<number, Kind>> = {
  8: { code: "store-read-only", advice: "Give this process the right to write the file and its folder.", retryable: true },
  11: DAMAGED,
  13: { code: "store-full", advice: "Make room on the disk; what was stored is as it was.", retryable: true },
  26: DAMAGED,
};

const resultOf = (error: unknown): number | undefined => {
  const code = (error as { errcode?: unknown } | null)?.errcode;
  return typeof code === "number" ? code & 0xff : undefined;
};

/** Whether somebody else holds the database for now. */
export const isBusy = (error: unknown): boolean => BUSY.has(resultOf(error) ?? 0);

export function busy(path: string, ms: number, cause: unknown): AsimovError {
  return new AsimovError(
    `The database ${path} was held by another process for ${ms} ms; nothing was written. Try again, or raise \`busyMs\`.`,
    {
      code: "store-busy",
      retryable: true,
      cause,
    },
  );
}

export function wrongFormat(path: string, expected: string, found: string): AsimovError {
  return new AsimovError(
    `The database ${path} is not this store's: expected ${expected}, found ${found}. Open it with the program that made it, or name another file.`,
    { code: "store-format" },
  );
}

export const replaced = (path: string): AsimovError =>
  new AsimovError(
    `The database ${path} was removed, or another file was put in its place, while this store had it open: what it writes would be lost. Put the file back where it was, or close this store, open another one, and resume its runs.`,
    { code: "store-replaced" },
  );

/** One that cannot be read; others of the database can. */
export function damagedRow(table: string, column: string, cause: unknown): SnapshotError {
  return new SnapshotError(`A row of the table ${table} is damaged: its column ${column} cannot be read (${messageOf(cause)}).`, {
    code: "snapshot-damaged",
    cause,
  });
}

export function failure(path: string, error: unknown): AsimovError {
  if (error instanceof AsimovError) return error;
  const { code, advice, retryable } = KINDS[resultOf(error) ?? 0] ?? UNAVAILABLE;
  return new AsimovError(`The database ${path} could not be used: ${messageOf(error)}. ${advice}`, { code, retryable, cause: error });
}
