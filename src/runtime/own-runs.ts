/** The runs of one agent that this process holds, by task: from their start to their end. */
import type { AgentRun } from "./agent-run.ts";

export interface OwnRun {
  readonly run: AgentRun;
  /** Whether a store holds it, too. */
  readonly isStored: boolean;
}

export class OwnRuns {
  readonly #runs = new Map<string, OwnRun>();

  get(taskId: string): OwnRun | undefined {
    return this.#runs.get(taskId);
  }

  /** Newest first. */
  *unstored(): Generator<AgentRun> {
    for (const { run, isStored } of [...this.#runs.values()].reverse()) if (!isStored) yield run;
  }

  /** One of a task that runs already will be refused, and is not the one that is known. */
  add(run: AgentRun, isStored: boolean): void {
    const { id } = run;
    if (this.#runs.has(id)) return;
    this.#runs.set(id, { run, isStored });
    const over = (): void => this.drop(run);
    run.outcome.then(over, over);
  }

  /** The same run, as it is handed out. */
  replace(run: AgentRun, by: AgentRun): void {
    const known = this.#runs.get(run.id);
    if (known?.run !== run) return;
    this.#runs.delete(run.id);
    this.add(by, known.isStored);
  }

  drop(run: AgentRun): void {
    if (this.#runs.get(run.id)?.run === run) this.#runs.delete(run.id);
  }
}
