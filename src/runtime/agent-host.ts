/** What an agent lends to its verbs: those that go on with what a store holds. */
import type { Snapshot } from "xstate";
import { inCommon } from "#contract/base/brand";
import { EffectLimits } from "#contract/base/effect-limits";
import type { Task } from "#contract/base/task";
import type { Graph } from "#contract/graph/graph";
import type { RunStore } from "#contract/store/run-store";
import { AnsweredStore } from "#runs/answered-store";
import type { AgentRun, launch } from "./agent-run.ts";
import type { AgentServices } from "./agent-services.ts";
import type { Keeping, KeepingOf } from "./keeping.ts";
import type { OwnRuns } from "./own-runs.ts";
import type { AgentLogicInput, KEEPING } from "./run-logic.ts";

export type Launched = ReturnType<typeof launch>;

/** How a run goes on that another one waits for: as that one does. */
export type AsChild = Pick<KeepingOf, "parent" | "whenWaiting" | "onQuestion">;

export interface AgentHost {
  readonly services: AgentServices;
  /** Whether it was given a name: others cannot tell its runs from those of another agent. */
  readonly isNamed: boolean;
  readonly own: OwnRuns;
  /** @throws GraphError */
  graph(): Graph;
  /** How its next run is kept. */
  keeping(): Keeping;
  /** A run that has not begun, of a task. */
  launch(input: AgentLogicInput & { [KEEPING]: KeepingOf }): Launched;
  /** Where its runs are stored, if anybody has said so. */
  store(): RunStore | undefined;
  /** For a run that waits for it. @throws GraphError, AsimovError `task-not-waiting` */
  start(task: Task, as: AsChild): AgentRun;
  /** A run that has not begun, from a persisted state. @throws SnapshotError */
  relaunch(persisted: Snapshot<unknown>): Launched;
  /** The store of its runs: that one, where it was given none. */
  adopt(store: RunStore): RunStore;
}

const hosts = inCommon("agents' hosts", () => new WeakMap<object, AgentHost>());

/** By the agent, whoever hosts several finds what each lends. */
export const lendHost = (agent: object, host: AgentHost): void => void hosts.set(agent, host);
export const hostOf = (agent: object): AgentHost | undefined => hosts.get(agent);

/** How a verb asks for a run that is stored: each answer comes in time, or is an error of ours. */
export interface Asking {
  limits: EffectLimits;
  /** As whoever goes on with the run writes it. */
  keeping: Keeping;
  /** As the verb reads and claims it. */
  asked: Keeping;
}

export function askedBy(host: AgentHost): Asking {
  const { clock, effectTimeoutMs: limitMs, abortGraceMs: graceMs } = host.services;
  const limits = new EffectLimits(clock, { limitMs, graceMs });
  const keeping = host.keeping();
  return { limits, keeping, asked: { ...keeping, store: new AnsweredStore(keeping.store, limits) } };
}
