/** The effects around a run as actors: opening, snapshots, cleaning up and closing. */
import type { PromiseActorLogic } from "xstate";
import type { TaskJSON } from "#contract/base/task";
import type { Failure, Fault, NodeResult } from "#contract/node/result";
import type { HostOf } from "#contract/run/host";
import type { SnapshotRef } from "#contract/store/snapshot";
import { fromEffect } from "./from-effect.ts";

/** What a run's host does for the agent machine; see the machine's own declarations for what each means. */
export interface RunEffects {
  open(task: TaskJSON): Promise<{ failure?: Failure }>;
  save(cut: string, nodes: string[]): Promise<{ ref?: SnapshotRef; fault?: Fault }>;
  closeGenerators(nodes?: string[]): Promise<void>;
  close(task: TaskJSON, message: unknown): Promise<{ faults: Fault[] }>;
  collectNodes(): Promise<NodesRead>;
}

/** What the nodes of a graph did. */
export interface NodesRead {
  nodes: Record<string, NodeResult>;
  /** What those gave that are COMPLETE. */
  results: Record<string, unknown>;
  executions: Record<string, number>;
}

export const openRun = (hostOf: HostOf<RunEffects>): PromiseActorLogic<{ failure?: Failure }, { task: TaskJSON }> =>
  fromEffect(({ input, self }) => hostOf(self).open(input.task));

export const saveSnapshot = (
  hostOf: HostOf<RunEffects>,
): PromiseActorLogic<{ ref?: SnapshotRef; fault?: Fault }, { cut: string; nodes: string[] }> =>
  fromEffect(({ input, self }) => hostOf(self).save(input.cut, input.nodes));

export const closeGenerators = (hostOf: HostOf<RunEffects>): PromiseActorLogic<void, { nodes: string[] }> =>
  fromEffect(({ input, self }) => hostOf(self).closeGenerators(input.nodes));

export const closeNodes = (hostOf: HostOf<RunEffects>): PromiseActorLogic<NodesRead, undefined> =>
  fromEffect(async ({ self }) => {
    const host = hostOf(self);
    await host.closeGenerators();
    return host.collectNodes();
  });

export const closeRun = (hostOf: HostOf<RunEffects>): PromiseActorLogic<{ faults: Fault[] }, { task: TaskJSON; message: unknown }> =>
  fromEffect(({ input, self }) => hostOf(self).close(input.task, input.message));
