/** The runs of an agent: those of its store, and those of this process that no store holds. */
import type { AgentEvent } from "#contract/run/events";
import type { RunView } from "#contract/run/run-view";
import type { RunStore } from "#contract/store/run-store";
import { type FindRuns, Runs, type RunsOptions } from "#runs/runs";
import type { AgentRun } from "./agent-run.ts";
import type { OwnRuns } from "./own-runs.ts";

export class AgentRuns extends Runs {
  readonly #own: OwnRuns;

  constructor(store: RunStore, options: RunsOptions, own: OwnRuns) {
    super(store, options);
    this.#own = own;
  }

  #unstored(taskId: string): AgentRun | undefined {
    const found = this.#own.get(taskId);
    return found?.isStored === false ? found.run : undefined;
  }

  override async *find(query: FindRuns = {}): AsyncGenerator<RunView, undefined> {
    const { limit = Number.POSITIVE_INFINITY } = query;
    let left = limit;
    // They are younger than what a query goes on behind.
    for (const run of query.after === undefined ? this.#own.unstored() : []) {
      if (left > 0 && isAsked(run, query)) {
        left--;
        yield run.view();
      }
    }
    if (left > 0) yield* super.find(Number.isFinite(left) ? { ...query, limit: left } : query);
  }

  override async get(taskId: string): Promise<RunView> {
    return this.#unstored(taskId)?.view() ?? (await super.get(taskId));
  }

  override async *watch(taskId: string, options: { signal?: AbortSignal } = {}): AsyncGenerator<RunView, undefined> {
    const run = this.#unstored(taskId);
    if (run === undefined) return yield* super.watch(taskId, options);
    yield run.view();
    for await (const _event of run.events()) {
      if (options.signal?.aborted === true) return;
      yield run.view();
    }
  }

  override async send(taskId: string, mailbox: string, message: unknown, options: { id?: string } = {}): Promise<void> {
    await (this.#unstored(taskId)?.send(mailbox, message) ?? super.send(taskId, mailbox, message, options));
  }

  override async cancel(taskId: string, reason?: string): Promise<void> {
    const run = this.#unstored(taskId);
    if (run === undefined) await super.cancel(taskId, reason);
    else void run.cancel(reason);
  }

  override async *events(taskId: string, options: { from?: number; signal?: AbortSignal } = {}): AsyncGenerator<AgentEvent, undefined> {
    const run = this.#unstored(taskId);
    if (run === undefined) return yield* super.events(taskId, options);
    for await (const event of run.events({ from: options.from ?? 1 })) {
      if (options.signal?.aborted === true) return;
      yield event;
    }
  }
}

function isAsked({ task, view }: AgentRun, { agent, type, status, labels, updatedBefore }: FindRuns): boolean {
  const shown = view();
  const statuses = status === undefined ? undefined : [status].flat();
  return (
    (agent === undefined || agent === shown.agent) &&
    (type === undefined || type === task.type) &&
    (statuses === undefined || statuses.includes(shown.status)) &&
    Object.entries(labels ?? {}).every(([key, value]) => Object.hasOwn(task.labels, key) && task.labels[key] === value) &&
    (updatedBefore === undefined || shown.updatedAt < updatedBefore.getTime())
  );
}
