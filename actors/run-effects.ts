/** The effects around a run as actors: opening, snapshots, cleaning up and closing. */
import { fromPromise, type PromiseActorLogic } from "xstate";
import type { ErrorReport, NodeResult } from "../src/contract/outcome.ts";
import type { SnapshotRef } from "../src/contract/snapshot.ts";
import type { TaskJSON } from "../src/contract/task.ts";

/** What a run's host does for the agent machine; see the machine's own declarations for what each means. */
export interface RunEffects {
  open(task: TaskJSON): Promise<{ failure?: { error: string; code: string } }>;
  save(cut: string, nodes: string[]): Promise<{ ref?: SnapshotRef; error?: ErrorReport }>;
  closeGenerators(nodes?: string[]): Promise<void>;
  close(task: TaskJSON, message: unknown): Promise<void>;
  readNodes(): { results: Record<string, NodeResult>; executions: Record<string, number> };
}

export const openRun = (effects: RunEffects): PromiseActorLogic<{ failure?: { error: string; code: string } }, { task: TaskJSON }> =>
  fromPromise(({ input }) => effects.open(input.task));

export const saveSnapshot = (effects: RunEffects): PromiseActorLogic<{ ref?: SnapshotRef; error?: ErrorReport }, { cut: string; nodes: string[] }> =>
  fromPromise(({ input }) => effects.save(input.cut, input.nodes));

export const closeGenerators = (effects: RunEffects): PromiseActorLogic<void, { nodes: string[] }> =>
  fromPromise(({ input }) => effects.closeGenerators(input.nodes));

export const closeNodes = (effects: RunEffects): PromiseActorLogic<ReturnType<RunEffects["readNodes"]>, undefined> =>
  fromPromise(async () => {
    await effects.closeGenerators();
    return effects.readNodes();
  });

export const closeRun = (effects: RunEffects): PromiseActorLogic<void, { task: TaskJSON; message: unknown }> =>
  fromPromise(({ input }) => effects.close(input.task, input.message));
