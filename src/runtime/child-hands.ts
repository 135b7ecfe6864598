/** In whose hands a run is that another one waits for: in those of this process, or of whoever takes it from a queue. */
import type { Task } from "#contract/base/task";
import { runInNoScope } from "#contract/chat/call-scope";
import type { ChildQueue } from "#contract/run/child-queue";
import type { RunStore } from "#contract/store/run-store";
import { newOwner } from "#keep/owner";
import { submitTask } from "#runs/submit";
import type { AgentHost } from "./agent-host.ts";
import type { AgentRun } from "./agent-run.ts";
import type { ChildPlace } from "./child-place.ts";
import { type GoOnOptions, resumeRun } from "./go-on.ts";
import { retryRun } from "./retry-run.ts";

export interface ChildHands {
  /** Whether others take it: then this process has it at no time. */
  readonly areOthers: boolean;
  /** Undefined where others take it. */
  begin(task: Task): Promise<AgentRun | undefined>;
  /** @param reopened told when its end is undone */
  retry(reopened: () => void): Promise<AgentRun | undefined>;
}

type AsParent = Pick<GoOnOptions, "whenWaiting" | "onQuestion">;

function asParent({ run: { whenWaiting, onQuestion } }: ChildPlace): AsParent {
  return { whenWaiting, ...(onQuestion === undefined ? {} : { onQuestion }) };
}

export class OwnHands implements ChildHands {
  readonly areOthers = false;
  readonly #agent: AgentHost;
  readonly #place: ChildPlace;

  constructor(agent: AgentHost, place: ChildPlace) {
    this.#agent = agent;
    this.#place = place;
  }

  async begin(task: Task): Promise<AgentRun> {
    const as = { ...asParent(this.#place), parent: this.#place.run.task.id };
    return runInNoScope(() => this.#agent.start(task, as));
  }

  async resume(): Promise<AgentRun> {
    const { taskId } = this.#place;
    return await runInNoScope(() => resumeRun(this.#agent, { taskId }, asParent(this.#place)));
  }

  async retry(reopened: () => void): Promise<AgentRun> {
    const { taskId, run } = this.#place;
    const as = { ...asParent(this.#place), isForOthers: false };
    const retried = await runInNoScope(() => retryRun(this.#agent, taskId, { whenWaiting: run.whenWaiting }, as));
    reopened();
    return retried;
  }
}

export class OthersHands implements ChildHands {
  readonly areOthers = true;
  readonly #agent: AgentHost;
  readonly #place: ChildPlace;
  readonly #queue: ChildQueue;
  /** The queue's, as it is asked. */
  readonly #store: RunStore;
  readonly #answered: <T>(ask: () => Promise<T>) => Promise<T>;

  /** @param answered asks until there is an answer */
  constructor(
    agent: AgentHost,
    place: ChildPlace,
    { queue, store, answered }: { queue: ChildQueue; store: RunStore; answered: <T>(ask: () => Promise<T>) => Promise<T> },
  ) {
    this.#agent = agent;
    this.#place = place;
    this.#queue = queue;
    this.#store = store;
    this.#answered = answered;
  }

  async begin(task: Task): Promise<undefined> {
    const { priority, submitted } = this.#queue;
    const { name: agent } = this.#agent.services;
    const parent = this.#place.run.task.id;
    await this.#answered(() => submitTask(this.#store, task.toJSON(), { agent, priority }, { parent }));
    submitted(agent, task.id);
    return undefined;
  }

  async retry(reopened: () => void): Promise<undefined> {
    const { taskId, run } = this.#place;
    const as = { ...asParent(this.#place), isForOthers: true };
    const retried = await runInNoScope(() => retryRun(this.#lent(), taskId, { whenWaiting: run.whenWaiting }, as));
    reopened();
    // Where its store does not take that, it goes on here.
    await retried.park().catch(() => {});
    return undefined;
  }

  /** The agent, while the run is reopened for others. */
  #lent(): AgentHost {
    const { keeping, services } = this.#agent;
    const { store, leaseMs } = this.#queue;
    return { ...this.#agent, keeping: () => ({ ...keeping(), store, owner: newOwner(services.ids(), leaseMs) }) };
  }
}
