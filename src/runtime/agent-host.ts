/** What an agent lends to its verbs: those that go on with what a store holds. */
import type { Snapshot } from "xstate";
import type { Graph } from "#contract/graph/graph";
import type { launch } from "./agent-run.ts";
import type { Keeping } from "./keeping.ts";
import type { OwnRuns } from "./own-runs.ts";
import type { AgentServices } from "./agent-services.ts";

export type Launched = ReturnType<typeof launch>;

export interface AgentHost {
  readonly services: AgentServices;
  /** Whether it was given a name: others cannot tell its runs from those of another agent. */
  readonly isNamed: boolean;
  readonly own: OwnRuns;
  /** @throws GraphError */
  graph(): Graph;
  /** How its next run is kept. */
  keeping(): Keeping;
  /** A run that has not begun, from a persisted state. @throws SnapshotError */
  relaunch(persisted: Snapshot<unknown>): Launched;
}
