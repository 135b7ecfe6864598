/** Where the runs that a run waits for are left for whoever takes them, in place of being begun in its process: as the worker says that has it. */
import type { RunStore } from "#contract/store/run-store";

export interface ChildQueue {
  /** That of the run itself, which tells whoever takes runs of what is written. */
  readonly store: RunStore;
  /** Theirs, among others of their agent. */
  readonly priority: number;
  /** Milliseconds for which one is this process's own, while it is reopened. */
  readonly leaseMs: number;
  /** One was submitted. */
  submitted(agent: string, taskId: string): void;
}
