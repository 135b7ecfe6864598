/** A run of a task that may be stored already: it is begun, or taken up where nobody owns it; until that is known, whoever holds it waits. */
import type { Actor } from "xstate";
import { AsimovError } from "#contract/base/errors";
import type { Task } from "#contract/base/task";
import type { AgentEvent } from "#contract/run/events";
import type { ModelDelta } from "#contract/run/model-delta";
import type { TaskOutcome } from "#contract/run/outcome";
import type { RunView } from "#contract/run/run-view";
import type { Cache } from "#contract/store/cache";
import type { SnapshotRef } from "#contract/store/run-commit";
import type { AgentRun, EventsOptions } from "./agent-run.ts";
import type { AgentLogic } from "./run-logic.ts";

export class AttachedRun implements AgentRun {
  readonly id: string;
  readonly outcome: Promise<TaskOutcome>;
  readonly #fresh: AgentRun;
  #run: AgentRun;
  #isFound = false;
  readonly #found: Promise<AgentRun>;

  /**
   * @param fresh the run as it begins where there is none
   * @param found the one that it is
   */
  constructor(fresh: AgentRun, found: Promise<AgentRun>) {
    this.id = fresh.id;
    this.#fresh = fresh;
    this.#run = fresh;
    this.#found = found.then((run) => {
      this.#run = run;
      this.#isFound = true;
      return run;
    });
    this.outcome = this.#found.then(({ outcome }) => outcome);
    this.outcome.catch(() => {});
  }

  get task(): Task {
    return this.#run.task;
  }

  get values(): Cache {
    return this.#run.values;
  }

  get actor(): Actor<AgentLogic> {
    return this.#run.actor;
  }

  events(options?: EventsOptions & { deltas?: false }): AsyncIterable<AgentEvent>;
  events(options: EventsOptions): AsyncIterable<AgentEvent | ModelDelta>;
  events(options?: EventsOptions): AsyncIterable<AgentEvent | ModelDelta> {
    // Of one that has begun, what was told until it was known to be the task's is from now on, too.
    const isEarly = !this.#isFound;
    const events = this.#found.then((run) =>
      run.events({ ...(isEarly && run === this.#fresh ? { from: 1 } : {}), ...options })[Symbol.asyncIterator](),
    );
    // Whoever asks for the outcome hears of a run that was refused; its events are none.
    const refused = (error: unknown): IteratorResult<AgentEvent | ModelDelta, undefined> => {
      if (error instanceof AsimovError && error.code === "invalid-options") throw error;
      return { done: true, value: undefined };
    };
    events.catch(() => {});
    return {
      [Symbol.asyncIterator]: () => ({
        next: () => events.then((iterator) => iterator.next()).catch(refused),
        return: () =>
          events.then(async (iterator) => (await iterator.return?.()) ?? { done: true as const, value: undefined }).catch(refused),
      }),
    };
  }

  view(): RunView {
    return this.#run.view();
  }

  async send(mailbox: string, message: unknown): Promise<void> {
    await (await this.#found).send(mailbox, message);
  }

  async cancel(reason?: string): Promise<TaskOutcome> {
    return await (await this.#found).cancel(reason);
  }

  async park(): Promise<void> {
    await (await this.#found).park();
  }

  async snapshot(hint?: string): Promise<SnapshotRef> {
    return await (await this.#found).snapshot(hint);
  }
}
