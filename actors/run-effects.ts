/** The effects around a run as actors: opening and closing. */
import type { PromiseActorLogic } from "xstate";
import type { TaskJSON } from "#contract/base/task";
import type { Failure, Fault } from "#contract/node/result";
import type { EndedGraph } from "#contract/run/end";
import type { HostOf } from "#contract/run/host";
import { fromEffect } from "./from-effect.ts";

/** What a run's host does for the agent machine; see the machine's own declarations for what each means. */
export interface RunEffects {
  open(task: TaskJSON): Promise<{ failure?: Failure }>;
  close(task: TaskJSON, message: unknown): Promise<{ faults: Fault[] }>;
  /** Closes what the nodes hold, and gives what they did. */
  closeNodes(): Promise<EndedGraph>;
}

export const openRun = (hostOf: HostOf<RunEffects>): PromiseActorLogic<{ failure?: Failure }, { task: TaskJSON }> =>
  fromEffect(({ input, self }) => hostOf(self).open(input.task));

export const closeNodes = (hostOf: HostOf<RunEffects>): PromiseActorLogic<EndedGraph, undefined> =>
  fromEffect(({ self }) => hostOf(self).closeNodes());

export const closeRun = (hostOf: HostOf<RunEffects>): PromiseActorLogic<{ faults: Fault[] }, { task: TaskJSON; message: unknown }> =>
  fromEffect(({ input, self }) => hostOf(self).close(input.task, input.message));
