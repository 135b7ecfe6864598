/** Commits on a server, beside one bare write of as many bytes by its own client, and one bare question. */
import { Redis } from "ioredis";
import { Pool } from "pg";
import { commitOf, createOf } from "./ours-commits.ts";
import { type OnServer, storeIn } from "./ours-stores.ts";

const EACH = 100;
const AT_ONCE = 64;
/** About what a commit holds. */
const TEXT = "x".repeat(1_800);

/** Microseconds each. */
export interface ServerCommits {
  alone: number[];
  /** Of each of 64 that come in one turn. */
  grouped: number[];
  /** A write that is on the disk when it is acknowledged. */
  bareWrite: number[];
  /** There and back, with nothing to do. */
  roundTrip: number[];
}

interface Bare {
  write(at: number): Promise<unknown>;
  ask(): Promise<unknown>;
  close(): Promise<unknown>;
}

async function bareOf(kind: OnServer, url: string): Promise<Bare> {
  if (kind === "RedisStore") {
    const client = new Redis(url);
    return { write: (at) => client.set(`bare-${at}`, TEXT), ask: () => client.ping(), close: () => client.quit() };
  }
  const pool = new Pool({ connectionString: url, max: 1 });
  await pool.query("create table bare (id bigint primary key, content text not null)");
  return {
    write: (at) => pool.query("insert into bare values ($1, $2)", [at, TEXT]),
    ask: () => pool.query("select 1"),
    close: () => pool.end(),
  };
}

async function micros(count: number, work: (at: number) => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  for (let at = 0; at < count; at++) await work(at);
  return ((performance.now() - startedAt) * 1_000) / count;
}

export async function serverCommits(kind: OnServer, url: string, rounds: number): Promise<ServerCommits> {
  const store = storeIn(kind, url);
  const bare = await bareOf(kind, url);
  const [one, ...leases] = await Promise.all(Array.from({ length: AT_ONCE + 1 }, (_, at) => createOf(store, `run-${at}`)));
  if (one === undefined) throw new Error("no run was created");
  const costs: ServerCommits = { alone: [], grouped: [], bareWrite: [], roundTrip: [] };
  const commit = async (lease: typeof one, generation: number): Promise<void> => {
    const made = await store.commit(lease, commitOf(generation));
    if (!made.ok) throw new Error(`generation ${generation} was refused: ${made.why}`);
  };
  // The first warms up.
  for (let round = 0; round <= rounds; round++) {
    const from = 2 + round * EACH;
    const figures = {
      alone: await micros(EACH, (at) => commit(one, from + at)),
      grouped: (await micros(EACH, (at) => Promise.all(leases.map((lease) => commit(lease, from + at))))) / AT_ONCE,
      bareWrite: await micros(EACH, (at) => bare.write(from + at)),
      roundTrip: await micros(EACH, () => bare.ask()),
    };
    if (round > 0) for (const [name, figure] of Object.entries(figures)) costs[name as keyof ServerCommits].push(figure);
  }
  await bare.close();
  await store.close();
  return costs;
}
