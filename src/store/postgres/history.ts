/** Generations, events and messages of runs, as they are written. */
import type { StoredEvent } from "#contract/store/run-commit";
import type { Sealed } from "#contract/store/run-record";
import { given, insertInto } from "./given.ts";
import type { Run } from "./statement.ts";
import { escaped, keyOf } from "./texts.ts";

/** What is of a run, by its key. */
export type Of<T> = T & { run: string };

export interface Generation {
  generation: number;
  at: number;
  bytes: number;
  info: Sealed;
}

/** Undefined where it is removed. */
export interface Part {
  generation: number;
  name: string;
  content: Sealed | undefined;
}

export interface Arrived {
  n: number;
  id: string;
  mailbox: string;
  body: Sealed;
  at: number;
}

export async function writeGenerations(run: Run, generations: readonly Of<Generation>[]): Promise<void> {
  await insertInto(run, "commits", generations, {
    run: ["uuid", (each) => each.run],
    generation: ["bigint", (each) => each.generation],
    at: ["bigint", (each) => each.at],
    bytes: ["bigint", (each) => each.bytes],
    info: ["sealed", (each) => each.info],
  });
}

/** Keeps what it replaces. @param whole generations that begin with nothing */
export async function writeParts(run: Run, whole: readonly Of<{ generation: number }>[], parts: readonly Of<Part>[]): Promise<void> {
  if (whole.length > 0) {
    const { from, values } = given(whole, { run: ["uuid", (each) => each.run], generation: ["bigint", (each) => each.generation] });
    await run(
      `insert into :undo (run, generation, key, name, content)
       select run, given.generation, key, name, content from :parts join ${from} using (run)`,
      values,
    );
    await run("delete from :parts where run = any($1::uuid[])", [whole.map((each) => each.run)]);
  }
  // Nobody goes back behind the first.
  const later = parts.filter(({ generation }) => generation > 1);
  if (later.length > 0) {
    const { from, values } = given(later, {
      run: ["uuid", (each) => each.run],
      generation: ["bigint", (each) => each.generation],
      key: ["uuid", (each) => keyOf(each.name)],
      name: ["text", (each) => escaped(each.name)],
    });
    await run(
      `insert into :undo (run, generation, key, name, content)
       select given.run, given.generation, given.key, given.name, parts.content
       from ${from} left join :parts as parts on parts.run = given.run and parts.key = given.key
       on conflict (run, generation, key) do nothing`,
      values,
    );
  }
  const removed = parts.filter(({ content }) => content === undefined);
  if (removed.length > 0) {
    const { from, values } = given(removed, { run: ["uuid", (each) => each.run], key: ["uuid", (each) => keyOf(each.name)] });
    await run(`delete from :parts as parts using ${from} where parts.run = given.run and parts.key = given.key`, values);
  }
  await insertInto(
    run,
    "parts",
    parts.filter(({ content }) => content !== undefined),
    {
      run: ["uuid", (each) => each.run],
      key: ["uuid", (each) => keyOf(each.name)],
      name: ["text", (each) => escaped(each.name)],
      content: ["sealed", (each) => each.content],
    },
    "on conflict (run, key) do update set content = excluded.content",
  );
}

export async function writeEvents(run: Run, events: readonly Of<StoredEvent>[]): Promise<void> {
  await insertInto(run, "events", events, {
    run: ["uuid", (each) => each.run],
    seq: ["bigint", (each) => each.seq],
    at: ["bigint", (each) => each.at],
    body: ["sealed", (each) => each.body],
  });
}

export async function writeMessages(run: Run, messages: readonly Of<Arrived>[]): Promise<void> {
  await insertInto(run, "messages", messages, {
    run: ["uuid", (each) => each.run],
    n: ["bigint", (each) => each.n],
    key: ["uuid", (each) => keyOf(each.id)],
    id: ["text", (each) => escaped(each.id)],
    mailbox: ["text", (each) => escaped(each.mailbox)],
    at: ["bigint", (each) => each.at],
    body: ["sealed", (each) => each.body],
  });
}

const placeOf = {
  run: ["uuid", (each: Of<{ n: number }>) => each.run],
  n: ["bigint", (each: Of<{ n: number }>) => each.n],
} as const;

/** Those of the messages that are not taken yet. */
export async function untakenOf(run: Run, messages: readonly Of<{ n: number }>[]): Promise<Of<{ n: number }>[]> {
  if (messages.length === 0) return [];
  const { from, values } = given(messages, placeOf);
  const { rows } = await run(
    `select given.run, given.n from ${from} join :messages as messages using (run, n) where messages.body is not null`,
    values,
  );
  return rows as unknown as Of<{ n: number }>[];
}

/** A message that was taken leaves its id, by which it is known when it is sent again. */
export async function takeMessages(run: Run, messages: readonly Of<{ n: number }>[]): Promise<void> {
  if (messages.length === 0) return;
  const { from, values } = given(messages, placeOf);
  await run(`update :messages as messages set body = null from ${from} where messages.run = given.run and messages.n = given.n`, values);
}

/** The oldest generation that is kept, and the newest event that is not. */
export interface Kept {
  generation: number;
  seq: number;
}

export async function sweep(run: Run, kept: readonly Of<Kept>[]): Promise<void> {
  if (kept.length === 0) return;
  const { from, values } = given(kept, {
    run: ["uuid", (each) => each.run],
    generation: ["bigint", (each) => each.generation],
    seq: ["bigint", (each) => each.seq],
  });
  await run(
    `with of_commits as (
       delete from :commits as old using ${from} where old.run = given.run and old.generation < given.generation
     ), of_undo as (
       delete from :undo as old using ${from} where old.run = given.run and old.generation <= given.generation
     ) delete from :events as old using ${from} where old.run = given.run and old.seq <= given.seq`,
    values,
  );
}
