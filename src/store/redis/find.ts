/** Queries over runs: a walk along the lists that fit, each page read and held against the query. */
import type { FindQuery } from "#contract/store/run-commit";
import { isFound, orderOf } from "#contract/store/run-order";
import type { RunStatus, StoredRun } from "#contract/store/run-record";
import type { Connection } from "./connection.ts";
import { BUCKETS, bucketOf, type Keys, lists } from "./keys.ts";
import { listedRun } from "./rows.ts";
import { type Entry, Walk } from "./walk.ts";

const OPEN: ReadonlySet<RunStatus> = new Set(["READY", "RUNNING", "PARKED"]);
/** So many rows are read at a time, at least. */
const LEAST_PAGE = 20;
const MOST_PAGE = 500;

export interface Found {
  runs: StoredRun[];
  /** They stood in a list, and there is no such run. */
  missing: Entry[];
}

interface Source {
  next(count: number): Promise<Entry[]>;
}

export async function findRuns(
  connection: Connection,
  keys: Keys,
  query: FindQuery,
  now: number,
  isPast: (run: StoredRun) => boolean,
): Promise<Found> {
  const found: Found = { runs: [], missing: [] };
  const source = await sourceOf(connection, keys, query, now);
  let page = Math.max(LEAST_PAGE, query.limit);
  while (found.runs.length < query.limit) {
    const entries = await source.next(page);
    if (entries.length === 0) break;
    page = Math.min(MOST_PAGE, 2 * page);
    const runs = await Promise.all(entries.map(({ id }) => listedRun(connection, keys, id)));
    for (const [index, run] of runs.entries()) {
      if (run === undefined) found.missing.push(entries[index] as Entry);
      else if (run !== "damaged" && !isPast(run) && isFound(run, query, now)) found.runs.push(run);
    }
  }
  // A run that changed meanwhile may have come at its former place.
  found.runs = found.runs.sort(orderOf(query)).slice(0, query.limit);
  return found;
}

async function sourceOf(connection: Connection, keys: Keys, query: FindQuery, now: number): Promise<Source> {
  const { agent, statuses, labels = {}, untold, leased, order, after, limit } = query;
  const page = Math.min(Math.max(LEAST_PAGE, limit), MOST_PAGE);
  const isOf = (...all: RunStatus[]): boolean => statuses?.every((status) => all.includes(status)) === true;
  const compare = (a: Entry, b: Entry): number =>
    orderOf(query)({ taskId: a.id, createdAt: a.score, dueAt: a.score }, { taskId: b.id, createdAt: b.score, dueAt: b.score });
  if (leased !== undefined) return await allOf(connection, keys, lists.leases);
  if (order === "due") {
    const most = isOf("READY") ? now : undefined;
    const walked = [agent === undefined ? lists.due : lists.dueOf(agent)];
    const least = after?.dueAt ?? undefined;
    return new Walk(connection, keys, {
      lists: walked,
      page,
      compare,
      ...(least === undefined ? {} : { least }),
      ...(most === undefined ? {} : { most }),
    });
  }
  const [label] = Object.entries(labels);
  if (untold === undefined && label === undefined && statuses !== undefined && isOf("READY", "RUNNING")) {
    return await fewOf(connection, keys, statuses, now, compare);
  }
  const walked =
    untold !== undefined
      ? [lists.untold]
      : label !== undefined
        ? [lists.labelled(...label)]
        : statuses === undefined
          ? [lists.all]
          : [...new Set(statuses.map((status) => lists.ofStatus(OPEN.has(status) ? "open" : status)))];
  return new Walk(connection, keys, {
    lists: walked,
    isDown: true,
    page,
    compare,
    ...(after === undefined ? {} : { most: after.createdAt }),
  });
}

/** Of a list that is short however many runs there are: it is read whole, since its order is another. */
async function allOf(connection: Connection, keys: Keys, list: string): Promise<Source> {
  const read = Array.from({ length: BUCKETS }, (_, bucket) => connection.call("zrange", keys.list(bucket, list), 0, -1));
  const members = (await Promise.all(read)) as Buffer[][];
  const entries = members.flat().map((id) => ({ id: String(id), score: 0, list }));
  return { next: async () => entries.splice(0) };
}

/** Of many that wait: those that are due, or owned, by their creation. */
async function fewOf(
  connection: Connection,
  keys: Keys,
  statuses: readonly RunStatus[],
  now: number,
  compare: (a: Entry, b: Entry) => number,
): Promise<Source> {
  const ids = new Map<string, string>();
  const read = async (bucket: number, list: string, least: number | string, most: number | string): Promise<void> => {
    const members = (await connection.call("zrangebyscore", keys.list(bucket, list), least, most)) as Buffer[];
    for (const member of members) ids.set(String(member), list);
  };
  const asked: Promise<void>[] = [];
  for (let bucket = 0; bucket < BUCKETS; bucket++) {
    if (statuses.includes("READY")) asked.push(read(bucket, lists.due, "-inf", now));
    if (statuses.includes("RUNNING")) asked.push(read(bucket, lists.leases, now, "+inf"));
  }
  await Promise.all(asked);
  const byBucket = Map.groupBy(ids.keys(), bucketOf);
  const entries: Entry[] = [];
  const scored = Array.from(byBucket, async ([bucket, members]) => {
    const scores = (await connection.call("zmscore", keys.list(bucket, lists.all), ...members)) as (Buffer | null)[];
    for (const [index, id] of members.entries()) entries.push({ id, score: Number(scores[index] ?? 0), list: ids.get(id) as string });
  });
  await Promise.all(scored);
  entries.sort(compare);
  return { next: async (count) => entries.splice(0, count) };
}
