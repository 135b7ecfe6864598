/** What a Redis server means when it refuses a command, and what there is to do. */
import { AsimovError } from "#contract/base/errors";
import { NO_DATABASE } from "#contract/base/redis-server";

interface Refusal {
  /** The first word of the server's reply; a server before 7.0 puts others before it when a script met it. */
  reply: RegExp;
  happened: string;
  todo: string;
  /** Whether the server will take the same command some time. */
  passes?: boolean;
  /** Whether it is the server as a whole that cannot serve. */
  away?: boolean;
}

const word = (name: string): RegExp => new RegExp(`(?:^|[\\s:-])(?:${name})\\b`);

/** What a user of the server must be allowed beside its keys: the hashes of this library, the channel that wakes receivers, and the commands. */
export const REDIS_ACL =
  "~%* &__redis__:invalidate +ping +info +client|id +client|tracking +multi +exec +eval +subscribe +scan +exists +get +mget " +
  "+set +unlink +lrange +llen +rpush +lpush +lpop +hget +hset +hdel +pexpire";

const REFUSALS: readonly Refusal[] = [
  {
    reply: word("MISCONF"),
    happened: "it cannot save its data, and therefore takes no writes",
    todo: "Free its disk or mend what its log names; or let it write without saving: `CONFIG SET stop-writes-on-bgsave-error no`.",
    passes: true,
  },
  {
    reply: word("OOM"),
    happened: "its memory is full (`maxmemory`)",
    todo: "Raise `maxmemory`, delete keys, give keys a `ttlMs`, or set an eviction policy.",
    passes: true,
  },
  {
    reply: word("READONLY"),
    happened: "it is a replica, which takes no writes",
    todo: "Connect to the primary; after a failover, check that the address leads to the new one.",
    passes: true,
  },
  {
    reply: word("NOAUTH|WRONGPASS"),
    happened: "it wants another user name or password, or any",
    todo: "Give `username` and `password`, or write them into the `url`.",
  },
  {
    // Within a script, Redis 7 says it in other words.
    reply: /(?:^|[\s:-])NOPERM\b|The user executing the script can't/,
    happened: "its user may not do this",
    todo: `Allow it in the server's ACL: \`${REDIS_ACL}\` and \`~…\` for the keys, such as \`~team-a:*\` for the prefix "team-a".`,
  },
  NO_DATABASE,
  {
    reply: word("WRONGTYPE"),
    happened: "another client stored something of another type under this name (values are strings, mailboxes are lists)",
    todo: "Delete or rename it with another client, or give the cache a prefix of its own.",
  },
  {
    reply: word("LOADING|MASTERDOWN|TRYAGAIN|NOREPLICAS|CLUSTERDOWN"),
    happened: "it is not ready yet",
    todo: "Try again; when it stays so, look at its log.",
    passes: true,
    away: true,
  },
  {
    reply: word("BUSY"),
    happened: "a script keeps it busy",
    todo: "Wait, or end that script with `SCRIPT KILL`.",
    passes: true,
    away: true,
  },
  {
    reply: /max number of clients/,
    happened: "it has as many connections as it takes (`maxclients`)",
    todo: "Close some, or raise `maxclients`.",
    passes: true,
    away: true,
  },
];

const OTHER: Refusal = {
  reply: /^/,
  happened: "it does not take this command",
  todo: "Check its version (6.2 or later) and its settings.",
};

/** Where a command may have been sent before the server refused what came after it. */
export const UNKNOWN_EFFECT = "Whether a write took effect is not known.";

/** How many names an error shows. */
const MOST_NAMES = 3;

interface About {
  /** The stored names that the command was about. */
  names?: readonly string[] | undefined;
  /** Whether the command may have been sent before; default false: it was refused itself. */
  isUnknown?: boolean;
}

/**
 * @param place the server
 * @param text what it replied, without the command's arguments
 */
export function refusal(place: string, text: string, { names = [], isUnknown = false }: About): AsimovError {
  const { happened, todo, passes = false, away = false } = REFUSALS.find(({ reply }) => reply.test(text)) ?? OTHER;
  const shown = names.slice(0, MOST_NAMES).map((name) => `"${name}"`);
  const more = names.length - shown.length;
  const about = shown.length === 0 ? "" : ` on ${shown.join(", ")}${more === 0 ? "" : ` and ${more} more`}`;
  const effect = isUnknown ? UNKNOWN_EFFECT : "Nothing was changed.";
  return new AsimovError(`Redis at ${place} refused a command${about}: ${happened}. ${effect} ${todo} It replied: ${text}`, {
    code: away ? "cache-unavailable" : "cache-refused",
    retryable: passes,
  });
}
