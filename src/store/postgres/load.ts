/** Generations, events and messages of a run, as they are read, each from one state of the database. */
import { SnapshotError } from "#contract/base/errors";
import type { GenerationEntry, StoredEvent, StoredGeneration, StoredMessage } from "#contract/store/run-commit";
import { rowDamaged } from "#contract/store/run-errors";
import type { Sealed } from "#contract/store/run-record";
import type { Server } from "./server.ts";
import { type Statement, statement } from "./statement.ts";
import { keyOf, unescaped } from "./texts.ts";

/** @param kept which runs are there still */
const there = (kept: string): string => `runs.key = $1 and ${kept}`;

/** Parts as they were: what a later generation replaced first, else what is there now. */
const partsOf = (generation: string): string => `
  select distinct on (key) key, name, content from (
    select key, generation, name, content from :undo where run = $1 and generation > ${generation}
    union all select key, ${Number.MAX_SAFE_INTEGER} as generation, name, content from :parts where run = $1
  ) as each order by key, each.generation`;

/** The first row is the generation's own: its info stands as content. */
const generationStatement = (kept: string): Statement =>
  statement({
    name: "load a generation",
    gives:
      "a row with the newest number by the run's row and by the table, and with the generation's number and info where that is kept, then its parts",
    sql: `with newest as materialized (select generation from :runs as runs where ${there(kept)}),
  wanted as materialized (
    select commits.generation, info from newest join :commits as commits on commits.run = $1 and commits.generation = coalesce($2, newest.generation)
    where commits.generation > newest.generation - $3 and commits.generation <= newest.generation
  )
  select newest.generation as newest, (select max(generation) from :commits where run = $1) as last, null as name, wanted.info as content, wanted.generation from newest left join wanted on true
  union all (
    select null, null, parts.name, parts.content, 0 from (${partsOf("(select generation from wanted)")}) as parts
    where parts.content is not null and exists (select 1 from wanted)
  )`,
  });

interface Found {
  newest: number;
  /** The newest that there is. */
  last: number | null;
  generation: StoredGeneration | undefined;
}

async function read(server: Server, taskId: string, kept: string, keep: number, wanted: number | null): Promise<Found | undefined> {
  const rows = await server.read(generationStatement(kept), [keyOf(taskId), wanted, keep]);
  const head = rows.find(({ newest }) => newest !== null);
  if (head === undefined) return undefined;
  const [newest, last] = [head.newest as number, head.last as number | null];
  if (head.generation === null) return { newest, last, generation: undefined };
  const parts = new Map<string, Sealed>();
  for (const { newest: own, name, content } of rows) if (own === null) parts.set(unescaped(name as string), content as Sealed);
  return { newest, last, generation: { generation: head.generation as number, info: head.content as Sealed, parts, passedOver: [] } };
}

/** @throws SnapshotError `snapshot-damaged` where none is there */
export async function loadGeneration(
  server: Server,
  taskId: string,
  kept: string,
  keep: number,
  wanted?: number,
): Promise<StoredGeneration | undefined> {
  const found = await read(server, taskId, kept, keep, wanted ?? null);
  if (found === undefined || wanted !== undefined) return found?.generation;
  if (found.last !== null && found.last > found.newest) {
    throw rowDamaged(taskId, `it says that generation ${found.newest} is the newest, and its store gave ${found.last}`);
  }
  if (found.generation !== undefined) return found.generation;
  const passedOver: string[] = [];
  for (let generation = found.newest; generation > Math.max(0, found.newest - keep); generation--) {
    const older = await read(server, taskId, kept, keep, generation);
    if (older?.generation !== undefined) return { ...older.generation, passedOver };
    passedOver.push(`Generation ${generation}: it is not in the table commits.`);
  }
  throw new SnapshotError(`None of the generations of run "${taskId}" is whole:\n- ${passedOver.join("\n- ")}`, {
    code: "snapshot-damaged",
  });
}

interface Query {
  taskId: string;
  /** Which runs are there still. */
  kept: string;
  limit: number;
}

export async function listGenerations(
  server: Server,
  { taskId, kept, limit }: Query,
  before: number,
  keep: number,
): Promise<GenerationEntry[]> {
  const generations = statement({
    name: "list generations",
    gives: "those that are kept, newest first",
    sql: `select commits.generation, commits.at, commits.info, commits.bytes from :runs as runs join :commits as commits on commits.run = runs.key
     where ${there(kept)} and commits.generation > runs.generation - $2 and commits.generation < $3 and commits.generation <= runs.generation
     order by commits.generation desc limit $4`,
  });
  const rows = await server.read(generations, [keyOf(taskId), keep, before, limit]);
  return rows as unknown as GenerationEntry[];
}

export async function listEvents(server: Server, { taskId, kept, limit }: Query, from: number, keep: number): Promise<StoredEvent[]> {
  const events = statement({
    name: "list events",
    gives: "those that are kept, oldest first",
    sql: `select events.seq, events.at, events.body from :runs as runs join :events as events on events.run = runs.key
     where ${there(kept)} and seq >= $2 and seq > runs.last_seq - $3 order by seq limit $4`,
  });
  const rows = await server.read(events, [keyOf(taskId), from, keep, limit]);
  return rows as unknown as StoredEvent[];
}

export async function listMessages(server: Server, { taskId, kept }: Omit<Query, "limit">, after: number): Promise<StoredMessage[]> {
  const messages = statement({
    name: "list messages",
    gives: "those that wait, oldest first",
    sql: `select n, messages.id, mailbox, body, messages.at from :runs as runs join :messages as messages on messages.run = runs.key
     where ${there(kept)} and n > $2 and body is not null order by n`,
  });
  const rows = await server.read(messages, [keyOf(taskId), after]);
  return rows.map(
    ({ id, mailbox, ...rest }) => ({ ...rest, id: unescaped(id as string), mailbox: unescaped(mailbox as string) }) as StoredMessage,
  );
}
