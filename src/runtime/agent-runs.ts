/** The runs of an agent: those of its store, and those of this process that no store holds. */
import type { Clock } from "#contract/base/services";
import type { AgentEvent } from "#contract/run/events";
import type { RunView } from "#contract/run/run-view";
import type { RunStore } from "#contract/store/run-store";
import { Changes } from "#runs/changes";
import { viewsOf } from "#runs/follow";
import { type FindRuns, takeEvents, takeFind, takeSend, takeWatch } from "#runs/run-queries";
import { Runs, type RunsOptions } from "#runs/runs";
import type { AgentRun } from "./agent-run.ts";
import type { OwnRun, OwnRuns } from "./own-runs.ts";

export class AgentRuns extends Runs {
  readonly #own: OwnRuns;
  readonly #clock: Clock;

  constructor(store: RunStore, options: Required<Omit<RunsOptions, "queue">>, own: OwnRuns) {
    super(store, options);
    this.#clock = options.clock;
    this.#own = own;
  }

  #unstored(taskId: string): OwnRun | undefined {
    const found = this.#own.get(taskId);
    return found?.isStored === false ? found : undefined;
  }

  override async *find(query: FindRuns = {}): AsyncGenerator<RunView, undefined> {
    const { limit = Number.POSITIVE_INFINITY, ...asked } = takeFind(query);
    const given = new Set<string>();
    // They are younger than what a query goes on behind.
    for (const run of asked.after === undefined ? this.#own.unstored() : []) {
      if (!isAsked(run, asked)) continue;
      yield run.view();
      if (given.add(run.id).size === limit) return;
    }
    for await (const view of super.find(asked)) {
      // It may have come to its store since.
      if (given.has(view.taskId)) continue;
      yield view;
      if (given.add(view.taskId).size === limit) return;
    }
  }

  override async get(taskId: string): Promise<RunView> {
    return this.#unstored(taskId)?.run.view() ?? (await super.get(taskId));
  }

  override async *watch(taskId: string, options: { signal?: AbortSignal } = {}): AsyncGenerator<RunView, undefined> {
    const { signal } = takeWatch(options);
    const own = this.#unstored(taskId);
    if (own === undefined) return yield* super.watch(taskId, options);
    const { run } = own;
    const changes = new Changes((hint) => hintAtEach(run.events(), hint), this.#clock, signal);
    yield* viewsOf(
      changes,
      () => run.view(),
      () => changes.next(),
    );
  }

  override async send(taskId: string, mailbox: string, message: unknown, options: { id?: string } = {}): Promise<void> {
    const { id } = takeSend(options);
    const own = this.#unstored(taskId);
    if (own === undefined) return await super.send(taskId, mailbox, message, options);
    if (id === undefined) return await own.run.send(mailbox, message);
    if (own.sent.has(id)) return;
    own.sent.add(id);
    try {
      await own.run.send(mailbox, message);
    } catch (error) {
      own.sent.delete(id);
      throw error;
    }
  }

  override async cancel(taskId: string, reason?: string): Promise<void> {
    const own = this.#unstored(taskId);
    if (own === undefined) await super.cancel(taskId, reason);
    else void own.run.cancel(reason);
  }

  override async *events(taskId: string, options: { from?: number; signal?: AbortSignal } = {}): AsyncGenerator<AgentEvent, undefined> {
    const { from = 1, signal } = takeEvents(options);
    const own = this.#unstored(taskId);
    if (own === undefined) return yield* super.events(taskId, options);
    const told = own.run.events({ from })[Symbol.asyncIterator]();
    const leave = (): void => void told.return?.();
    signal?.addEventListener("abort", leave);
    try {
      for (let next = await told.next(); !next.done && signal?.aborted !== true; next = await told.next()) yield next.value;
    } finally {
      signal?.removeEventListener("abort", leave);
      leave();
    }
  }
}

function hintAtEach(events: AsyncIterable<AgentEvent>, hint: () => void): () => void {
  const told = events[Symbol.asyncIterator]();
  const listen = async (): Promise<void> => {
    while (!(await told.next()).done) hint();
    hint();
  };
  void listen();
  return () => void told.return?.();
}

function isAsked(run: AgentRun, { agent, type, status, labels, updatedBefore }: FindRuns): boolean {
  const { task } = run;
  const shown = run.view();
  const statuses = status === undefined ? undefined : [status].flat();
  return (
    (agent === undefined || agent === shown.agent) &&
    (type === undefined || type === task.type) &&
    (statuses === undefined || statuses.includes(shown.status)) &&
    Object.entries(labels ?? {}).every(([key, value]) => Object.hasOwn(task.labels, key) && task.labels[key] === value) &&
    (updatedBefore === undefined || shown.updatedAt < updatedBefore.getTime())
  );
}
