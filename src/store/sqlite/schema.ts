/** The tables, and the pragmas that a connection works by. */
import type { Database, Row } from "./engine.ts";
import { wrongFormat } from "./failures.ts";

/** It changes when an older reader would misread. */
const SCHEMA_VERSION = 2;
/** "ASIM": tells a database of ours from any other. */
const APPLICATION = 0x41_53_49_4d;

/**
 * A commit appends one row with all that it changed, beside those of other runs: few pages are written, however many runs there are.
 * `parts` and `events` hold what is older than the oldest generation that is kept.
 */
const TABLES = `
create table runs (
  id integer primary key, task_id text not null unique, agent text not null, version text not null, type text not null,
  labels text not null, graph_hash text not null, status text not null, created_at integer not null, updated_at integer not null,
  ended_at integer, due_at integer, generation integer not null, last_seq integer not null, token integer not null,
  lease_until integer, owner text, cancel text, inbox_count integer not null, inbox_last integer not null,
  ends integer not null, untold integer not null
) strict;
create index runs_by_status on runs (status, created_at desc, task_id desc, lease_until, due_at, agent, type);
create index runs_by_age on runs (created_at desc, task_id desc);
create index runs_by_due on runs (agent, due_at, task_id) where status = 'open' and due_at is not null;
create index runs_by_owner on runs (json_extract(owner, '$.process')) where owner is not null;
create index runs_by_end on runs (ended_at) where ended_at is not null;
create index runs_by_untold on runs (agent, created_at desc, task_id desc) where untold = 1;
create table infos (run integer primary key, info any not null) strict;
create table labels (key text not null, value text not null, run integer not null, primary key (key, value, run)) strict, without rowid;
create index labels_of_run on labels (run);
create table commits (
  id integer primary key, run integer not null, generation integer not null, at integer not null, bytes integer not null,
  last_seq integer not null, info any not null, changes any
) strict;
create unique index commits_of_run on commits (run, generation);
create table parts (run integer not null, name text not null, content any not null, primary key (run, name)) strict, without rowid;
create table events (
  run integer not null, seq integer not null, at integer not null, body any not null, primary key (run, seq)
) strict, without rowid;
create table messages (
  run integer not null, n integer not null, id text not null, mailbox text not null, body any, at integer not null,
  primary key (run, n), unique (run, id)
) strict, without rowid;
create table questions (
  id text primary key, run integer not null, asked_at integer not null, deadline integer, addressee text, body any not null, closed text
) strict, without rowid;
create index questions_of_run on questions (run);
create index questions_open on questions (asked_at, id, run) where closed is null;
`;

/** Tables that hold what belongs to a run, by its number. */
export const OF_A_RUN = ["infos", "labels", "commits", "parts", "events", "messages", "questions"] as const;

const pragma = (database: Database, name: string): unknown => Object.values((database.prepare(`pragma ${name}`).get() ?? {}) as Row)[0];

/** May be refused as busy, and called again then. @throws AsimovError `store-format` */
export function prepareDatabase(database: Database, path: string): void {
  // Waiting in SQLite would hold the thread.
  database.exec("pragma busy_timeout = 0");
  requireOurs(database, path);
  const mode = pragma(database, "journal_mode = wal");
  if (mode !== "wal") throw wrongFormat(path, "a file system where SQLite can keep a write-ahead log", `journal mode ${String(mode)}`);
  database.exec("pragma synchronous = full; pragma cache_size = -16000");
  if (pragma(database, "user_version") === SCHEMA_VERSION) return;
  database.exec("begin immediate");
  try {
    if (requireOurs(database, path) === "empty") {
      database.exec(`${TABLES} pragma user_version = ${SCHEMA_VERSION}; pragma application_id = ${APPLICATION};`);
    }
    database.exec("commit");
  } catch (error) {
    database.exec("rollback");
    throw error;
  }
}

function requireOurs(database: Database, path: string): "empty" | "ours" {
  const [application, version] = [pragma(database, "application_id"), pragma(database, "user_version")];
  const { tables } = database.prepare("select count(*) as tables from sqlite_schema").get() as { tables: number };
  if (application === 0 && version === 0 && tables === 0) return "empty";
  if (application !== APPLICATION) throw wrongFormat(path, "a database of asimov-agents, or an empty one", "tables of another program");
  if (version !== SCHEMA_VERSION) throw wrongFormat(path, `schema version ${SCHEMA_VERSION}`, `version ${String(version)}`);
  return "ours";
}
