/** What Redis and the network say, in the words of the library. */
import { AsimovError, messageOf } from "#contract/base/errors";
import { NO_DATABASE, refusedText, WRONG_LOGIN } from "#contract/base/redis-server";

interface Kind {
  /** Of the server's reply; before 7.0 one that a script met has other words before it. */
  reply: RegExp;
  code: string;
  happened: string;
  todo: string;
  passes: boolean;
}

const word = (names: string): RegExp => new RegExp(`(?:^|[\\s:-])(?:${names})\\b`);

const KINDS: readonly Kind[] = [
  {
    reply: word("OOM"),
    code: "store-full",
    happened: "its memory is full (`maxmemory`)",
    todo: "Raise `maxmemory`, or remove runs; what was stored is as it was.",
    passes: true,
  },
  {
    reply: word("MISCONF"),
    code: "store-full",
    happened: "it cannot save its data, and takes no writes",
    todo: "Free its disk, or mend what its log names.",
    passes: true,
  },
  {
    reply: word("READONLY"),
    code: "store-read-only",
    happened: "it is a replica, which takes no writes",
    todo: "Connect to the primary; after a failover, check that the address leads to the new one.",
    passes: true,
  },
  {
    ...WRONG_LOGIN,
    code: "store-refused",
    passes: false,
  },
  {
    reply: /(?:^|[\s:-])NOPERM\b|The user executing the script can't/,
    code: "store-refused",
    happened: "its user may not do this",
    todo: "Allow it in the server's ACL: all commands but the dangerous ones on the keys and channels of the store's prefix, `+info` and `+time`.",
    passes: false,
  },
  {
    ...NO_DATABASE,
    code: "store-refused",
    passes: false,
  },
  {
    reply: word("WRONGTYPE"),
    code: "store-format",
    happened: "another program stored something of another type under a name of the store's",
    todo: "Give the store a `prefix` of its own.",
    passes: false,
  },
  {
    reply: word("LOADING|MASTERDOWN|TRYAGAIN|NOREPLICAS|CLUSTERDOWN|BUSY"),
    code: "store-unavailable",
    happened: "it is not ready",
    todo: "It is tried again; where it stays so, look at its log.",
    passes: true,
  },
  {
    reply: /max number of clients/,
    code: "store-unavailable",
    happened: "it has as many connections as it takes (`maxclients`)",
    todo: "Close some, or raise `maxclients`.",
    passes: true,
  },
];

const OTHER: Omit<Kind, "reply"> = {
  code: "store-refused",
  happened: "it does not take this command",
  todo: "Check its version (6.2 or later) and its settings.",
  passes: false,
};

const isReply = (error: unknown): boolean => error instanceof Error && error.name === "ReplyError";

/** Without the arguments of the command, which are users' data, and without the place within a script. */
const textOf = (error: unknown): string => messageOf(error).split(/, with args| script: /, 1)[0] ?? "";

/**
 * Those of ioredis hold the command's arguments, and its options the password: only their text goes on.
 *
 * @param trouble what the connection has met since it last was there
 */
export function failure(place: string, error: unknown, trouble?: Error): AsimovError {
  if (error instanceof AsimovError) return error;
  const met = isReply(error) ? error : trouble;
  if (isReply(met)) {
    const kind = KINDS.find(({ reply }) => reply.test(textOf(met))) ?? OTHER;
    return new AsimovError(refusedText(place, kind, textOf(met)), { code: kind.code, retryable: kind.passes });
  }
  const details = [textOf(error), (trouble as { code?: string } | undefined)?.code ?? ""].filter((detail) => detail !== "").join("; ");
  return new AsimovError(
    `Redis at ${place} is not available: ${details}. Check that it runs and can be reached. Where this was a write, whether it took effect is not known.`,
    { code: "store-unavailable", retryable: true },
  );
}

export const missingPackage = (cause: unknown): AsimovError =>
  new AsimovError("RedisStore needs the package ioredis: `npm install ioredis`.", { code: "missing-package", cause });

export const otherFormat = (place: string, expected: string, found: string): AsimovError =>
  new AsimovError(
    `Redis at ${place} holds runs of another version of asimov-agents under this prefix: expected format ${expected}, found ${found.slice(0, 20)}. Use that version, or another \`prefix\`.`,
    { code: "store-format" },
  );
