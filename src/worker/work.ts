/** The runs that a worker has in memory, from their claim until they have ended or wait. */
import type { RunStatus, StoredRun } from "#contract/store/run-record";
import type { AgentHost } from "#runtime/agent-host";
import type { AgentRun } from "#runtime/agent-run";
import { type GoOnOptions, resumeRun } from "#runtime/go-on";

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

  /** Settles once it is over, with where it then stands; rejects with what kept it from going on. */
  take(host: AgentHost, { taskId, agent }: StoredRun, options: GoOnOptions): Promise<RunStatus> {
    const resumed = resumeRun(host, { taskId }, options);
    const work = async (): Promise<RunStatus> => {
      try {
        return (await (await resumed).outcome).status as RunStatus;
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
    await Promise.all([...this.#working.values()].map(park));
  }

  /** Puts down those that were taken last, until so many are left. @returns their tasks */
  putDown(left: number): string[] {
    const staying = [...this.#working].filter(([, { isLeaving }]) => isLeaving !== true);
    return staying.slice(left).map(([taskId, working]) => {
      working.isLeaving = true;
      void park(working);
      return taskId;
    });
  }
}

/** Where it cannot be put down now it goes on, and ends. */
const park = ({ begun }: Working): Promise<void> => begun.then((run) => run?.park()).catch(() => {});
