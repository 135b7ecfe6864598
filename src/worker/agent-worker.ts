/** Runs stored tasks of its agents in this process; whose they are, and what is true of them, only the store says. */
import { brand } from "#contract/base/brand";
import { dropping } from "#contract/base/dropping";
import { AsimovError, asimovErrorOf } from "#contract/base/errors";
import { type Clock, systemClock } from "#contract/base/services";
import type { Task } from "#contract/base/task";
import { runInNoScope } from "#contract/chat/call-scope";
import type { RunStatus, StoredRun } from "#contract/store/run-record";
import { statusOf, withoutGone } from "#contract/store/run-status";
import type { RunStore } from "#contract/store/run-store";
import { priorityOf, type QueueConsumption, type TurnResult, type WorkQueue } from "#contract/store/work-queue";
import { processesGone } from "#keep/owner";
import { Runs } from "#runs/runs";
import { SCHEDULES, type ScheduleOptions } from "#runs/schedules";
import type { SubmitOptions, Submitted } from "#runs/submit";
import { tellingStore } from "#runs/telling-store";
import type { AgentHost } from "#runtime/agent-host";
import { AgentTurns } from "./agent-turns.ts";
import { Figures } from "./figures.ts";
import { firstDue } from "./first-due.ts";
import { Grace } from "./grace.ts";
import { Looks, type WorkerHealth, type WorkerState } from "./health.ts";
import { hostedBy, pairOf } from "./hosted-agent.ts";
import { localQueue } from "./local-queue.ts";
import { LostRuns } from "./lost-runs.ts";
import { Overload } from "./overload.ts";
import { countReady } from "./ready.ts";
import { Refusals } from "./refusals.ts";
import { Reminders } from "./reminders.ts";
import { onSignals } from "./stop-signals.ts";
import { UnknownAgents } from "./unknown-agents.ts";
import { UnstoredRuns } from "./unstored-runs.ts";
import { Upkeep } from "./upkeep.ts";
import { Work } from "./work.ts";
import { type AgentWorkerOptions, takeOptions, takeStop } from "./worker-options.ts";

const PAGE = 100;
const DEFAULT_GRACE_MS = 10_000;

/** What kept a run from going on was told already. */
const told = (): void => {};

/**
 * Takes what is READY of its agents, as it is due: what was submitted, what a lost process has left, and what was answered. A run that waits is
 * in no process. Any number of workers may share a store.
 *
 * @throws AsimovError `invalid-options`, `agent-unnamed`, `worker-other-store`, `worker-name-in-use`
 * @example
 * const agent = new Agent({ name: "report", nodes: [new Node({ name: "greet", modules: [greet] })] });
 * const worker = new AgentWorker({ agents: [agent], store: new MemoryStore() });
 * await worker.start();
 * await worker.submit(new Task({ type: "report", objective: "Saturn" }), { agent: "report" });
 * await worker.drain();
 * await worker.stop();
 */
export class AgentWorker {
  readonly #store: RunStore;
  /** As what it writes is told to the queue. */
  readonly #told: RunStore;
  readonly #clock: Clock;
  readonly #queue: WorkQueue;
  readonly #runs: Runs;
  readonly #hosts = new Map<string, AgentHost>();
  readonly #options: AgentWorkerOptions;
  readonly #figures: Figures;
  readonly #work: Work;
  readonly #overload: Overload;
  readonly #agentTurns: AgentTurns;
  readonly #refusals = new Refusals();
  readonly #reminders: Reminders;
  #state: WorkerState = "new";
  #consumption: QueueConsumption | undefined;
  readonly #looks = new Looks();
  readonly #unstored: UnstoredRuns;
  #isAwake = false;
  /** Whether there may be ends to tell, or schedules to fire. */
  #hasChores = false;
  readonly #lost: LostRuns;
  readonly #upkeep: Upkeep;
  readonly #unknownAgents: UnknownAgents;
  #looking: Promise<void> | undefined;
  /** Until the first look is over: by it `start` settles. */
  #looked: PromiseWithResolvers<void> | undefined;
  #reminding: Promise<void> | undefined;
  #drained: PromiseWithResolvers<void> | undefined;
  readonly #grace: Grace;
  #stopping: Promise<void> | undefined;
  readonly #stopped = Promise.withResolvers<void>();
  #deafen: (() => void) | undefined;

  constructor(options: AgentWorkerOptions) {
    const given = takeOptions(options);
    const { store, queue = localQueue(), clock = systemClock, leaseMs = 30_000 } = given;
    this.#options = given;
    this.#store = store;
    this.#unstored = new UnstoredRuns(tellingStore(store, queue), (error, taskId) => this.#tell(error as Error, taskId));
    this.#told = this.#unstored.store;
    this.#clock = clock;
    this.#queue = queue;
    this.#grace = new Grace(clock);
    const refused = (error: Error, taskId: string): void => this.#tell(error, taskId);
    this.#reminders = new Reminders({ queue, store, clock }, refused);
    this.#unknownAgents = new UnknownAgents({ clock, store, known: this.#hosts, refuse: (error, run) => this.#refuse(error, run) });
    this.#upkeep = new Upkeep({ clock, store, told: this.#told, leaseMs, hosts: this.#hosts, unknown: this.#unknownAgents, refused });
    this.#lost = new LostRuns({
      clock,
      find: () => this.#findLost(),
      now: () => this.#store.now(),
      hasRoom: (agent) => this.#free(agent) > 0,
      take: (run, now) => void this.#consider(run, now)?.catch(told),
    });
    this.#runs = new Runs(store, { queue, clock });
    for (const agent of given.agents) {
      const host = hostedBy(agent, { store, told: this.#told, leaseMs });
      const { name } = host.services;
      if (this.#hosts.has(name)) {
        throw new AsimovError(`AgentWorker: two agents have the name "${name}". Give each a name of its own.`, {
          code: "worker-name-in-use",
        });
      }
      this.#hosts.set(name, host);
    }
    this.#figures = new Figures({
      ...{ clock, agents: [...this.#hosts.keys()], telemetry: ([...this.#hosts.values()][0] as AgentHost).services.telemetry },
      sizeOf: (agent) => this.#work.sizeOf(agent),
      waiting: (agent) => countReady(store, agent),
      heldMs: () => this.#overload.heldMs,
    });
    this.#work = new Work(this.#figures);
    this.#overload = new Overload({ clock, leaseMs, concurrency: given.concurrency ?? 10, work: this.#work, onHeld: given.onHeld });
    this.#agentTurns = new AgentTurns({
      clock,
      sizeOf: (agent) => this.#work.sizeOf(agent),
      freed: () => this.#consumption?.roomed?.(),
    });
    const stranger = Object.keys(given.concurrencyOf ?? {}).find((name) => !this.#hosts.has(name));
    if (stranger !== undefined) {
      const names = [...this.#hosts.keys()].map((name) => `"${name}"`);
      throw new AsimovError(`AgentWorker: concurrencyOf names the agent "${stranger}", and this worker has ${names.join(", ")}.`, {
        code: "invalid-options",
      });
    }
  }

  /**
   * Settles when what is READY now was looked at, or the store did not answer.
   *
   * @throws AsimovError `worker-started`, `worker-stopped`, `store-closed`, after which it may be started again
   */
  async start(): Promise<void> {
    if (this.#state !== "new") {
      throw new AsimovError(`This worker was ${this.#state === "started" ? "started" : "stopped"} already. Make a new one.`, {
        code: this.#state === "started" ? "worker-started" : "worker-stopped",
      });
    }
    this.#deafen = onSignals(this.#options.stopOn ?? [], (isSecond) => {
      this.stop(isSecond ? { graceMs: 0 } : {}).catch((error) => this.#tell(error as Error, ""));
    });
    this.#state = "started";
    const looked = Promise.withResolvers<void>();
    this.#looked = looked;
    try {
      this.#consume();
      this.#wake();
      await looked.promise;
    } catch (error) {
      await this.#unbegin();
      throw error;
    }
    if (this.#state === "started") this.#figures.start();
  }

  #consume(): void {
    this.#consumption = this.#queue.consume({
      store: this.#store,
      clock: this.#clock,
      leaseMs: this.#leaseMs,
      agents: [...this.#hosts.keys(), SCHEDULES],
      wake: () => this.#wake(),
      room: (agent) => (this.#state === "started" ? this.#room(agent) : 0),
      take: (taskId) => runInNoScope(() => this.#takeTurn(taskId)),
      refused: (error) => this.#tell(error, ""),
    });
  }

  /** What was never of use is as it was before; one that is being stopped ends by that. */
  async #unbegin(): Promise<void> {
    if (this.#state !== "started") return;
    this.#state = "new";
    this.#deafen?.();
    await this.#consumption?.end();
    this.#consumption = undefined;
  }

  /** A task, stored when this settles; see `Runs.submit`. */
  async submit(task: Task<unknown>, options: SubmitOptions): Promise<Submitted> {
    const submitted = await this.#runs.submit(task, options);
    this.#submitted(options.agent, task.id);
    return submitted;
  }

  readonly #submitted = (agent: string, taskId: string): void => {
    this.#unknownAgents.submitted(agent, taskId);
    this.#wake();
  };

  /** Tasks by the clock, stored when this settles; see `Runs.schedule`. */
  async schedule(name: string, options: ScheduleOptions): Promise<void> {
    await this.#runs.schedule(name, options);
    this.#wake();
  }

  /** No more of them; see `Runs.unschedule`. */
  async unschedule(name: string): Promise<void> {
    await this.#runs.unschedule(name);
  }

  /** Settles when nothing of its agents is READY, and nothing works here; what waits is left. @throws AsimovError `worker-not-started`, `worker-stopped` */
  async drain(): Promise<void> {
    if (this.#state !== "started") throw this.#notWorking();
    this.#drained ??= Promise.withResolvers();
    const { promise } = this.#drained;
    this.#wake();
    await promise;
  }

  /** Settles when it has stopped, whoever asked for that: what its store and its queue hold open may be closed then. */
  get stopped(): Promise<void> {
    return this.#stopped.promise;
  }

  /**
   * Takes nothing more, lets what works go on for `graceMs` (that of the worker, 10,000, by default), and puts down what is left: READY, for any worker.
   * Nothing is cancelled. May be called again: with a shorter `graceMs` it puts down sooner.
   */
  async stop(options: { graceMs?: number } = {}): Promise<void> {
    const { graceMs } = takeStop(options);
    if (this.#stopping === undefined) {
      this.#grace.limit(graceMs ?? this.#options.graceMs ?? DEFAULT_GRACE_MS);
      this.#stopping = this.#stop().finally(this.#stopped.resolve);
    } else if (graceMs !== undefined) this.#grace.limit(graceMs);
    await this.#stopping;
  }

  /** How it is, as plain JSON; cheap, and without asking its store. */
  health(): WorkerHealth {
    return {
      state: this.#state,
      running: this.#work.size,
      free: this.#state === "started" ? Math.max(0, this.#free()) : 0,
      unstored: this.#unstored.size,
      heldMs: this.#overload.heldMs,
      ...this.#looks.at(this.#clock.now()),
    };
  }

  async #stop(): Promise<void> {
    this.#state = "stopping";
    this.#drained?.promise.catch(() => {});
    this.#drained?.reject(this.#notWorking());
    // There is no room from now on.
    this.#consumption?.roomed?.();
    // A store that does not answer its look is not waited for any longer than what works.
    await Promise.race([Promise.all([this.#looking, this.#reminding, this.#work.over()]), this.#grace.over]);
    this.#grace.end();
    await this.#work.park((error, taskId) => this.#tell(error, taskId));
    await this.#work.over();
    this.#overload.end();
    this.#agentTurns.end();
    await this.#consumption?.end();
    this.#figures.stop();
    this.#deafen?.();
    this.#state = "stopped";
  }

  #notWorking(): AsimovError {
    const isNew = this.#state === "new";
    return new AsimovError(isNew ? "This worker does not work yet. Call `start` first." : "This worker was stopped.", {
      code: isNew ? "worker-not-started" : "worker-stopped",
    });
  }

  /** @param byRun it is a run of its own that is over: nobody else has done anything */
  #wake(byRun = false): void {
    if (this.#state !== "started") return;
    this.#isAwake = true;
    if (!byRun) this.#hasChores = true;
    // Whoever wakes it may be a module: the runs that it takes are not that module's.
    this.#looking ??= runInNoScope(() => this.#look());
  }

  async #look(): Promise<void> {
    // What wakes it meanwhile has it look once more: nothing that comes is lost.
    while (this.#isAwake && this.#state === "started") {
      this.#isAwake = false;
      const first = this.#looked;
      this.#looked = undefined;
      this.#looks.begun(this.#clock.now());
      try {
        await this.#lookOnce();
        this.#looks.done(this.#clock.now());
      } catch (error) {
        this.#looks.failed(error, this.#clock.now());
        if (first !== undefined && asimovErrorOf(error)?.code === "store-closed") first.reject(error);
        // The queue wakes it again.
        else this.#tell(error as Error, "");
      }
      first?.resolve();
    }
    this.#looking = undefined;
  }

  async #lookOnce(): Promise<void> {
    const isByOthers = this.#hasChores;
    this.#hasChores = false;
    await this.#lost.takeAll(isByOthers);
    await this.#upkeep.do(isByOthers);
    const isTaker = this.#queue.givesTurns !== true;
    if (isTaker) await this.#takeAll();
    else if (isByOthers) this.#remindOnce();
    if (this.#drained === undefined || this.#work.size > 0 || !this.#upkeep.isDone || this.#isAwake || this.#state !== "started") return;
    if (!isTaker && (await this.#hasReady())) return;
    this.#drained.resolve();
    this.#drained = undefined;
  }

  async #findLost(): Promise<StoredRun[]> {
    const found = [...this.#hosts.keys()].map((agent) => this.#store.find({ ...this.#ready(agent), leased: true }));
    return (await Promise.all(found)).flat();
  }

  /** What nobody was told of, or a queue has lost. */
  async #remind(): Promise<void> {
    for (const agent of this.#hosts.keys()) {
      if (this.#state !== "started") return;
      const now = await this.#store.now();
      const given = await this.#reminders.remind(await this.#takable(agent, now), now);
      for (const run of given) this.#consider(run, now)?.catch(told);
    }
  }

  /** Beside the looks: a queue that is away holds none of them up. */
  #remindOnce(): void {
    this.#reminding ??= this.#remind()
      .catch((error) => this.#tell(error as Error, ""))
      .finally(() => {
        this.#reminding = undefined;
      });
  }

  async #hasReady(): Promise<boolean> {
    const now = await this.#store.now();
    for (const agent of this.#hosts.keys()) if ((await this.#takable(agent, now)).length > 0) return true;
    return false;
  }

  /** Of the READY runs of an agent those that are due longest, past those that it cannot go on with. */
  async #takable(agent: string, now: number): Promise<StoredRun[]> {
    const host = this.#hosts.get(agent) as AgentHost;
    return await firstDue(this.#store, agent, PAGE, (run) => this.#refusals.isRefused(run, pairOf(host, run), now));
  }

  #ready(agent: string) {
    return { agent, statuses: ["READY"], order: "due", limit: PAGE, isGone: processesGone() } as const;
  }

  async #takeAll(): Promise<void> {
    let places: StoredRun[] = [];
    for (let isMore = true; isMore && this.#free() > 0; ) {
      isMore = false;
      const pages = await this.#pages(places);
      places = [];
      for (const page of pages) {
        const last = page.at(-1);
        if (page.length < PAGE || last === undefined) continue;
        places.push(last);
        isMore = true;
      }
      const now = await this.#store.now();
      for (const run of this.#agentTurns.inTurn(pages.flat())) this.#consider(run, now)?.catch(told);
    }
  }

  /** Of each agent those that are due longest. @param places where each page goes on; none for the first */
  async #pages(places: readonly StoredRun[]): Promise<StoredRun[][]> {
    if (places.length > 0) return await Promise.all(places.map((after) => this.#store.find({ ...this.#ready(after.agent), after })));
    const agents = [...this.#hosts.keys()].filter((agent) => this.#free(agent) > 0);
    return await Promise.all(agents.map((agent) => this.#store.find(this.#ready(agent))));
  }

  get #leaseMs(): number {
    return this.#options.leaseMs ?? 30_000;
  }

  /** How many more it takes. */
  #free(agent?: string): number {
    const { concurrencyOf = {} } = this.#options;
    const free = this.#overload.limit - this.#work.size;
    const most = agent !== undefined && Object.hasOwn(concurrencyOf, agent) ? concurrencyOf[agent] : undefined;
    return agent === undefined || most === undefined ? free : Math.min(free, most - this.#work.sizeOf(agent));
  }

  /** How many more a queue may give it: not what another agent is waiting for. */
  #room(agent: string): number {
    return this.#free(agent) - this.#agentTurns.before(agent);
  }

  async #takeTurn(taskId: string): Promise<TurnResult> {
    const [run, now] = await Promise.all([this.#store.read(taskId), this.#store.now()]);
    if (run === undefined) {
      this.#reminders.unknown(taskId);
      return "not-found";
    }
    const status = statusOf(withoutGone(run, processesGone()), now);
    // Told before its moment: the queue's clock may be ahead of the store's.
    if (status === "PARKED" && run.dueAt !== null) await this.#reminders.tell(run, now);
    // One of the library's own, such as a schedule, is among the chores.
    if (status === "READY" && !this.#hosts.has(run.agent)) this.#wake();
    if (status !== "READY" || !this.#hosts.has(run.agent) || this.#work.has(taskId)) return status;
    await this.#lost.takeAll(false);
    if (this.#state !== "started") return "full";
    if (this.#room(run.agent) < 1) {
      // One that has as many as it may have waits for its own.
      if (this.#free(run.agent) === this.#free()) this.#agentTurns.turnedAway(run.agent);
      return "full";
    }
    return (await this.#consider(run, now)) ?? status;
  }

  /** Undefined where it is left to others; else settles with where it then stands. */
  #consider(run: StoredRun, now: number): Promise<RunStatus> | undefined {
    const { taskId, agent } = run;
    const host = this.#hosts.get(agent);
    if (host === undefined || this.#state !== "started" || this.#work.has(taskId) || this.#free(agent) < 1) return undefined;
    const pair = pairOf(host, run);
    if (this.#refusals.isRefused(run, pair, now)) return undefined;
    const { onQuestion } = this.#options;
    this.#agentTurns.took(agent);
    const childQueue = { store: this.#told, priority: priorityOf(run), leaseMs: this.#leaseMs, submitted: this.#submitted };
    const taken = this.#work.take(host, run, now, { whenWaiting: "park", childQueue, ...(onQuestion === undefined ? {} : { onQuestion }) });
    this.#overload.worked();
    return taken.then(
      (status) => {
        this.#over(run);
        return status;
      },
      (error) => {
        const why = this.#refusals.add(error, run, pair, now);
        if (why === "news") this.#refuse(error as Error, run);
        this.#over(run);
        // Somebody else was faster.
        if (why === "raced") return "RUNNING";
        throw error;
      },
    );
  }

  #over(run: StoredRun): void {
    this.#unstored.over(run.taskId);
    this.#upkeep.over(run);
    this.#overload.worked();
    this.#wake(true);
    this.#consumption?.roomed?.();
  }

  #refuse(error: Error, { agent, taskId }: Pick<StoredRun, "agent" | "taskId">): void {
    this.#figures.refused(agent, error);
    this.#tell(error, taskId);
  }

  #tell(error: Error, taskId: string): void {
    // What still asked when it stopped concerns nobody: its store may be closed.
    if (this.#state === "stopped") return;
    // Its health says so, too, of what is none of the run's own.
    if (/^(?:store|queue)-/.test(asimovErrorOf(error)?.code ?? "")) this.#looks.noticed(error, this.#clock.now());
    const { onRefused } = this.#options;
    if (onRefused !== undefined) dropping(() => onRefused(error, taskId));
    // biome-ignore lint/suspicious/noConsole: a run that nobody goes on with must not be silent
    else console.warn(`AgentWorker: ${taskId === "" ? "" : `run ${taskId}: `}${error.message}`);
  }
}

brand(AgentWorker, "AgentWorker");
