/** What a process can be told to do, by name: each job's module is loaded by the process that does it, and by no other. */
import { Apart } from "./apart.ts";
import type { SaverName } from "./contenders/langgraph.ts";
import type { Reader, Source } from "./contenders/ours-chain-stream.ts";
import type { Growing } from "./contenders/ours-growth.ts";
import type { Parts } from "./contenders/ours-items.ts";
import type { Kind, OnDisk, OnServer } from "./contenders/ours-stores.ts";
import type { Window } from "./contenders/ours-tools.ts";
import type { Measured, QueueName } from "./contenders/ours-workers.ts";
import type { StoreName } from "./contenders/stores.ts";
import type { GraphSpec } from "./shapes/graph-shape.ts";
import type { Trial } from "./trial.ts";

const TRIALS = {
  ours: async (graph: GraphSpec, runs?: number) => (await import("./contenders/ours.ts")).graphTrial(graph, runs),
  floor: async (graph: GraphSpec, runs?: number) => (await import("./contenders/floor.ts")).graphTrial(graph, runs),
  langgraph: async (graph: GraphSpec, runs?: number) => (await import("./contenders/langgraph.ts")).graphTrial(graph, runs),
  mastra: async (graph: GraphSpec, runs?: number) => (await import("./contenders/mastra.ts")).graphTrial(graph, runs),
  effect: async (graph: GraphSpec, runs?: number) => (await import("./contenders/effect.ts")).graphTrial(graph, runs),
  oursLoop: async (iterations: number) => (await import("./contenders/ours-loop.ts")).loopTrial(iterations),
  langgraphLoop: async (iterations: number) => (await import("./contenders/langgraph.ts")).loopTrial(iterations),
  oursBranches: async (draw: number) => (await import("./contenders/ours-branches.ts")).branchesTrial(draw),
  langgraphBranches: async (draw: number) => (await import("./contenders/langgraph.ts")).branchesTrial(draw),
  oursSaving: async (size: number, kind: Kind, folder: string) =>
    (await import("./contenders/ours-snapshots.ts")).savingTrial(size, kind, folder),
  langgraphSaving: async (size: number, saver: SaverName, folder: string) =>
    (await import("./contenders/langgraph.ts")).savingTrial(size, saver, folder),
  oursTools: async (turns: number) => (await import("./contenders/ours-tools.ts")).chainTrial(turns),
  aiSdkStreamed: async (turns: number) => (await import("./contenders/ai-sdk.ts")).streamedTrial(turns),
  aiSdkWhole: async (turns: number) => (await import("./contenders/ai-sdk.ts")).wholeTrial(turns),
  stream: async (provider: string, reader: "ours" | "raw", part: "whole" | "first") =>
    (await import("./contenders/streams.ts")).streamTrial(provider, reader, part),
  chainStream: async (source: Source, reader: Reader, deltas: number) =>
    (await import("./contenders/ours-chain-stream.ts")).chainStreamTrial(source, reader, deltas),
  checks: async (checks: number) => (await import("./contenders/ours-checks.ts")).checkTrial(checks),
  cache: async (store: StoreName, url: string, operation: string, load: { count: number; limit: number }) =>
    (await import("./contenders/stores.ts")).operationTrial(store, url, operation, load),
  growth: async (kind: Growing, size: number, roots?: number) =>
    (await import("./contenders/ours-growth.ts")).growthTrial(kind, size, roots),
  oursItems: async (parts: Parts, size: number, isStored: boolean) =>
    (await import("./contenders/ours-items.ts")).itemsTrial(parts, size, isStored),
  durable: async (runs: number, size: number, folder: string) =>
    (await import("./contenders/ours-durable.ts")).durableTrial(runs, size, folder),
  events: async (count: number) => (await import("./contenders/ours-history.ts")).eventsTrial(count),
  call: async (isRefused: boolean, megabytes: number) => (await import("./contenders/ours-history.ts")).callTrial(isRefused, megabytes),
};

const MEASURES = {
  generations: async (kind: Kind, folder: string, size: number) =>
    (await import("./contenders/ours-generations.ts")).generationCosts(kind, folder, size),
  oursSaved: async (size: number, kind: Kind, folder: string) =>
    (await import("./contenders/ours-snapshots.ts")).savedBytes(size, kind, folder),
  langgraphSaved: async (size: number, saver: SaverName, folder: string) =>
    (await import("./contenders/langgraph.ts")).savedBytes(size, saver, folder),
  itemCommits: async (kind: Kind, folder: string, size: number) =>
    (await import("./contenders/ours-items.ts")).itemCommits(kind, folder, size),
  commits: async (folder: string, isBeside: boolean, rounds: number) =>
    (await import("./contenders/ours-commits.ts")).commitCosts(folder, isBeside, rounds),
  writeOn: async (file: string) => (await import("./contenders/ours-commits.ts")).writeOn(file),
  storeRun: async (kind: OnDisk, folder: string, size: number) =>
    (await import("./contenders/ours-restore.ts")).storeRun(kind, folder, size),
  restoreRun: async (kind: OnDisk, folder: string, size: number, taskId: string) =>
    (await import("./contenders/ours-restore.ts")).restoreRun(kind, folder, size, taskId),
  restoreFromMemory: async (size: number) => (await import("./contenders/ours-restore.ts")).restoreFromMemory(size),
  ownRuns: async (kind: Kind, place: string, rounds: number) => (await import("./contenders/ours-away.ts")).ownRuns(kind, place, rounds),
  hearRuns: async (kind: Kind, place: string, rounds: number) => (await import("./contenders/ours-away.ts")).hearRuns(kind, place, rounds),
  parked: async (kind: OnDisk | OnServer, place: string, count: number) =>
    (await import("./contenders/ours-parked.ts")).parkedTimes(kind, place, count),
  serverCommits: async (kind: OnServer, url: string, rounds: number) =>
    (await import("./contenders/ours-servers.ts")).serverCommits(kind, url, rounds),
  submitRuns: async (measured: Measured, queue: QueueName, runs: number) =>
    (await import("./contenders/ours-workers.ts")).submitRuns(measured, queue, runs),
  workOn: async (measured: Measured, queue: QueueName) => (await import("./contenders/ours-workers.ts")).workOn(measured, queue),
  runInProcess: async (measured: Measured, runs: number) => (await import("./contenders/ours-workers.ts")).runInProcess(measured, runs),
  bareJobs: async (url: string, count: number) => (await import("./contenders/bullmq.ts")).bareJobs(url, count),
  found: async (folder: string, count: number, rounds: number) =>
    (await import("./contenders/ours-found.ts")).foundTimes(folder, count, rounds),
  bytesOfRun: async (runs: number, isStored: boolean) => (await import("./contenders/ours-resident.ts")).bytesOfRun(runs, isStored),
  chainTimes: async (rounds: number) => (await import("./contenders/ours-history.ts")).chainTimes(rounds),
  held: async (graph: GraphSpec) => (await import("./contenders/ours-held.ts")).heldTimes(graph),
  idleNodeBytes: async (rounds: number) => (await import("./contenders/ours-heap.ts")).idleNodeBytes(rounds),
  roundBytes: async (width: number, rounds: number) => (await import("./contenders/ours-growth.ts")).bytesOfRound(width, rounds),
  streamGrowth: async (megabytes: number) => (await import("./contenders/streams.ts")).streamGrowth(megabytes),
  toolWindows: async (turns: number, windows: readonly Window[], rounds: { warming: number; rounds: number }) =>
    (await import("./contenders/ours-tools.ts")).windowTimes(turns, windows, rounds),
};

type Trials = typeof TRIALS;
type Measures = typeof MEASURES;

/** A contender, and the trial that its process is to build. */
export interface Racer {
  contender: string;
  trial: string;
  args: readonly unknown[];
}

export const racer = <Name extends keyof Trials>(contender: string, trial: Name, ...args: Parameters<Trials[Name]>): Racer => ({
  contender,
  trial,
  args,
});

/** Measures something in a process of its own. @throws Error when that fails, with the cause */
export async function apart<Name extends keyof Measures>(job: Name, ...args: Parameters<Measures[Name]>) {
  const process = new Apart(job);
  try {
    return await process.ask<Awaited<ReturnType<Measures[Name]>>>({ do: "measure", job, args });
  } finally {
    await process.close();
  }
}

/** In the process: the names come from `racer` and `apart`, and so do the arguments. */
export const trialNamed = (name: string, args: readonly unknown[]): Promise<Trial> =>
  (TRIALS as unknown as Record<string, (...args: readonly unknown[]) => Promise<Trial>>)[name]?.(...args) ?? noJob(name);

export const measureNamed = (name: string, args: readonly unknown[]): Promise<unknown> =>
  (MEASURES as unknown as Record<string, (...args: readonly unknown[]) => Promise<unknown>>)[name]?.(...args) ?? noJob(name);

function noJob(name: string): never {
  throw new Error(`There is no job ${name}.`);
}
