/**
 * What a durable generation costs in each run store, beside what the disk alone needs for one.
 *
 *   node --conditions=asimov-source bench/run-stores.ts [memory|sqlite|file] [commits|growth|find|load|second]
 */
import { fork } from "node:child_process";
import { closeSync, fsyncSync, mkdtempSync, openSync, readdirSync, rmSync, statSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import type { Commit } from "../src/contract/store/run-commit.ts";
import type { Lease } from "../src/contract/store/run-record.ts";
import type { RunStore } from "../src/contract/store/run-store.ts";
import { FileStore } from "../src/store/file/store.ts";
import { MemoryStore } from "../src/store/memory/store.ts";
import { SqliteStore } from "../src/store/sqlite/store.ts";

const root = mkdtempSync(join(tmpdir(), "asimov-bench-"));
const STORES: Record<string, (place: string) => RunStore> = {
  memory: () => new MemoryStore(),
  sqlite: (place) => new SqliteStore({ file: join(place, "runs.db") }),
  file: (dir) => new FileStore({ dir }),
};

const [driver = "sqlite", what = "commits", place = root] = process.argv.slice(2);
const make = STORES[driver] as (place: string) => RunStore;
const text = (name: string, size = 200): string => JSON.stringify({ name, status: "COMPLETE", text: "x".repeat(size) });

function commitOf(generation: number, names: readonly string[], seq: number): Commit {
  return {
    generation,
    info: JSON.stringify({ generation, why: "step", nodes: names, digest: "0".repeat(32) }),
    nodes: names,
    put: new Map(names.map((name) => [name, text(name)])),
    remove: [],
    events: [0, 1].map((n) => ({ seq: seq + n, at: 0, body: text("event", 100) })),
    consumed: [],
  };
}

async function start(store: RunStore, taskId: string, nodes: number): Promise<Lease> {
  const put = new Map([...Array(nodes).keys()].map((n) => [`node/${n}`, text(`${n}`)]));
  const first = { ...commitOf(1, [], 1), put };
  const run = { taskId, agent: "a", version: "1", type: "t", labels: {}, graphHash: "h", info: text("info"), dueAt: 0, first };
  const created = await store.create(run, { id: "bench", leaseMs: 3_600_000 });
  if (!created.ok || created.lease === undefined) throw new Error("not created");
  return created.lease;
}

async function go(store: RunStore, lease: Lease, from: number, to: number, nodes: number): Promise<void> {
  for (let generation = from; generation <= to; generation++) {
    const made = await store.commit(lease, commitOf(generation, ["agent", `node/${generation % nodes}`], generation * 2 - 1));
    if (!made.ok) throw new Error(made.why);
  }
}

const sizeOf = (folder: string): number =>
  readdirSync(folder, { recursive: true, withFileTypes: true }).reduce(
    (sum, entry) => sum + (entry.isFile() ? statSync(join(entry.parentPath, entry.name)).size : 0),
    0,
  );

async function commits(runs: number, each: number): Promise<void> {
  const store = make(place);
  const leases = await Promise.all(
    [...Array(runs).keys()].map((n) => start(store, `run-${process.pid}-${runs}-${performance.now()}-${n}`, 20)),
  );
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const cpu = process.cpuUsage();
  const at = performance.now();
  await Promise.all(leases.map((lease) => go(store, lease, 2, each, 20)));
  const took = performance.now() - at;
  const { user, system } = process.cpuUsage(cpu);
  delay.disable();
  const per = ((took * 1000) / (runs * (each - 1))).toFixed(1);
  const work = ((user + system) / (runs * (each - 1))).toFixed(1);
  console.log(
    `${driver}: ${runs} runs at once, ${per} µs a generation, ${work} µs of it at work, loop held at most ${(delay.max / 1e6).toFixed(1)} ms`,
  );
  await store.close();
}

const JOBS: Record<string, () => Promise<void>> = {
  async commits() {
    await commits(1, 500);
    await commits(64, driver === "file" ? 50 : 500);
    console.log(`bytes in its place: ${sizeOf(place)}`);
  },
  async second() {
    const other = fork(import.meta.filename, [driver, "writer", place], { execArgv: process.execArgv });
    await commits(64, 300);
    other.kill();
  },
  async writer() {
    for (;;) await commits(8, 200);
  },
  async growth() {
    for (const nodes of [100, 10_000]) {
      const store = make(join(place, String(nodes)));
      const lease = await start(store, "chain", nodes);
      await go(store, lease, 2, 200, nodes);
      for (const [from, to] of [
        [201, 1_200],
        [1_201, 9_000],
        [9_001, 10_000],
      ] as const) {
        const at = performance.now();
        await go(store, lease, from, to, nodes);
        console.log(`${driver}: ${nodes} nodes, ${from} to ${to}: ${(((performance.now() - at) * 1000) / (to - from + 1)).toFixed(1)} µs`);
      }
      await store.close();
    }
  },
  async load() {
    const store = make(place);
    const lease = await start(store, "chain", 10_000);
    await go(store, lease, 2, 300, 10_000);
    await store.close();
    const again = make(place);
    const at = performance.now();
    const loaded = await (driver === "memory" ? store : again).load("chain");
    console.log(`${driver}: ${loaded?.parts.size} parts loaded in ${(performance.now() - at).toFixed(1)} ms`);
  },
  async find() {
    const store = make(place);
    for (let n = 0; n < 100_000; n += 1_000) {
      await Promise.all(
        [...Array(1_000).keys()].map(async (m) => {
          const lease = await start(store, `run-${n + m}`, 1);
          if (n + m < 100 || (n + m) % 50 === 0) await store.commit(lease, { ...commitOf(2, [], 3), run: { status: "FAILED" } });
          else if (n + m > 200) await store.commit(lease, { ...commitOf(2, [], 3), run: { dueAt: null }, release: { seen: 0 } });
        }),
      );
    }
    for (const statuses of [["FAILED"], ["PARKED"], ["RUNNING"], ["READY"], ["READY", "RUNNING", "FAILED"], undefined] as const) {
      const at = performance.now();
      const found = await store.find({ limit: 50, ...(statuses === undefined ? {} : { statuses }) });
      console.log(`${driver}: ${found.length} of ${statuses ?? "any"} in ${(performance.now() - at).toFixed(1)} ms`);
    }
  },
};

function disk(): void {
  const file = openSync(join(root, "disk"), "a");
  const at = performance.now();
  for (let n = 0; n < 200; n++) {
    writeSync(file, Buffer.alloc(4_096));
    fsyncSync(file);
  }
  closeSync(file);
  console.log(`the disk alone: ${(((performance.now() - at) * 1000) / 200).toFixed(0)} µs for 4 kB`);
}

try {
  if (what !== "writer") disk();
  await JOBS[what]?.();
} finally {
  rmSync(root, { recursive: true, force: true });
}
