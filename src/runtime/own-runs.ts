/** The runs of one agent that this process holds, by task: from their start to their end. */
import type { AgentRun } from "./agent-run.ts";

/** A run that a store may hold, too; it may come to that later. */
interface MaybeStored {
  readonly kept: { readonly fence: number } | undefined;
}

export class OwnRun {
  readonly run: AgentRun;
  /** The ids of messages that it was sent. */
  #sent: Set<string> | undefined;
  readonly #host: MaybeStored;
  /** From its start, though that may not be done yet. */
  readonly #isKept: boolean;

  constructor(run: AgentRun, host: MaybeStored) {
    this.run = run;
    this.#host = host;
    this.#isKept = host.kept !== undefined;
  }

  get sent(): Set<string> {
    this.#sent ??= new Set();
    return this.#sent;
  }

  get isStored(): boolean {
    return this.#isKept || (this.#host.kept?.fence ?? 0) > 0;
  }

  as(run: AgentRun): OwnRun {
    return new OwnRun(run, this.#host);
  }
}

export class OwnRuns {
  readonly #runs = new Map<string, OwnRun>();

  get(taskId: string): OwnRun | undefined {
    return this.#runs.get(taskId);
  }

  /** Those that no store holds, newest first. */
  *unstored(): Generator<AgentRun> {
    for (const own of [...this.#runs.values()].reverse()) if (!own.isStored) yield own.run;
  }

  /** One of a task that runs already will be refused, and is not the one that is known. */
  add(run: AgentRun, host: MaybeStored): void {
    if (!this.#runs.has(run.id)) this.#hold(new OwnRun(run, host));
  }

  /** The same run, as it is handed out. */
  replace(run: AgentRun, by: AgentRun): void {
    const known = this.#runs.get(run.id);
    if (known?.run === run) this.#hold(known.as(by));
  }

  drop(run: AgentRun): void {
    if (this.#runs.get(run.id)?.run === run) this.#runs.delete(run.id);
  }

  #hold(own: OwnRun): void {
    const { run } = own;
    this.#runs.delete(run.id);
    this.#runs.set(run.id, own);
    const over = (): void => this.drop(run);
    run.outcome.then(over, over);
  }
}
