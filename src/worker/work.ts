/** The runs that a worker has in memory, from their claim until they have ended or wait. */
import { asimovErrorOf } from "#contract/base/errors";
import type { RunStatus, StoredRun } from "#contract/store/run-record";
import type { AgentHost } from "#runtime/agent-host";
import type { AgentRun } from "#runtime/agent-run";
import { type GoOnOptions, resumeRun } from "#runtime/go-on";
import type { Figures, GivenUpFor } from "./figures.ts";

interface Working {
  agent: string;
  /** Undefined where it was refused. */
  begun: Promise<AgentRun | undefined>;
  over: Promise<void>;
  /** It is being put down. */
  isLeaving?: true;
}

const noop = (): void => {};

export class Work {
  readonly #working = new Map<string, Working>();
  readonly #figures: Pick<Figures, "claimed" | "fenced" | "givenUp">;

  constructor(figures: Pick<Figures, "claimed" | "fenced" | "givenUp">) {
    this.#figures = figures;
  }

  get size(): number {
    return this.#working.size;
  }

  has(taskId: string): boolean {
    return this.#working.has(taskId);
  }

  sizeOf(agent: string): number {
    let size = 0;
    for (const each of this.#working.values()) if (each.agent === agent) size++;
    return size;
  }

  /** Settles once it is over, with where it then stands; rejects with what kept it from going on. @param now by the store's clock */
  take(host: AgentHost, found: StoredRun, now: number, options: GoOnOptions): Promise<RunStatus> {
    const { taskId, agent } = found;
    const resumed = resumeRun(host, { taskId }, options);
    const work = async (): Promise<RunStatus> => {
      try {
        const run = await resumed;
        this.#figures.claimed(found, now);
        return (await run.outcome).status as RunStatus;
      } catch (error) {
        if (asimovErrorOf(error)?.code === "run-fenced") this.#figures.fenced(agent);
        throw error;
      } finally {
        this.#working.delete(taskId);
      }
    };
    const over = work();
    this.#working.set(taskId, { agent, begun: resumed.catch(() => undefined), over: over.then(noop, noop) });
    return over;
  }

  /** Settles when all that is there now is over. */
  async over(): Promise<void> {
    await Promise.all([...this.#working.values()].map(({ over }) => over));
  }

  /** Puts down what is left. */
  async park(): Promise<void> {
    await Promise.all([...this.#working.values()].map((working) => this.#park(working, "stop")));
  }

  /** Puts down those that were taken last, until so many are left. @returns their tasks */
  putDown(left: number): string[] {
    const staying = [...this.#working].filter(([, { isLeaving }]) => isLeaving !== true);
    return staying.slice(left).map(([taskId, working]) => {
      working.isLeaving = true;
      void this.#park(working, "loop-held");
      return taskId;
    });
  }

  async #park({ agent, begun }: Working, why: GivenUpFor): Promise<void> {
    const run = await begun;
    if (run === undefined) return;
    try {
      await run.park();
      this.#figures.givenUp(agent, why);
    } catch {
      // It goes on, and ends.
    }
  }
}
