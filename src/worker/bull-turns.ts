/** A process's share of a queue on BullMQ: it takes as many jobs as it has room for, and puts back what it has none for. */
import type { Job } from "bullmq";
import { AsimovError, messageOf } from "#contract/base/errors";
import { systemClock } from "#contract/base/services";
import type { QueueConsumer, QueueConsumption } from "#contract/store/work-queue";
import type { BullJobs, Turn, TurnWorker } from "./bull-jobs.ts";
import { inTime, queueAway } from "./queue-away.ts";

/** Milliseconds for which a queue that is away keeps a process from its end. */
const CLOSE_MS = 5_000;
/** Somebody else has the turn by now, or its job is gone, after a stop, an outage or by hand: whose the run is the store says. */
const LOST_TURN = /could not renew lock for job|(?:Missing (?:lock|key)|Lock mismatch) for job|is not in the active state/i;
/** Of one trouble nobody is told again for so many milliseconds. */
const QUIET_MS = 60_000;

/** By its name BullMQ knows that the job was put back. */
class WaitingError extends Error {
  override readonly name = "WaitingError";
}

interface Taker {
  worker: TurnWorker;
  /** Jobs that it has. */
  turns: number;
  /** Whether its queue was there. */
  isReady: boolean;
}

export class BullTurns implements QueueConsumption {
  readonly #consumer: QueueConsumer;
  readonly #jobs: BullJobs;
  readonly #sweepMs: number;
  readonly #takers = new Map<string, Taker>();
  readonly #going = new Set<Promise<unknown>>();
  /** When it was told of what. */
  readonly #told = new Map<string, number>();
  #opening: Promise<void> | undefined;
  #timer: unknown;
  #isOver = false;

  constructor(consumer: QueueConsumer, jobs: BullJobs, sweepMs: number) {
    this.#consumer = consumer;
    this.#jobs = jobs;
    this.#sweepMs = sweepMs;
    this.#openAll();
    this.#sweep();
  }

  roomed(): void {
    for (const [agent, taker] of this.#takers) this.#adjust(agent, taker);
  }

  async end(): Promise<void> {
    this.#isOver = true;
    this.#consumer.clock.clearTimeout(this.#timer);
    const closed = [...this.#takers.values()].map(({ worker }) => worker.close());
    await Promise.all(this.#going);
    await inTime(Promise.all([...closed, this.#jobs.close()]), CLOSE_MS).catch(() => this.#cut());
  }

  /** A queue that is away notes nothing more: its jobs are seen to be left behind. */
  #cut(): void {
    for (const { worker } of this.#takers.values()) worker.disconnect().catch(() => {});
  }

  /** Those that are not there yet; what BullMQ could not prepare it does not try again by itself. */
  async #open(): Promise<void> {
    const { agents, leaseMs } = this.#consumer;
    for (const agent of agents) {
      if (this.#isOver || this.#takers.has(agent)) continue;
      const worker = await this.#jobs.worker(
        agent,
        (job, token) => this.#turn(agent, job, token),
        leaseMs,
        (error) => this.#trouble(error),
      );
      this.#takers.set(agent, { worker, turns: 0, isReady: false });
      this.#begin(agent).catch((error) => {
        this.#trouble(error);
        this.#takers.delete(agent);
        worker.close(true).catch(() => {});
      });
    }
  }

  async #begin(agent: string): Promise<void> {
    const taker = this.#takers.get(agent) as Taker;
    await taker.worker.waitUntilReady();
    if (this.#isOver) return;
    taker.isReady = true;
    this.#adjust(agent, taker);
    taker.worker.run().catch((error) => this.#trouble(error));
  }

  #openAll(): void {
    this.#opening ??= this.#open()
      .catch((error) => this.#trouble(error))
      .finally(() => {
        this.#opening = undefined;
      });
  }

  async #turn(agent: string, job: Job<Turn>, token: string | undefined): Promise<{ status: string }> {
    const taker = this.#takers.get(agent) as Taker;
    taker.turns++;
    const taken = this.#isOver ? Promise.resolve("full" as const) : this.#consumer.take(job.data.taskId);
    const going = taken.catch(() => {});
    this.#going.add(going);
    try {
      const status = await taken;
      if (status !== "full") return { status };
      await job.moveToWait(token);
      throw new WaitingError();
    } finally {
      this.#going.delete(going);
      taker.turns--;
      this.roomed();
    }
  }

  /** Jobs that wait for nothing but room wait in the queue, where others take them. */
  #adjust(agent: string, { worker, turns, isReady }: Taker): void {
    if (this.#isOver || !isReady) return;
    const room = this.#consumer.room(agent);
    worker.concurrency = Math.max(1, turns + room);
    if (room > 0 === !worker.isPaused()) return;
    (room > 0 ? worker.resume() : worker.pause(true)).catch((error) => this.#trouble(error));
  }

  #sweep(): void {
    const { clock } = this.#consumer;
    this.#timer = clock.setTimeout(() => {
      this.#consumer.wake();
      this.#openAll();
      if (!this.#isOver) this.#sweep();
    }, this.#sweepMs);
  }

  #trouble(error: unknown): void {
    const what = messageOf(error);
    if (this.#isOver || LOST_TURN.test(what)) return;
    this.#jobs.troubled();
    const now = systemClock.now();
    if (now - (this.#told.get(what) ?? Number.NEGATIVE_INFINITY) < QUIET_MS) return;
    this.#told.set(what, now);
    this.#consumer.refused(error instanceof AsimovError ? error : queueAway(`The queue is in trouble: ${what}`, error));
  }
}
