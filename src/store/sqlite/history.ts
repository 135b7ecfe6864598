/** Generations, events and messages of a run, in their tables. */
import { SnapshotError } from "#contract/base/errors";
import type { Taken } from "#contract/store/run-checks";
import type { GenerationEntry, MessageOrder, StoredEvent, StoredGeneration, StoredMessage } from "#contract/store/run-commit";
import { rowDamaged } from "#contract/store/run-errors";
import type { RunStoreSettings } from "#contract/store/run-options";
import type { Sealed, StoredRun } from "#contract/store/run-record";
import { unmatched } from "#contract/store/store-errors";
import { packChanges, unpackChanges } from "./changes.ts";
import type { Connection } from "./connection.ts";

/** Old generations go when this many have come, in one sweep for all of them. */
const SWEEP_EACH = 32;

const oldestOf = (run: StoredRun, keep: number): number => Math.max(1, run.generation - keep + 1);

export function writeGeneration(db: Connection, id: number, run: StoredRun, { commit, bytes }: Taken, settings: RunStoreSettings): void {
  const { generation, info, consumed } = commit;
  takeMessages(db, id, run.taskId, consumed);
  const isFirst = generation === 1;
  if (isFirst) putParts(db, id, commit.put);
  const changes = packChanges(isFirst ? { ...commit, put: new Map(), remove: [] } : commit);
  db.sql("insert into commits (run, generation, at, bytes, last_seq, info, changes) values (?, ?, ?, ?, ?, ?, ?)").run(
    id,
    generation,
    run.updatedAt,
    bytes,
    run.lastSeq,
    info,
    changes,
  );
  if (generation % SWEEP_EACH === 0) sweep(db, id, run, settings);
}

function putParts(db: Connection, id: number, put: ReadonlyMap<string, Sealed>): void {
  const insert = db.sql("insert or replace into parts (run, name, content) values (?, ?, ?)");
  for (const [name, content] of put) insert.run(id, name, content);
}

export function addEvents(db: Connection, id: number, events: readonly StoredEvent[]): void {
  const insert = db.sql("insert into events (run, seq, at, body) values (?, ?, ?, ?)");
  for (const { seq, at, body } of events) insert.run(id, seq, at, body);
}

/** What generations that are no longer kept changed becomes what the oldest kept one begins with. */
function sweep(db: Connection, id: number, run: StoredRun, { keep, keepEvents }: RunStoreSettings): void {
  const oldest = oldestOf(run, keep);
  const { first } = db.sql("select min(generation) as first from commits where run = ?").get(id) as { first: number };
  if (first >= oldest) return;
  const folded = unlessDamaged(() => foldChanges(db, id, first, oldest));
  // What is damaged is told to whoever loads it; it must not keep a run from going on.
  if (folded === undefined) return;
  const { parts, removed, whole, events } = folded;
  if (whole) db.sql("delete from parts where run = ?").run(id);
  else for (const name of removed) db.sql("delete from parts where run = ? and name = ?").run(id, name);
  putParts(db, id, parts);
  const kept = run.lastSeq - keepEvents;
  db.sql("delete from events where run = ? and seq <= ?").run(id, kept);
  addEvents(
    db,
    id,
    events.filter(({ seq }) => seq > kept),
  );
  db.sql("delete from commits where run = ? and generation < ?").run(id, oldest);
  db.sql("update commits set changes = null where run = ? and generation = ?").run(id, oldest);
}

interface Folded {
  parts: Map<string, Sealed>;
  removed: Set<string>;
  /** `parts` is all there is. */
  whole: boolean;
  events: StoredEvent[];
}

/** What the generations changed together, from the one after `first` on; events from that of `first` on, which `parts` holds already. */
function foldChanges(db: Connection, id: number, first: number, last: number): Folded {
  const folded: Folded = { parts: new Map(), removed: new Set(), whole: false, events: [] };
  const rows = db
    .sql("select generation, changes from commits where run = ? and generation >= ? and generation <= ? order by generation")
    .all(id, first, last) as { generation: number; changes: Sealed | null }[];
  for (const { changes } of rows) {
    const { put, remove, whole, events } = unpackChanges(changes);
    if (whole) {
      folded.whole = true;
      folded.parts.clear();
    }
    for (const name of remove) {
      folded.parts.delete(name);
      folded.removed.add(name);
    }
    for (const [name, content] of put) folded.parts.set(name, content);
    for (const event of events) folded.events.push(event);
  }
  return folded;
}

function unlessDamaged<T>(work: () => T, told: (error: SnapshotError) => void = () => {}): T | undefined {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof SnapshotError)) throw error;
    told(error);
    return undefined;
  }
}

/** @throws SnapshotError `snapshot-damaged` where none is whole */
export function loadNewest(db: Connection, id: number, run: StoredRun, keep: number): StoredGeneration {
  const passedOver: string[] = [];
  const { last } = db.sql("select max(generation) as last from commits where run = ?").get(id) as { last: number | null };
  if (last !== null && last > run.generation) {
    throw rowDamaged(run.taskId, `it says that generation ${run.generation} is the newest, and its store gave ${last}`);
  }
  for (let generation = run.generation; generation >= oldestOf(run, keep); generation--) {
    const found = unlessDamaged(
      () => loadGeneration(db, id, run, generation, keep),
      ({ message }) => passedOver.push(`Generation ${generation}: ${message}`),
    );
    if (found !== undefined) return { ...found, passedOver };
    if (passedOver.length === run.generation - generation) passedOver.push(`Generation ${generation}: it is not in the table commits.`);
  }
  throw new SnapshotError(`None of the generations of run "${run.taskId}" is whole:\n- ${passedOver.join("\n- ")}`, {
    code: "snapshot-damaged",
  });
}

export function loadGeneration(db: Connection, id: number, run: StoredRun, wanted: number, keep: number): StoredGeneration | undefined {
  if (wanted < oldestOf(run, keep) || wanted > run.generation) return undefined;
  const found = db.sql("select info from commits where run = ? and generation = ?").get(id, wanted) as { info: Sealed } | undefined;
  if (found === undefined) return undefined;
  const folded = foldChanges(db, id, 0, wanted);
  const parts = new Map<string, Sealed>();
  if (!folded.whole) {
    const rows = db.sql("select name, content from parts where run = ?").all(id) as { name: string; content: Sealed }[];
    for (const { name, content } of rows) if (!folded.removed.has(name)) parts.set(name, content);
  }
  for (const [name, content] of folded.parts) parts.set(name, content);
  return { generation: wanted, info: found.info, parts, passedOver: [] };
}

export function listGenerations(
  db: Connection,
  id: number,
  run: StoredRun,
  before: number,
  limit: number,
  keep: number,
): GenerationEntry[] {
  return db
    .sql(
      "select generation, at, info, bytes from commits where run = ? and generation >= ? and generation < ? order by generation desc limit ?",
    )
    .all(id, oldestOf(run, keep), before, limit)
    .map((row) => ({ ...(row as GenerationEntry) }));
}

export function listEvents(db: Connection, id: number, run: StoredRun, from: number, limit: number, keepEvents: number): StoredEvent[] {
  const first = Math.max(from, run.lastSeq - keepEvents + 1);
  const older = db.sql("select seq, at, body from events where run = ? and seq >= ? order by seq limit ?").all(id, first, limit);
  const newer = db.sql("select changes from commits where run = ? and last_seq >= ? order by generation").all(id, first);
  const events = [
    ...older.map((row) => ({ ...(row as StoredEvent) })),
    ...newer.flatMap((row) => unpackChanges((row as { changes: Sealed | null }).changes).events),
  ];
  // Those of a cancel are newer than all commits, and stand among the older ones.
  return events
    .filter(({ seq }) => seq >= first)
    .sort((a, b) => a.seq - b.seq)
    .slice(0, limit);
}

export function hasMessage(db: Connection, id: number, messageId: string): boolean {
  return db.sql("select 1 from messages where run = ? and id = ?").get(id, messageId) !== undefined;
}

export function addMessage(db: Connection, id: number, run: StoredRun, { id: messageId, mailbox, body }: MessageOrder): void {
  db.sql("insert into messages (run, n, id, mailbox, body, at) values (?, ?, ?, ?, ?, ?)").run(
    id,
    run.inbox.last,
    messageId,
    mailbox,
    body,
    run.updatedAt,
  );
}

/** A message that was taken leaves its id, by which it is known when it is sent again. */
function takeMessages(db: Connection, id: number, taskId: string, consumed: readonly number[]): void {
  for (const n of consumed) {
    const { changes } = db.sql("update messages set body = null where run = ? and n = ? and body is not null").run(id, n);
    if (Number(changes) !== 1) throw unmatched(taskId, n);
  }
}

export function listMessages(db: Connection, id: number, after: number): StoredMessage[] {
  return db
    .sql("select n, id, mailbox, body, at from messages where run = ? and n > ? and body is not null order by n")
    .all(id, after)
    .map((row) => ({ ...(row as StoredMessage) }));
}
