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

/** The store has not answered whether it took it. */
const UNSTORED: ReadonlySet<string | undefined> = new Set(["run-not-parked", "run-parking"]);

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

  /** Puts down what is left. Where the store does not take that, the run is let go of: its lease runs out. @param letGo told why */
  async park(letGo: (error: Error, taskId: string) => void): Promise<void> {
    const parking = [...this.#working].map(async ([taskId, working]) => {
      const error = await this.#park(working, "stop");
      if (error === undefined || !UNSTORED.has(asimovErrorOf(error)?.code)) return;
      letGo(error, taskId);
      (await working.begun)?.actor.stop();
    });
    await Promise.all(parking);
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

  /** @returns why it could not be: it goes on, and ends. */
  async #park({ agent, begun }: Working, why: GivenUpFor): Promise<Error | undefined> {
    const run = await begun;
    if (run === undefined) return undefined;
    try {
      await run.park();
      this.#figures.givenUp(agent, why);
      return undefined;
    } catch (error) {
      return error as Error;
    }
  }
}
