/** BullMQ as the queue uses it: one queue for each agent, and a job for each run that is to have a turn. */
import type { BackendFactory, Job, JobState, Processor, Queue, Worker, WorkerOptions } from "bullmq";
import { monotonicOf, systemClock } from "#contract/base/services";
import type { Reminded, WakeUp } from "#contract/store/work-queue";
import { load } from "./bull-load.ts";
import { type BullQueueOptions, isClient, isCluster } from "./bull-options.ts";
import { BullPostgres, heardBackend, postgresConnection } from "./bull-postgres.ts";
import { BullRedis, retryStrategy } from "./bull-redis.ts";
import { inTime } from "./queue-away.ts";

type Bull = typeof import("bullmq");
export type Turn = { taskId: string };
export type TurnWorker = Worker<Turn, { status: string }>;

/** BullMQ's first priority is 1, and its last this. */
const LAST_PRIORITY = 2 ** 21 - 1;
const MIDDLE_PRIORITY = 2 ** 20;
const DEFAULT_KEPT = 1_000;
const RETRY_MS = 1_000;
/** Milliseconds after a trouble in which nobody is blamed for what the queue does not know: it may have been told in vain. */
const TROUBLED_MS = 60_000;
/** Milliseconds for which a server that is away is waited for at the end. */
const CLOSE_MS = 2_000;
/** What its Postgres backend counts to. */
const MOST = 2 ** 31 - 1;

/** Of a job that will be given to a worker. */
const TO_COME: ReadonlySet<JobState | "unknown"> = new Set(["waiting", "prioritized", "delayed"]);

/** Names of BullMQ must not hold a colon. */
const queueName = (agent: string): string => `asimov.${encodeURIComponent(agent)}`;

/** Where BullMQ keeps its jobs: asked first whether it can. */
interface QueueServer {
  /** @param trouble told what the connection meets meanwhile */
  require(trouble: (error: Error) => void): Promise<void>;
  /** Who still waits for it is refused. */
  close?(): void;
}

export class BullJobs {
  readonly #options: BullQueueOptions;
  readonly #server: QueueServer;
  #bull: Promise<Bull> | undefined;
  #troubledAt = Number.NEGATIVE_INFINITY;
  readonly #queues = new Map<string, { queue: Promise<Queue<Turn>>; opened: Promise<Queue<Turn>> }>();

  constructor(options: BullQueueOptions) {
    this.#options = options;
    const { backend, connection } = options;
    this.#server = backend === "postgres" ? new BullPostgres(connection) : new BullRedis(connection);
  }

  /** The job that stands for the run from now on, which may be one that was there. */
  async add({ taskId, agent, delayMs, priority }: WakeUp): Promise<Job<Turn>> {
    const queue = await this.#queueOf(agent);
    const count = this.#options.keepJobs ?? DEFAULT_KEPT;
    return await queue.add(
      agent,
      { taskId },
      {
        // One job waits, however often a run is woken, and one more after that which has its turn.
        deduplication: { id: taskId, keepLastIfActive: true, reschedule: true },
        delay: delayMs,
        priority: Math.min(Math.max(1, MIDDLE_PRIORITY - priority), LAST_PRIORITY),
        removeOnComplete: { count },
        removeOnFail: { count },
      },
    );
  }

  /** Its connections have met something, or it did not answer in time. */
  readonly troubled = (): void => {
    this.#troubledAt = monotonicOf(systemClock);
  };

  async remind(run: WakeUp): Promise<Reminded> {
    const known = await (await this.#queueOf(run.agent)).getDeduplicationJobId(run.taskId);
    const job = await this.add(run);
    if (known === null || known === undefined) return monotonicOf(systemClock) - this.#troubledAt < TROUBLED_MS ? "waits" : "unknown";
    const state = await job.getState();
    if (state === "active") return "given";
    if (!TO_COME.has(state)) await this.#replace(job, state, run);
    return "waits";
  }

  /** Its list is gone, or what it held, by eviction or by hand, and no turn will come of it. Another job than that one stays. */
  async #replace(job: Job<Turn>, state: JobState | "unknown", run: WakeUp): Promise<void> {
    if (!(await job.removeDeduplicationKey())) return;
    // One that is over is kept to be looked at, as others are.
    if (state === "unknown") await job.remove().catch(() => {});
    await this.add(run);
  }

  /** Takes nothing before it is run. @param trouble whatever happens to its connections */
  async worker(
    agent: string,
    process: Processor<Turn, { status: string }>,
    leaseMs: number,
    trouble: (error: Error) => void,
  ): Promise<TurnWorker> {
    const { Worker } = await this.#loaded();
    await this.#server.require(trouble);
    const { limiter, metricsMinutes } = this.#options;
    const options: WorkerOptions = {
      ...(await this.#base("worker")),
      autorun: false,
      // What was lost is found by its lease; here it only is not to wait for longer.
      lockDuration: leaseMs,
      stalledInterval: Math.max(50, Math.ceil(leaseMs / 3)),
      maxStalledCount: MOST,
      // Else it does nothing for fifteen seconds after its connection broke.
      runRetryDelay: RETRY_MS,
      ...(limiter === undefined ? {} : { limiter }),
      ...(metricsMinutes === undefined ? {} : { metrics: { maxDataPoints: metricsMinutes } }),
    };
    const worker: TurnWorker = new Worker(queueName(agent), process, options, (await this.#factory()) as undefined);
    worker.on("error", trouble);
    return worker;
  }

  /** Whoever adds to it afterwards opens it again. A server that is away is not waited for. */
  async close(): Promise<void> {
    const open = [...this.#queues.values()];
    this.#queues.clear();
    this.#server.close?.();
    const closed = open.map(async ({ queue }) => inTime((await queue).close(), CLOSE_MS).catch(async () => (await queue).disconnect()));
    await Promise.all(closed.map((each) => each.catch(() => {})));
  }

  #queueOf(agent: string): Promise<Queue<Turn>> {
    const there = this.#queues.get(agent);
    if (there !== undefined) return there.opened;
    const queue = this.#make(agent);
    const opened = queue.then(async (made) => {
      await made.waitUntilReady();
      return made;
    });
    this.#queues.set(agent, { queue, opened });
    // What BullMQ could not prepare once it does not try again by itself.
    opened.catch(async () => {
      this.#queues.delete(agent);
      await queue.then((made) => made.close()).catch(() => {});
    });
    return opened;
  }

  async #make(agent: string): Promise<Queue<Turn>> {
    const { Queue } = await this.#loaded();
    await this.#server.require(this.troubled);
    const queue = new Queue<Turn>(queueName(agent), await this.#base("queue"), (await this.#factory()) as undefined);
    // Whoever adds is told.
    queue.on("error", this.troubled);
    return queue as unknown as Queue<Turn>;
  }

  #loaded(): Promise<Bull> {
    this.#bull ??= load("bullmq");
    return this.#bull;
  }

  async #factory(): Promise<BackendFactory | undefined> {
    return this.#options.backend === "postgres" ? await heardBackend(await this.#loaded()) : undefined;
  }

  async #base(of: "queue" | "worker") {
    const { connection, backend, prefix = isCluster(connection) ? "{bull}" : "bull" } = this.#options;
    if (backend === "postgres") {
      return { connection: await postgresConnection(connection, of) } as WorkerOptions;
    }
    if (isClient(connection)) return { connection, prefix } as WorkerOptions;
    const options = typeof connection === "string" ? { url: connection } : connection;
    return { connection: { retryStrategy, ...options }, prefix } as WorkerOptions;
  }
}
