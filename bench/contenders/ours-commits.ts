/** Commits of many runs at once on SQLite, as a process makes them that does nothing else. */
import { closeSync, fsyncSync, mkdtempSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { RunStore } from "../../src/index.ts";
import { SqliteStore } from "../../src/sqlite.ts";
import { Apart } from "../apart.ts";
import { LoopProbe } from "../loop-probe.ts";

type Commit = Parameters<RunStore["commit"]>[1];
type Lease = Parameters<RunStore["commit"]>[0];

/** About the parts and events of a no-op node. */
const text = (name: string, size: number): string => JSON.stringify({ name, text: "x".repeat(size) });

export function commitOf(generation: number, more: Partial<Commit> = {}): Commit {
  const node = `node/${generation % 20}`;
  return {
    generation,
    info: text("info", 60),
    nodes: [node],
    put: new Map([
      [node, text(node, 400)],
      ["cells/0", text("cells", 150)],
      ["view", text("view", 320)],
      [`view/${node}`, text(node, 100)],
    ]),
    remove: [],
    events: [0, 1, 2, 3, 4].map((n) => ({ seq: (generation - 1) * 5 + n + 1, at: 0, body: text("event", 120) })),
    consumed: [],
    ...more,
  };
}

export async function createOf(store: RunStore, taskId: string, leaseMs = 3_600_000): Promise<Lease> {
  const run = { taskId, agent: "agent", version: "1", type: "bench", labels: {}, graphHash: "0", info: text("info", 60), dueAt: 0 };
  const created = await store.create({ ...run, first: commitOf(1) }, { id: `bench-${process.pid}`, leaseMs });
  if (!created.ok || created.lease === undefined) throw new Error(`Run ${taskId} was not created.`);
  return created.lease;
}

async function goOn(store: RunStore, lease: Lease, from: number, to: number): Promise<void> {
  for (let generation = from; generation <= to; generation++) {
    const made = await store.commit(lease, commitOf(generation));
    if (!made.ok) throw new Error(`Generation ${generation} of ${lease.taskId} was refused: ${made.why}.`);
  }
}

const RUNS = 64;

const createdRuns = (store: RunStore, count: number): Promise<Lease[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => createOf(store, `${process.pid}-${performance.now()}-${index}`)));

/** Writes to the same database until its process ends. */
export async function writeOn(file: string): Promise<never> {
  const store = new SqliteStore({ file });
  for (;;) {
    const leases = await createdRuns(store, 8);
    await Promise.all(leases.map((lease) => goOn(store, lease, 2, 100)));
  }
}

/** Of a durable generation, and of one flush of 4 kB to the same disk; and the longest hold of the event loop. */
export interface CommitCost {
  micros: number;
  workMicros: number;
  diskMicros: number;
  heldMs: number;
}

/** Of 64 runs at once, each round in turn. @param isBeside whether a second process writes to the same database */
export async function commitCosts(folder: string, isBeside: boolean, rounds: number): Promise<CommitCost[]> {
  const place = mkdtempSync(join(folder, "sqlite-"));
  const file = join(place, "runs.db");
  const store = new SqliteStore({ file });
  const leases = await createdRuns(store, RUNS);
  const other = isBeside ? new Apart("the second process") : undefined;
  // It is ended in the midst of it.
  const ended = other?.ask({ do: "measure", job: "writeOn", args: [file] }).catch((error: unknown) => error);
  const each = 100;
  const costs: CommitCost[] = [];
  // The first warms up.
  for (let round = 0; round <= rounds; round++) {
    const from = 2 + round * each;
    const probe = new LoopProbe("commits");
    probe.start();
    const cpu = process.cpuUsage();
    const startedAt = performance.now();
    await Promise.all(leases.map((lease) => goOn(store, lease, from, from + each - 1)));
    const ms = performance.now() - startedAt;
    const { user, system } = process.cpuUsage(cpu);
    const holds = await probe.stop();
    const heldMs = Math.max(0, ...holds.map((hold) => hold.ms));
    const generations = RUNS * each;
    const cost = { micros: (ms * 1_000) / generations, workMicros: (user + system) / generations, diskMicros: flushMicros(place), heldMs };
    if (round > 0) costs.push(cost);
  }
  if (other !== undefined) {
    const others = (await store.find({ limit: 1_000 })).length - RUNS;
    await other.close();
    await ended;
    if (others < 8) throw new Error(`The second process stored ${others} runs, expected at least 8.`);
  }
  await store.close();
  return costs;
}

/** Microseconds of one flush, of a hundred. */
function flushMicros(place: string): number {
  const file = openSync(join(place, "flushed"), "a");
  const startedAt = performance.now();
  for (let flush = 0; flush < 100; flush++) {
    writeSync(file, Buffer.alloc(4_096));
    fsyncSync(file);
  }
  closeSync(file);
  return ((performance.now() - startedAt) * 1_000) / 100;
}
