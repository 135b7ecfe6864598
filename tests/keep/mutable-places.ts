/** Places that hold two runs, each of which can be changed behind the back of its store; every look at one begins with what was stored. */
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { FileStore, MemoryStore, type RunStore } from "asimov-agents";
import { SqliteStore } from "asimov-agents/sqlite";
import { chance } from "#testing/run-law";
import { newPlace } from "../store/place.ts";
import { ForeignStore } from "../support/foreign-store.ts";
import { storeRuns, TASKS } from "./mutated-run.ts";
import { drawn, flipped, otherJson, otherText, pick, type Random } from "./mutations.ts";

export interface MutablePlace {
  /** What the next look finds is not what was stored. @returns what was done */
  mutate(random: Random): string | Promise<string>;
  /** A look at the place, which is then as it was. */
  as<T>(look: (store: RunStore) => Promise<T>): Promise<T>;
}

type Texts = Map<string, string>;

/** The foreign store believes whatever is in its texts. */
async function foreignPlace(): Promise<MutablePlace> {
  const stored = new ForeignStore();
  await storeRuns(stored);
  let texts: Texts = new Map(stored.texts);
  const [task] = TASKS;
  return {
    mutate(random) {
      const text = texts.get(task) as string;
      if (random() < 0.1) {
        texts.set(task, otherText(random, text));
        return "its text";
      }
      const run = JSON.parse(text) as Record<string, unknown>;
      const neighbour = JSON.parse(texts.get(TASKS[1]) as string) as Record<string, unknown>;
      const what = pick(random, ["generations", "generations", "generations", "events", "inbox", "row"]);
      const isSwap = random() < 0.1;
      run[what] = isSwap ? neighbour[what] : otherJson(random, run[what] as never);
      texts.set(task, JSON.stringify(run));
      return isSwap ? `${what} of its neighbour` : `${what}: ${text.length}`;
    },
    async as(look) {
      const found = await look(new ForeignStore(texts));
      texts = new Map(stored.texts);
      return found;
    },
  };
}

/** A memory store whose answers are changed on their way; each look replays what was written. */
async function memoryPlace(): Promise<MutablePlace> {
  const written: ((store: MemoryStore) => Promise<unknown>)[] = [];
  class Written extends MemoryStore {}
  for (const name of ["create", "commit", "post"] as const) {
    Written.prototype[name] = function (this: MemoryStore, ...given: unknown[]): Promise<never> {
      const call = (store: MemoryStore) => (MemoryStore.prototype[name] as (...all: unknown[]) => Promise<never>).apply(store, given);
      written.push(call);
      return call(this);
    };
  }
  await storeRuns(new Written());
  let change: ((store: MemoryStore) => void) | undefined;
  return {
    mutate(random) {
      const { what, apply } = pick(random, CHANGES)(random);
      change = apply;
      return what;
    },
    async as(look) {
      const store = new MemoryStore();
      for (const call of written) await call(store);
      change?.(store);
      change = undefined;
      return await look(store);
    },
  };
}

type Change = (random: Random) => { what: string; apply: (store: MemoryStore) => void };
type Parts = Map<string, string>;

/** Whenever the run's newest generation is asked for, its parts are others. */
const ofParts =
  (what: string, work: (parts: Parts, random: Random, others: { older: Parts; neighbour: Parts }) => void): Change =>
  (random) => {
    const seed = drawn(random, 2 ** 32);
    const apply = (store: MemoryStore): void => {
      const load = store.load.bind(store);
      store.load = async (taskId, generation) => {
        const found = await load(taskId, generation);
        const newest = await store.read(taskId);
        if (found === undefined || found.generation !== newest?.generation || taskId !== TASKS[0]) return found;
        const [older, neighbour] = [await load(taskId, 2 + (seed % 3)), await load(TASKS[1])];
        work(found.parts as Parts, chance(seed), { older: older?.parts as Parts, neighbour: neighbour?.parts as Parts });
        return found;
      };
    };
    return { what: `${what}, ${seed}`, apply };
  };

const CHANGES: readonly Change[] = [
  ofParts("a part is another text", (parts, random) => {
    const name = pick(random, [...parts.keys()]);
    parts.set(name, otherText(random, parts.get(name) as string));
  }),
  ofParts("a part is gone", (parts, random) => void parts.delete(pick(random, [...parts.keys()]))),
  ofParts("two parts have changed places", (parts, random) => {
    const [a, b] = [pick(random, [...parts.keys()]), pick(random, [...parts.keys()])];
    const text = parts.get(a) as string;
    parts.set(a, parts.get(b) as string);
    parts.set(b, text);
  }),
  ofParts("a part has another name", (parts, random) => {
    const name = pick(random, [...parts.keys()]);
    const text = parts.get(name) as string;
    if (random() < 0.5) parts.delete(name);
    parts.set(otherText(random, name), text);
  }),
  ofParts("a part is that of an older generation", (parts, random, { older }) => {
    const name = pick(random, [...older.keys()]);
    parts.set(name, older.get(name) as string);
  }),
  ofParts("a part is its neighbour's", (parts, random, { neighbour }) => {
    const name = pick(random, [...neighbour.keys()]);
    parts.set(name, neighbour.get(name) as string);
  }),
  ofParts("all parts are its neighbour's", (parts, _random, { neighbour }) => {
    parts.clear();
    for (const [name, text] of neighbour) parts.set(name, text);
  }),
  ofParts("all parts are those of an older generation", (parts, _random, { older }) => {
    parts.clear();
    for (const [name, text] of older) parts.set(name, text);
  }),
  (random) => answerOf(random, "events"),
  (random) => answerOf(random, "generations"),
  (random) => answerOf(random, "inbox"),
];

/** A list that is another one wherever it is asked for. */
function answerOf(random: Random, name: "events" | "generations" | "inbox"): ReturnType<Change> {
  const seed = drawn(random, 2 ** 32);
  const apply = (store: MemoryStore): void => {
    const ask = store[name].bind(store) as (...given: unknown[]) => Promise<never>;
    store[name] = async (...given: unknown[]): Promise<never> => {
      const answer: unknown[] = await ask(...given);
      return answer.length === 0 ? (answer as never) : (otherJson(chance(seed), answer as never) as never);
    };
  };
  return { what: `${name}, ${seed}`, apply };
}

/** Files and folders that are others. */
async function filePlace(dir: string): Promise<MutablePlace> {
  const open = (): FileStore => new FileStore({ dir, fsync: false });
  await storeRuns(open());
  const kept = `${dir} kept`;
  cpSync(dir, kept, { recursive: true });
  const paths = readdirSync(kept, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name !== ".changes")
    .map((entry) => join(entry.parentPath, entry.name).slice(kept.length + 1));
  const own = paths.filter((path) => path.startsWith(TASKS[0]));
  const steps = own.flatMap((path) => /run-[^/\\]*.(\d+)\.json$/.exec(path)?.[1] ?? []);
  const newest = `${Math.max(...steps.map(Number))}.json`;
  const read = (path: string): Uint8Array => readFileSync(join(kept, path));
  return {
    mutate(random) {
      const path = pick(random, own);
      const [what, bytes] = otherFile(random, path, { paths, read });
      // A log without its newest step is the log before it: nothing tells it from one where that step was never made.
      if (bytes === undefined && path.includes("run-") && path.endsWith(newest)) return "nothing";
      if (bytes === undefined) rmSync(join(dir, path));
      else writeFileSync(join(dir, path), bytes);
      return `${path}: ${what}`;
    },
    async as(look) {
      const store = open();
      try {
        return await look(store);
      } finally {
        await store.close();
        rmSync(dir, { recursive: true });
        cpSync(kept, dir, { recursive: true });
      }
    },
  };
}

function otherFile(
  random: Random,
  path: string,
  { paths, read }: { paths: readonly string[]; read: (path: string) => Uint8Array },
): [what: string, bytes: Uint8Array | undefined] {
  const bytes = read(path);
  const way = random();
  if (way < 0.25) return ["a bit", flipped(random, bytes)];
  if (way < 0.35) return ["cut", bytes.subarray(0, drawn(random, bytes.length))];
  if (way < 0.4) return ["gone", undefined];
  if (way < 0.55) {
    const from = pick(random, paths);
    return [`is ${from}`, read(from)];
  }
  if (way < 0.7) {
    const end = path.slice(path.lastIndexOf("/"));
    const from = pick(
      random,
      paths.filter((each) => each.endsWith(end)),
    );
    return [`is ${from}`, read(from)];
  }
  return ["another text", new TextEncoder().encode(otherText(random, new TextDecoder().decode(bytes)))];
}

/** Rows that are others, and now and then bytes of the file. */
async function sqlitePlace(folder: string): Promise<MutablePlace> {
  mkdirSync(folder);
  const file = join(folder, "runs.db");
  const stored = new SqliteStore({ file });
  await storeRuns(stored);
  await stored.close();
  const kept = readFileSync(file);
  return {
    mutate(random) {
      if (random() < 0.15) {
        writeFileSync(file, flipped(random, kept));
        return "a bit of the file";
      }
      const database = new DatabaseSync(file);
      try {
        return otherRow(random, database);
      } finally {
        database.close();
      }
    },
    async as(look) {
      const store = new SqliteStore({ file });
      try {
        return await look(store);
      } finally {
        await store.close();
        for (const name of readdirSync(folder)) rmSync(join(folder, name));
        writeFileSync(file, kept);
      }
    },
  };
}

const TABLES = ["runs", "infos", "commits", "commits", "commits", "parts", "messages", "labels"] as const;

function otherRow(random: Random, database: DatabaseSync): string {
  const table = pick(random, TABLES);
  const key = table === "runs" ? "id" : "run";
  const rows = database.prepare(`select * from ${table} where ${key} = 1`).all() as Record<string, string | number | Uint8Array | null>[];
  const row = rows[drawn(random, rows.length)];
  if (row === undefined) return `${table}: has no rows`;
  const columns = Object.keys(row);
  const column = pick(
    random,
    columns.filter((each) => each !== key),
  );
  const identity = columns.filter((each) => each === "id" || each === key || each === "generation" || each === "name" || each === "n");
  const where = identity.map((each) => `${each} = ?`).join(" and ");
  const place = identity.map((each) => row[each] as string | number);
  const way = random();
  const set = (value: string | number | Uint8Array | null): string => {
    try {
      database.prepare(`update or replace ${table} set ${column} = ? where ${where}`).run(value, ...place);
    } catch {
      // What the table itself refuses nobody stores by mistake.
    }
    return `${table}.${column} of ${JSON.stringify(place)} = ${String(value).slice(0, 80)}`;
  };
  if (way < 0.1) {
    database.prepare(`delete from ${table} where ${where}`).run(...place);
    return `${table}: ${JSON.stringify(place)} is gone`;
  }
  if (way < 0.4) {
    const others = database.prepare(`select ${column} as value from ${table}`).all() as { value: string | number | null }[];
    return set(pick(random, others).value);
  }
  const value = row[column] ?? null;
  if (typeof value === "number") return set(pick(random, [value + 1, value - 1, 0, -1, 2 ** 40]));
  return set(value === null ? pick(random, [0, "", "{}", 1e12]) : otherText(random, String(value)));
}

export function mutablePlaces(): [what: string, make: () => Promise<MutablePlace>][] {
  const place = newPlace();
  return [
    ["memory", memoryPlace],
    ["files", () => filePlace(place())],
    ["SQLite", () => sqlitePlace(place())],
    ["a store of another's", foreignPlace],
  ];
}
