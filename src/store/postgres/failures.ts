/** What PostgreSQL and the network say, in the words of the library. */
import { AsimovError, messageOf } from "#contract/base/errors";

interface Kind {
  /** Beginnings of SQLSTATE. */
  states: readonly string[];
  code: string;
  happened: string;
  todo: string;
  /** Whether it may be gone at the next try. */
  passes: boolean;
}

const UNAVAILABLE: Omit<Kind, "states"> = {
  code: "store-unavailable",
  happened: "it is not ready",
  todo: "It is tried again; where it stays so, look at its log.",
  passes: true,
};

const KINDS: readonly Kind[] = [
  {
    states: ["25006"],
    code: "store-read-only",
    happened: "it takes no writes: it is a standby, or its transactions are read-only",
    todo: "Connect to the primary, or set `default_transaction_read_only` to off.",
    passes: true,
  },
  {
    states: ["53100"],
    code: "store-full",
    happened: "its disk is full",
    todo: "Make room; what was stored is as it was.",
    passes: true,
  },
  {
    states: ["53200"],
    code: "store-full",
    happened: "its memory is used up",
    todo: "Give it more, or less work; what was stored is as it was.",
    passes: true,
  },
  {
    ...UNAVAILABLE,
    states: ["53300"],
    happened: "it has as many connections as it takes, or as it lets this user or this database have",
    todo: "Close some, or raise `max_connections`, or the `connection limit` of the role or the database.",
  },
  {
    ...UNAVAILABLE,
    states: ["57014"],
    happened: "a statement took longer than it may",
    todo: "Give its role a `statement_timeout` of 10 s or more; where it has that, look for long transactions in pg_stat_activity.",
  },
  {
    ...UNAVAILABLE,
    states: ["55P03", "40"],
    happened: "others held what is written here for too long",
    todo: "Try again; where it stays so, look for long transactions in pg_stat_activity.",
  },
  { ...UNAVAILABLE, states: ["57P", "08", "25P03", "58"] },
  {
    states: ["28"],
    code: "store-refused",
    happened: "it wants another user name or password, or does not let this user in",
    todo: "Write them into the `connectionString`, and see its pg_hba.conf.",
    passes: false,
  },
  {
    states: ["3D000"],
    code: "store-refused",
    happened: "it has no such database",
    todo: "Make it by `create database`, or name another one.",
    passes: false,
  },
  {
    states: ["42704", "22023"],
    code: "store-refused",
    happened: "it does not know a setting that the connection asks for, or a value of it",
    todo: "Mend the `options` of the `connectionString`.",
    passes: false,
  },
  {
    states: ["42501"],
    code: "store-refused",
    happened: "its user may not do this",
    todo: "Make the user owner of the store's schema, or let it make one: `grant create on database … to …`.",
    passes: false,
  },
  {
    states: ["42P01", "42703", "42883", "3F000", "23"],
    code: "store-format",
    happened: "the tables are not as this store made them",
    todo: "Restore them from a backup, or give the store a `schema` of its own.",
    passes: false,
  },
  {
    states: ["XX001", "XX002"],
    code: "store-damaged",
    happened: "its files are damaged",
    todo: "Restore them from a backup.",
    passes: false,
  },
];

const OTHER: Omit<Kind, "states"> = {
  code: "store-refused",
  happened: "it does not take this statement",
  todo: "Check its version (13 or later) and its settings.",
  passes: false,
};

const LOCKED = "55P03";
const MOST_TEXT = 300;

/** The SQLSTATE of what the server said; undefined for what the network or the driver did. */
function stateOf(error: unknown): string | undefined {
  const { code, severity } = (error ?? {}) as { code?: unknown; severity?: unknown };
  return typeof code === "string" && typeof severity === "string" ? code : undefined;
}

/** Whether the server has said no, and is there still: what the transaction did is undone. */
export const isRefusal = (error: unknown): boolean =>
  stateOf(error) !== undefined && (error as { severity?: unknown }).severity === "ERROR";

/** Whether the driver says that it has sent nothing: the connection was lost before. */
const isUnsent = (error: unknown): boolean => messageOf(error).endsWith("is not queryable");

/** Whether what was to be written may have taken effect. */
export const isInDoubt = (error: unknown): boolean => !isRefusal(error) && !isUnsent(error);

const kindOf = (state: string): Omit<Kind, "states"> =>
  KINDS.find(({ states }) => states.some((start) => state.startsWith(start))) ?? OTHER;

/** What the driver says by itself, and would say again. */
const OF_DRIVER: readonly { says: RegExp; code: string; happened: string; todo: string }[] = [
  {
    says: /SASL|password must be/,
    code: "store-refused",
    happened: "wants a password",
    todo: "Write it into the `connectionString`.",
  },
  {
    says: /does not support SSL/,
    code: "store-refused",
    happened: "takes no encrypted connections",
    todo: "Set `ssl` to on there, or leave `sslmode` out of the `connectionString`.",
  },
  {
    says: /ENOENT: .* open /,
    code: "store-refused",
    happened: "cannot be asked without a certificate or key that is not where the `connectionString` says",
    todo: "Put the file there, or name the one that is.",
  },
  {
    says: /Cannot use a pool after calling end/,
    code: "store-closed",
    happened: "cannot be asked any more: the pool was ended",
    todo: "End it after the store is closed, and make a new store with a new one.",
  },
];

const driverKindOf = (error: unknown) => OF_DRIVER.find(({ says }) => says.test(messageOf(error)));

/** Whether the session stays as it was when the server is another: a connection that says so is not used again. */
export const isOfSession = (error: unknown): boolean => stateOf(error) === "25006";

/** Whether what the store made is not there: somebody has made the database, or the schema, anew. */
export const isUnprepared = (error: unknown): boolean => ["42P01", "42883", "3F000"].includes(stateOf(error) ?? "");

/** Whether the same may be tried again at once: it was not written, and another try may go another way. */
export function isPassing(error: unknown): boolean {
  if (error instanceof AsimovError) return false;
  const state = stateOf(error);
  if (state === undefined) return driverKindOf(error) === undefined;
  return /^(?:40|57P|08|53300)/.test(state);
}

const textOf = (error: unknown): string => {
  // A host with several addresses is told as several errors.
  const { errors } = error as { errors?: unknown[] };
  const text = Array.isArray(errors) ? errors.map((each) => messageOf(each)).join("; ") : messageOf(error);
  return text.slice(0, MOST_TEXT);
};

/** @param isUnknown whether what was written may have taken effect */
export function failure(place: string, error: unknown, isUnknown = false): AsimovError {
  if (error instanceof AsimovError) return error;
  const state = stateOf(error);
  const doubt = isUnknown ? " Whether the write took effect is not known." : "";
  if (state !== undefined) {
    const { code, happened, todo, passes } = kindOf(state);
    const text = `PostgreSQL at ${place} refused a statement: ${happened}. ${todo}${doubt} It said: ${textOf(error)} (${state})`;
    const refusal = new AsimovError(text, { code, retryable: passes });
    if (state === LOCKED) locked.add(refusal);
    return refusal;
  }
  const kind = driverKindOf(error);
  if (kind !== undefined) {
    const { code, happened, todo } = kind;
    return new AsimovError(`PostgreSQL at ${place} ${happened}. ${todo}${doubt} The driver said: ${textOf(error)}`, { code });
  }
  return new AsimovError(`PostgreSQL at ${place} is not available: ${textOf(error)}. Check that it runs and can be reached.${doubt}`, {
    code: "store-unavailable",
    retryable: true,
  });
}

/** Of a row that others hold, which no statement has waited for. */
export function stillHeld(place: string): AsimovError {
  const { code, happened, todo, passes } = kindOf(LOCKED);
  return new AsimovError(`PostgreSQL at ${place} did not make a step: ${happened}. ${todo}`, { code, retryable: passes });
}

const locked = new WeakSet<object>();

/** Whether a statement has waited too long for what others hold, and did nothing. */
export const isLocked = (error: unknown): boolean => locked.has(error as object);

export const missingPackage = (cause: unknown): AsimovError =>
  new AsimovError("PostgresStore needs the package pg: `npm install pg`.", { code: "missing-package", cause });

export const tooOld = (place: string, version: string): AsimovError =>
  new AsimovError(`PostgreSQL at ${place} is version ${version}; expected 13 or later. Update it, or use another store.`, {
    code: "store-format",
  });

export const otherEncoding = (place: string, encoding: string): AsimovError =>
  new AsimovError(
    `The database of PostgreSQL at ${place} is encoded as ${encoding}; expected UTF8. Make another one: \`create database … encoding 'UTF8' template template0\`.`,
    { code: "store-format" },
  );

export const otherFormat = (place: string, schema: string, expected: string, found: string): AsimovError =>
  new AsimovError(
    `The schema ${schema} of PostgreSQL at ${place} is not this store's: expected ${expected}, found ${found}. Use the program that made it, or give the store another \`schema\`.`,
    { code: "store-format" },
  );
