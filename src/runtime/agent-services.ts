/** What an agent gives to all its runs. */
import type { Services } from "#contract/base/services";
import type { Telemetry } from "#contract/base/telemetry";
import type { Turns } from "#contract/base/turns";
import type { SnapshotControl } from "#contract/base/vocabulary";
import type { ConditionEngine } from "#contract/node/condition";
import type { Permits } from "#contract/node/permits";
import type { Suspects } from "#contract/node/suspects";
import type { Budget } from "#contract/run/budget";
import type { Question } from "#contract/run/question";
import type { Migration } from "#keep/migrate";
import type { DynamicNodes } from "./graph-nodes.ts";
import type { PlaceSettings } from "./values-place.ts";

export interface AgentServices extends Services, PlaceSettings {
  readonly name: string;
  readonly version: string;
  readonly turns: Turns;
  /** Whether charts run compiled. */
  readonly compile: boolean;
  /** Milliseconds for one read or write of the cache or the store that the run itself does. */
  readonly effectTimeoutMs: number;
  readonly permits: Permits;
  readonly conditions: ConditionEngine;
  readonly telemetry: Telemetry;
  readonly abortGraceMs: number;
  /** Owners that may be lost in a row while one attempt of a module works. */
  readonly maxLost: number;
  readonly suspects: Suspects;
  /** Absent for the default. */
  readonly maxTotalIterations?: number;
  readonly autoSnapshot: boolean;
  /** What nodes do that say nothing. */
  readonly snapshot: SnapshotControl;
  readonly outputMailbox: string | null;
  readonly errorMailbox: string | null;
  readonly dynamicNodes: DynamicNodes;
  /** Mends a stored run that does not fit the agent's graph. */
  readonly migrate?: (run: Migration) => void;
  /** Told of each question that is open, and of each that somebody else is asked. */
  readonly onQuestion?: (question: Question) => void;
  /** Of each run. */
  readonly budget: Budget;
}

/** Where a graph's end and its errors go: as the agent says that runs it, at its start and at every restore. */
export function mailboxesOf(
  { errorMailbox, outputMailbox }: AgentServices,
  isNested: boolean,
): { outputMailbox: string | null; errorMailbox: string | null } {
  return { outputMailbox: isNested ? null : outputMailbox, errorMailbox };
}
