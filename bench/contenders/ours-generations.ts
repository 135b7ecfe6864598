/** What a generation costs early and late in a long chain, and in a short one; old generations go as they do by default. */
import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import { Agent, MemoryStore, type RunStore } from "../../src/index.ts";
import { bytesWritten } from "../on-disk.ts";
import { chain, Tally } from "../shapes/graph-shape.ts";
import { newTask, noOpNodes, runOnce, UNLIMITED } from "./ours.ts";
import { type Kind, storeIn } from "./ours-stores.ts";

type Commit = Parameters<RunStore["commit"]>[1];

const sizeOf = ({ put, info, events }: Commit): number =>
  [...put.values(), info, ...events.map(({ body }) => body)].reduce((sum, content) => sum + content.length, 0);

/** Counts what it is handed: all of it is ASCII here. */
class CountingStore extends MemoryStore {
  bytes = 0;

  override commit(...[lease, commit]: Parameters<RunStore["commit"]>): ReturnType<RunStore["commit"]> {
    this.bytes += sizeOf(commit);
    return super.commit(lease, commit);
  }
}

/** Of one generation. */
export interface Cost {
  micros: number;
  /** Of the processor. */
  workMicros: number;
  /** Written, by the store or to it; undefined where the system does not count what a process writes. */
  bytes: number | undefined;
}

interface Mark {
  at: number;
  workMicros: number;
  bytes: number | undefined;
}

const between = (from: Mark, to: Mark, generations: number): Cost => ({
  micros: ((to.at - from.at) * 1_000) / generations,
  workMicros: (to.workMicros - from.workMicros) / generations,
  bytes: from.bytes === undefined || to.bytes === undefined ? undefined : (to.bytes - from.bytes) / generations,
});

/** Of the whole chain, of its first and of its last tenth. */
export interface Costs {
  whole: Cost;
  first: Cost;
  last: Cost;
}

function chainOn(size: number, store: RunStore, written: () => number | undefined): () => Promise<Costs> {
  const shape = chain(size);
  const tally = new Tally(shape);
  const tenth = size / 10;
  const marks = new Map<number, Mark>();
  const marked = new Set([0, tenth, size - 1 - tenth, size - 1]);
  const visit = (index: number): void => {
    tally.visit(index);
    if (!marked.has(index)) return;
    const { user, system } = process.cpuUsage();
    marks.set(index, { at: performance.now(), workMicros: user + system, bytes: written() });
  };
  const agent = new Agent({ nodes: noOpNodes(shape, { visit }, "ALWAYS"), ...UNLIMITED, store });
  const costBetween = (from: number, to: number): Cost => between(marks.get(from) as Mark, marks.get(to) as Mark, to - from);
  return async () => {
    const task = newTask();
    await runOnce(agent, task);
    tally.settle();
    const run = await store.read(task.id);
    if ((run?.generation ?? 0) < size) throw new Error(`Of ${size} nodes ${run?.generation} generations were made.`);
    await store.remove(task.id);
    return { whole: costBetween(0, size - 1), first: costBetween(0, tenth), last: costBetween(size - 1 - tenth, size - 1) };
  };
}

const SHORT = 100;

/** Of short chains, after those that warm up, and of one long chain. Files are not flushed: that is most of their time, and does not grow. */
export async function generationCosts(kind: Kind, folder: string, size: number): Promise<{ short: Cost[]; long: Costs }> {
  const counting = new CountingStore();
  const store = kind === "MemoryStore" ? counting : storeIn(kind, mkdtempSync(join(folder, `${kind}-`)), { fsync: false });
  const written = store === counting ? () => counting.bytes : bytesWritten;
  await chainOn(size / 10, store, written)();
  const once = chainOn(SHORT, store, written);
  const short: Cost[] = [];
  for (let round = 0; round < 11; round++) short.push((await once()).whole);
  const long = await chainOn(size, store, written)();
  await store.close();
  return { short, long };
}
