/**
 * One step on each of several runs, as a function of the schema: one statement, and so one transaction, whatever is written. Where a run is
 * not what its step was decided by, it is given as it stands, and nothing of that step is written.
 *
 * `plan` JSON: `steps` {key, made, since, at}: the step makes the revision `made` of the revision `since` (null: there is no such run), as it
 * was decided for the moment `at`; without `made` the run is looked at alone. `looks` {run, message, question}: what else is to be known of
 * it. The rest are the rows that are written, each of a run that has a step; a pair of numbers says where in `texts` a value begins, from 1,
 * and how many bytes it has.
 *
 * Returns for each of `steps` its key, the moment of the server, and "done", also where it had been made before; "busy" where somebody else
 * holds the row, for which the others do not wait; "unmatched" with the number `n` of a message that is consumed and not there; or "seen"
 * with the row, null where there is none, and the messages and closed questions of `looks` that are there.
 *
 * A number ends its name: another one when what it takes, gives or does is changed, so that a store of an older version, which may be
 * running, is refused instead of mistaking it.
 */
import { CHANGING, FIXED } from "./columns.ts";
import { NOW } from "./statement.ts";
import { OF_A_RUN } from "./tables.ts";

/** A run remembers as many of its newest revisions: so many steps of others may come between one whose answer was lost and its next try. */
const REVISIONS = 8;

const typed = (columns: Record<string, string>): string =>
  Object.entries(columns)
    .map(([name, type]) => `${name} ${type}`)
    .join(", ");

/** Rows of the plan as a relation with the name `given`. */
const given = (list: string, columns: string): string => `jsonb_to_recordset(plan->'${list}') as given (${columns})`;

const piece = (column: string): string => `substring(texts from given.${column}[1] for given.${column}[2])`;

const when = (list: string, ...statements: string[]): string => `  if plan ? '${list}' then
    ${statements.join(";\n    ")};
  end if;`;

/** Of those runs alone whose step is made. */
const deleteOf = (table: string, list: string, columns: string, condition: string): string =>
  `delete from :${table} using ${given(list, columns)} where ${condition} and given.run = any(going)`;

const names = Object.keys({ key: "", ...CHANGING, ...FIXED }).join(", ");
const changed = Object.keys(CHANGING).map((name) => `${name} = given.${name}`);

const STEPS = given("steps", "key uuid, made uuid, since uuid, at bigint");
const looked = (what: string): string =>
  `array(select given.${what} from ${given("looks", `run uuid, ${what} uuid`)} where given.run = found.key)`;
const PLACE = "run uuid, n bigint";

export const STEP_FUNCTION = `
create function :step_2(plan jsonb, texts bytea)
returns table (key uuid, kind text, at bigint, n bigint, run json, messages json, closed json)
language plpgsql
set lock_timeout = '4s'
-- By their keys, however the tables were when the plans were made.
set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
as $function$
#variable_conflict use_column
declare
  keys uuid[];
  mine uuid[];
  busy uuid[] := '{}';
  going uuid[];
  lacking jsonb := '{}';
  moment bigint;
begin
  -- What is acknowledged is on the disk, whatever the database has set.
  if current_setting('synchronous_commit') = 'off' then perform set_config('synchronous_commit', 'on', true); end if;
  select array_agg(given.key) into keys from ${STEPS};
  -- In one order, so that two groups do not take the same ones from each other.
  select array_agg(held.key) into mine from (select key from :runs where key = any(keys) order by key for update skip locked) as held;
  if cardinality(mine) is distinct from cardinality(keys) then
    select coalesce(array_agg(runs.key), '{}') into busy from :runs as runs where runs.key = any(keys) and runs.key <> all(coalesce(mine, '{}'));
  end if;
  moment := ${NOW};
  select array_agg(given.key) into going from ${STEPS} left join :runs as runs on runs.key = given.key
    where given.made is not null and given.key <> all(busy) and given.at <= moment and given.since is not distinct from runs.made[1];
${when(
  "consumed",
  `select coalesce(jsonb_object_agg(wrong.run, wrong.n), '{}') into lacking from (
      select each.run, min(each.n) as n from (
        select given.run, given.n, count(*) as times from ${given("consumed", PLACE)} where given.run = any(going) group by given.run, given.n
      ) as each left join :messages as messages on messages.run = each.run and messages.n = each.n
      where each.times > 1 or messages.body is null group by each.run
    ) as wrong`,
  "select array_agg(each) into going from unnest(going) as each where not lacking ? each::text",
)}
${when(
  "gone",
  ...[["runs", "key"], ...OF_A_RUN.map((table) => [table, "run"])].map(([table, column]) =>
    deleteOf(`${table} as old`, "gone", "run uuid", `old.${column} = given.run`),
  ),
)}
${when(
  "inserts",
  `with new as materialized (
      select * from ${given("inserts", `key uuid, made uuid, info int[], ${typed({ ...CHANGING, ...FIXED })}`)} where given.key = any(going)
    ), inserted as (
      insert into :runs (made, info, ${names})
      select array[given.made], ${piece("info")}, ${names} from new as given order by given.key on conflict (key) do nothing returning key
    )
    select array_agg(each) into going from unnest(going) as each
    where each in (select key from inserted) or each not in (select key from new)`,
  `insert into :labels (label, run) select given.label, given.run from ${given("labels", "label uuid, run uuid")} where given.run = any(going)`,
)}
${when(
  "updates",
  `update :runs as runs set ${changed.join(", ")},
      made = (given.made || runs.made)[1:${REVISIONS}], info = coalesce(${piece("info")}, runs.info)
    from ${given("updates", `key uuid, made uuid, info int[], ${typed(CHANGING)}`)} where runs.key = given.key and given.key = any(going)`,
)}
${when(
  "commits",
  // What stands behind the newest of its row is damage, and holds up nothing.
  `insert into :commits (run, generation, at, bytes, info)
    select given.run, given.generation, given.at, given.bytes, ${piece("info")}
    from ${given("commits", "run uuid, generation bigint, at bigint, bytes bigint, info int[]")} where given.run = any(going)
    on conflict (run, generation) do update set at = excluded.at, bytes = excluded.bytes, info = excluded.info`,
)}
${when(
  "whole",
  `insert into :undo (run, generation, key, name, content)
    select given.run, given.generation, parts.key, parts.name, parts.content
    from ${given("whole", "run uuid, generation bigint")} join :parts as parts on parts.run = given.run where given.run = any(going)`,
  deleteOf("parts as old", "whole", "run uuid", "old.run = given.run"),
)}
${when(
  "parts",
  // Nobody goes back behind the first.
  `insert into :undo (run, generation, key, name, content)
    select given.run, given.generation, given.key, given.name, parts.content
    from ${given("parts", "run uuid, generation bigint, key uuid, name text")}
    left join :parts as parts on parts.run = given.run and parts.key = given.key
    where given.run = any(going) and given.generation > 1
    on conflict (run, generation, key) do nothing`,
  deleteOf(
    "parts as old",
    "parts",
    "run uuid, key uuid, content int[]",
    "old.run = given.run and old.key = given.key and given.content is null",
  ),
  `insert into :parts (run, key, name, content)
    select given.run, given.key, given.name, ${piece("content")} from ${given("parts", "run uuid, key uuid, name text, content int[]")}
    where given.content is not null and given.run = any(going)
    on conflict (run, key) do update set content = excluded.content`,
)}
${when(
  "events",
  `insert into :events (run, seq, at, body)
    select given.run, given.seq, given.at, ${piece("body")} from ${given("events", "run uuid, seq bigint, at bigint, body int[]")}
    where given.run = any(going)
    on conflict (run, seq) do update set at = excluded.at, body = excluded.body`,
)}
${when(
  "messages",
  `insert into :messages (run, n, key, id, mailbox, at, body)
    select given.run, given.n, given.key, given.id, given.mailbox, given.at, ${piece("body")}
    from ${given("messages", `${PLACE}, key uuid, id text, mailbox text, at bigint, body int[]`)} where given.run = any(going)`,
)}
${when(
  "consumed",
  // It leaves its id, by which it is known when it is sent again.
  `update :messages as messages set body = null from ${given("consumed", PLACE)}
    where messages.run = given.run and messages.n = given.n and given.run = any(going)`,
)}
${when(
  "asked",
  `insert into :questions as questions (key, run, id, asked_at, deadline, addressee, addressee_key, agent_key, body)
    select given.key, given.run, given.id, given.asked_at, given.deadline, given.addressee, given.addressee_key, given.agent_key, ${piece("body")}
    from ${given(
      "asked",
      "key uuid, run uuid, id text, asked_at bigint, deadline bigint, addressee text, addressee_key uuid, agent_key uuid, body int[]",
    )}
    where given.run = any(going)
    on conflict (key) do update set deadline = excluded.deadline, addressee = excluded.addressee,
      addressee_key = excluded.addressee_key, body = excluded.body
    where questions.closed is null`,
)}
${when(
  "closed",
  `update :questions as questions set closed = given.closed, message = ${piece("message")}
    from ${given("closed", "key uuid, run uuid, closed text, message int[]")}
    where questions.key = given.key and questions.run = given.run and questions.closed is null and given.run = any(going)`,
)}
${when(
  "ended",
  `update :questions as questions set closed = given.closed from ${given("ended", "run uuid, closed text")}
    where questions.run = given.run and questions.closed is null and given.run = any(going)`,
)}
${when(
  "kept",
  deleteOf("commits as old", "kept", "run uuid, generation bigint", "old.run = given.run and old.generation < given.generation"),
  deleteOf("undo as old", "kept", "run uuid, generation bigint", "old.run = given.run and old.generation <= given.generation"),
  deleteOf("events as old", "kept", "run uuid, seq bigint", "old.run = given.run and old.seq <= given.seq"),
)}
  return query select given.key, found.kind, moment, (lacking->>given.key::text)::bigint,
    case found.kind when 'seen' then row_to_json(runs) end,
    case when found.kind = 'seen' and plan ? 'looks' then (
      select json_agg(there.key) from :messages as there where there.run = found.key and there.key = any(${looked("message")})
    ) end,
    case when found.kind = 'seen' and plan ? 'looks' then (
      select json_agg(there.key) from :questions as there
      where there.run = found.key and there.key = any(${looked("question")}) and there.closed is not null
    ) end
    from ${STEPS} left join :runs as runs on runs.key = given.key cross join lateral (
      select given.key, case when given.made = any(runs.made) then 'done' when given.key = any(busy) then 'busy'
        when lacking ? given.key::text then 'unmatched' else 'seen' end as kind
    ) as found;
end $function$;
`;
