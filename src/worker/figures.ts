/** What a worker tells an OpenTelemetry SDK: counts of what became of runs, how late they were taken, and how many there are. */
import { asimovErrorOf } from "#contract/base/errors";
import { type Clock, monotonicOf } from "#contract/base/services";
import type { Attributes, Instrument, ReadGauges, Telemetry } from "#contract/base/telemetry";
import type { StoredRun } from "#contract/store/run-record";

const ofRuns = (name: string, description: string): Instrument => ({ name: `asimov.worker.${name}`, description, unit: "{run}" });

const CLAIMED = ofRuns("claimed", "Runs that this worker has taken");
const RECOVERED = ofRuns("recovered", "Of those, the ones that a lost owner had left");
const FENCED = ofRuns("fenced", "Runs that this worker has lost to another owner");
const GIVEN_UP = ofRuns("given_up", "Runs that this worker has put down before they ended or waited");
const REFUSED = ofRuns("refused", "Runs that this worker has left as they are");
const RUNNING = ofRuns("running", "Runs that this worker has in memory");
const WAITING = ofRuns("waiting", "Runs that could go on, and that nobody has taken; counted up to 1,000");
const LAG: Instrument = {
  name: "asimov.worker.lag",
  description: "How long a run was due before it was taken",
  unit: "s",
  bounds: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800],
};
const LOOP_HELD: Instrument = {
  name: "asimov.worker.loop.held",
  description: "For how long the event loop was held, at most, in the last minute",
  unit: "s",
};

/** Why a run was put down. */
export type GivenUpFor = "loop-held" | "stop";

/** So long one answer of the store is good for. */
const WAITING_FOR_MS = 5_000;

interface Worker {
  telemetry: Telemetry;
  clock: Clock;
  agents: Iterable<string>;
  /** Runs in memory. */
  sizeOf(agent: string): number;
  /** READY ones in the store. */
  waiting(agent: string): Promise<number>;
  heldMs(): number;
}

const of = (agent: string): Attributes => ({ "gen_ai.agent.name": agent });

export class Figures {
  readonly #worker: Worker;
  #waiting: Promise<ReadonlyMap<string, number>> | undefined;
  #waitingAt = Number.NEGATIVE_INFINITY;
  #end: (() => void) | undefined;
  #isOver = false;

  constructor(worker: Worker) {
    this.#worker = worker;
  }

  start(): void {
    this.#end = this.#worker.telemetry.observe([RUNNING, WAITING, LOOP_HELD], this.#read);
  }

  /** An SDK goes on telling what it last read: it reads once more. */
  stop(): void {
    this.#isOver = true;
  }

  /** @param run as it was found @param now by its store's clock */
  claimed({ agent, lease, dueAt }: StoredRun, now: number): void {
    const { telemetry } = this.#worker;
    telemetry.count(CLAIMED, of(agent));
    if (lease !== null) telemetry.count(RECOVERED, of(agent));
    const since = lease === null ? dueAt : lease.until;
    if (since !== null) telemetry.record(LAG, Math.max(0, now - since) / 1_000, of(agent));
  }

  fenced(agent: string): void {
    this.#worker.telemetry.count(FENCED, of(agent));
  }

  givenUp(agent: string, reason: GivenUpFor): void {
    this.#worker.telemetry.count(GIVEN_UP, { ...of(agent), "asimov.worker.reason": reason });
  }

  refused(agent: string, error: unknown): void {
    this.#worker.telemetry.count(REFUSED, { ...of(agent), "error.type": asimovErrorOf(error)?.code ?? "_OTHER" });
  }

  readonly #read: ReadGauges = async (tell) => {
    const { agents, sizeOf, heldMs } = this.#worker;
    if (this.#isOver) {
      for (const gauge of [RUNNING, WAITING]) for (const agent of agents) tell(gauge, 0, of(agent));
      tell(LOOP_HELD, 0, {});
      this.#end?.();
      return;
    }
    for (const agent of agents) tell(RUNNING, sizeOf(agent), of(agent));
    tell(LOOP_HELD, heldMs() / 1_000, {});
    // A store that is away has no figure.
    const waiting = await this.#countWaiting().catch(() => new Map<string, number>());
    for (const [agent, count] of waiting) tell(WAITING, count, of(agent));
  };

  #countWaiting(): Promise<ReadonlyMap<string, number>> {
    const { agents, clock, waiting } = this.#worker;
    const now = monotonicOf(clock);
    if (this.#waiting === undefined || now - this.#waitingAt >= WAITING_FOR_MS) {
      this.#waitingAt = now;
      this.#waiting = Promise.all([...agents].map(async (agent) => [agent, await waiting(agent)] as const)).then((all) => new Map(all));
    }
    return this.#waiting;
  }
}
