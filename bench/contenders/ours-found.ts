/** 100,000 runs in a database, and the newest of a status among them. */
import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import { Agent, type AgentRun, defineModule, Node, type RunStatus, Runs, type RunView } from "../../src/index.ts";
import { SqliteStore } from "../../src/sqlite.ts";
import { newTask, UNLIMITED } from "./ours.ts";
import { commitOf, createOf } from "./ours-commits.ts";

const WANTED = 50;
/** Runs that are created in one transaction. */
const AT_ONCE = 1_000;

export interface FoundTimes {
  status: RunStatus;
  milliseconds: number[];
}

/** Whole runs of five nodes, which end as the status says, or go on. */
async function runsOf(store: SqliteStore, status: "COMPLETE" | "PARTIAL" | "READY" | "RUNNING", count: number): Promise<AgentRun[]> {
  const begun: (() => void)[] = [];
  const last = defineModule({
    name: "last",
    config: { timeoutMs: Number.POSITIVE_INFINITY },
    process({ signal }) {
      if (status === "COMPLETE") return { status: "success" };
      if (status === "PARTIAL") return { status: "error", error: "as it should" };
      begun.pop()?.();
      return new Promise<never>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    },
  });
  const first = defineModule({ name: "first", process: async () => ({ status: "success", result: "done" }) });
  const names = ["a", "b", "c", "d", "e"];
  const nodes = names.map(
    (name, index) =>
      new Node({
        name,
        modules: [index === names.length - 1 ? last : first],
        dependencies: names.slice(0, index).slice(-1),
        nodeConfig: { maxRetries: 1 },
      }),
  );
  const agent = new Agent({ nodes, ...UNLIMITED, store });
  const started = Array.from({ length: count }, () => new Promise<void>((resolve) => begun.push(resolve)));
  const runs = Array.from({ length: count }, () => agent.start(newTask()));
  if (status === "COMPLETE" || status === "PARTIAL") await Promise.all(runs.map(({ outcome }) => outcome));
  else await Promise.all(started);
  if (status === "READY") await Promise.all(runs.map((run) => run.park()));
  return runs;
}

/** Rows and parts as of any run; half of them have ended, the others are owned. */
async function fill(store: SqliteStore, count: number): Promise<void> {
  for (let made = 0; made < count; made += AT_ONCE) {
    const ids = Array.from({ length: Math.min(AT_ONCE, count - made) }, (_, index) => `filling-${made + index}`);
    const leases = await Promise.all(ids.map((id) => createOf(store, id)));
    const ended = leases.filter((_, index) => index % 2 === 0);
    await Promise.all(ended.map((lease) => store.commit(lease, commitOf(2, { run: { status: "COMPLETE" } }))));
  }
}

/** Milliseconds of each of `rounds` queries: of the statuses that are rare and old, and of those that are frequent and new. */
export async function foundTimes(folder: string, count: number, rounds: number): Promise<FoundTimes[]> {
  const store = new SqliteStore({ file: join(mkdtempSync(join(folder, "sqlite-")), "runs.db") });
  await runsOf(store, "PARTIAL", WANTED);
  await runsOf(store, "READY", WANTED);
  await fill(store, count - 4 * WANTED);
  await runsOf(store, "COMPLETE", WANTED);
  const running = await runsOf(store, "RUNNING", WANTED);
  const runs = new Runs(store);
  const times: FoundTimes[] = [];
  for (const status of ["COMPLETE", "RUNNING", "PARTIAL", "READY"] as const) {
    const milliseconds: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const startedAt = performance.now();
      const found: RunView[] = [];
      for await (const view of runs.find({ status, limit: WANTED })) found.push(view);
      milliseconds.push(performance.now() - startedAt);
      const right = found.filter((view) => view.status === status && Object.keys(view.nodes).length === 5);
      if (right.length !== WANTED) throw new Error(`${right.length} of ${WANTED} runs were found as ${status}.`);
    }
    times.push({ status, milliseconds });
  }
  await Promise.all(running.map((run) => run.park()));
  await store.close();
  return times;
}
