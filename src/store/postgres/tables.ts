/** The tables of a store, and how they are indexed. */

/** What is ordered by a text is ordered by its first characters in an index, which does not take long ones. */
export const START = (column: string): string => `left(${column}, 200)`;

/**
 * What a commit changes of a run stands in columns that are in no index, so that its row is written beside the old one in the same page.
 * `made` are the newest revisions of the row, the last one first. `parts` holds the newest generation; `undo` what each generation replaced, null where there was nothing.
 */
export const TABLES = `
create table runs (
  key uuid primary key, updated_at bigint not null, generation bigint not null, last_seq bigint not null, inbox_count bigint not null,
  inbox_last bigint not null, status text collate "C" not null, due_at bigint, ended_at bigint, ends bigint not null, untold boolean not null,
  token bigint not null, lease_until bigint, owner text, process text collate "C", cancel text, version text not null, graph_hash text not null,
  created_at bigint not null, task_id text collate "C" not null, agent text collate "C" not null, agent_key uuid not null,
  type text collate "C" not null, labels text not null, info bytea not null, made uuid[] not null
) with (fillfactor = 70);
create index runs_by_status on runs (status, created_at desc, ${START("task_id")} desc);
create index runs_by_age on runs (created_at desc, ${START("task_id")} desc);
create index runs_by_moment on runs (due_at, ${START("task_id")}) where status = 'open' and due_at is not null;
create index runs_by_due on runs (agent_key, due_at, ${START("task_id")}) where status = 'open' and due_at is not null;
create index runs_left on runs (agent_key, due_at, ${START("task_id")}) where status = 'open' and due_at is not null and lease_until is not null;
create index runs_by_owner on runs (process) where lease_until is not null and process is not null;
create index runs_by_end on runs (ended_at) where ended_at is not null;
create index runs_by_untold on runs (agent_key, created_at desc, ${START("task_id")} desc) where untold;
create table labels (label uuid, run uuid, primary key (label, run));
create index labels_of_run on labels (run);
create table commits (
  run uuid, generation bigint, at bigint not null, bytes bigint not null, info bytea not null, primary key (run, generation)
);
create table parts (run uuid, key uuid, name text not null, content bytea not null, primary key (run, key)) with (fillfactor = 80);
create table undo (run uuid, generation bigint, key uuid, name text not null, content bytea, primary key (run, generation, key));
create table events (run uuid, seq bigint, at bigint not null, body bytea not null, primary key (run, seq));
create table messages (
  run uuid, n bigint, key uuid not null, id text not null, mailbox text not null, body bytea, at bigint not null,
  primary key (run, n), unique (run, key)
);
create table questions (
  key uuid primary key, run uuid not null, id text collate "C" not null, asked_at bigint not null, deadline bigint,
  addressee text collate "C", addressee_key uuid, agent_key uuid not null, body bytea not null, closed text, message bytea
);
create index questions_of_run on questions (run);
create index questions_open on questions (asked_at, ${START("id")}) where closed is null;
create index questions_of_agent on questions (agent_key, asked_at, ${START("id")}) where closed is null;
create index questions_to on questions (addressee_key, asked_at, ${START("id")}) where closed is null and addressee_key is not null;
create index questions_by_deadline on questions (deadline) where closed is null and deadline is not null;
`;

/** Tables that hold what belongs to a run, by its key. */
export const OF_A_RUN = ["labels", "commits", "parts", "undo", "events", "messages", "questions"] as const;
