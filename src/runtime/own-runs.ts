/** The runs of one agent that this process holds, by task: from their start to their end. */
import type { AgentRun } from "./agent-run.ts";

/** When a run began; a store may hold it, too, and it may come to that later. */
interface MaybeStored {
  readonly createdAt: number;
  readonly kept: { readonly fence: number; readonly opened: Promise<void> } | undefined;
}

/** How many that ended, and that no store holds, are known to whoever goes on behind one. */
const PAST = 1_000;

export class OwnRun {
  readonly run: AgentRun;
  /** The ids of messages that it was sent. */
  #sent: Set<string> | undefined;
  readonly #host: MaybeStored;
  /** From its start, though that may not be done yet. */
  readonly #isKept: boolean;

  /** Of a task that may be stored already: settles when it is known whether it is. */
  readonly #found: Promise<unknown> | undefined;

  constructor(run: AgentRun, host: MaybeStored, found?: Promise<unknown>) {
    this.run = run;
    this.#host = host;
    this.#isKept = host.kept !== undefined;
    this.#found = found;
  }

  get sent(): Set<string> {
    this.#sent ??= new Set();
    return this.#sent;
  }

  get taskId(): string {
    return this.run.id;
  }

  get createdAt(): number {
    return this.#host.createdAt;
  }

  get isStored(): boolean {
    return this.#isKept || (this.#host.kept?.fence ?? 0) > 0;
  }

  /** From its start until its store has it, or it is over; undefined where there is nothing to wait for. */
  get stored(): Promise<unknown> | undefined {
    const { kept } = this.#host;
    if (!this.#isKept || kept === undefined || kept.fence > 0) return undefined;
    const over = (): void => {};
    return Promise.race([kept.opened, this.run.outcome, ...(this.#found === undefined ? [] : [this.#found])]).then(over, over);
  }

  as(run: AgentRun, found: Promise<unknown>): OwnRun {
    return new OwnRun(run, this.#host, found);
  }
}

export class OwnRuns {
  readonly #runs = new Map<string, OwnRun>();
  /** When those that no store held began that ended last. */
  readonly #past = new Map<string, number>();

  get(taskId: string): OwnRun | undefined {
    return this.#runs.get(taskId);
  }

  /** Those that no store holds. */
  *unstored(): Generator<OwnRun> {
    for (const own of this.#runs.values()) if (!own.isStored) yield own;
  }

  /** Where one that no store holds, or held, stands among others. */
  placeOf(taskId: string): { taskId: string; createdAt: number } | undefined {
    const own = this.#runs.get(taskId);
    const createdAt = own?.isStored === false ? own.createdAt : this.#past.get(taskId);
    return createdAt === undefined ? undefined : { taskId, createdAt };
  }

  /** One of a task that runs already will be refused, and is not the one that is known. */
  add(run: AgentRun, host: MaybeStored): void {
    if (!this.#runs.has(run.id)) this.#hold(new OwnRun(run, host));
  }

  /** The same run, as it is handed out. @param found see `OwnRun` */
  replace(run: AgentRun, by: AgentRun, found: Promise<unknown>): void {
    const known = this.#runs.get(run.id);
    if (known?.run === run) this.#hold(known.as(by, found));
  }

  drop(run: AgentRun): void {
    const own = this.#runs.get(run.id);
    if (own?.run !== run) return;
    this.#runs.delete(run.id);
    if (!own.isStored) this.#remember(own);
  }

  #remember({ taskId, createdAt }: OwnRun): void {
    this.#past.delete(taskId);
    this.#past.set(taskId, createdAt);
    const [oldest] = this.#past.keys();
    if (this.#past.size > PAST && oldest !== undefined) this.#past.delete(oldest);
  }

  #hold(own: OwnRun): void {
    const { run } = own;
    this.#runs.delete(run.id);
    this.#runs.set(run.id, own);
    const over = (): void => this.drop(run);
    run.outcome.then(over, over);
  }
}
