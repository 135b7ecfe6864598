/** The runs of an agent: those of its store, and those of this process that no store holds. */
import { asimovErrorOf } from "#contract/base/errors";
import type { Clock } from "#contract/base/services";
import type { AgentEvent } from "#contract/run/events";
import type { ModelDelta } from "#contract/run/model-delta";
import type { RunView } from "#contract/run/run-view";
import { notStored } from "#contract/store/run-errors";
import { compareRuns } from "#contract/store/run-order";
import type { RunStore } from "#contract/store/run-store";
import { Changes } from "#runs/changes";
import type { FindFrom, FoundRun, RunPlace } from "#runs/find-runs";
import { viewsOf } from "#runs/follow";
import { takeEvents, takeSend, takeWatch } from "#runs/run-queries";
import { type FollowOptions, type RunHistoryEntry, Runs, type RunsOptions } from "#runs/runs";
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

  /** A run of this process is about to be stored: its store is asked when it has it. @throws RunError `run-not-stored` where it is not to be */
  async #requireStored(taskId: string, what: string): Promise<void> {
    if (this.#unstored(taskId) !== undefined) throw notStored(taskId, what);
    await this.#own.get(taskId)?.stored;
  }

  /** Each where it began, stored or not: one that comes to its store meanwhile keeps its place. */
  protected override async *found(query: FindFrom): AsyncGenerator<FoundRun, undefined> {
    const { after } = query;
    const isBehind = (run: RunPlace): boolean => after === undefined || compareRuns(after, run) < 0;
    const own = [...this.#own.unstored()].filter(isBehind).sort(compareRuns);
    const before = function* (place?: RunPlace): Generator<FoundRun> {
      while (own[0] !== undefined && (place === undefined || compareRuns(own[0], place) < 0)) {
        const found = own.shift() as OwnRun;
        if (isAsked(found.run, query)) yield { place: found, view: found.run.view() };
      }
    };
    for await (const stored of super.found(query)) {
      yield* before(stored.place);
      if (own[0]?.taskId === stored.place.taskId) own.shift();
      yield stored;
    }
    yield* before();
  }

  /** Also of one that no store holds, which may have ended since it was seen. */
  protected override async placeOf(taskId: string): Promise<RunPlace> {
    const own = this.#own.placeOf(taskId);
    return await super.placeOf(taskId).catch((error: unknown) => {
      if (own !== undefined && asimovErrorOf(error)?.code === "run-not-found") return own;
      throw error;
    });
  }

  override async get(taskId: string): Promise<RunView> {
    const own = this.#own.get(taskId);
    return own?.isStored === false || own?.stored !== undefined ? own.run.view() : await super.get(taskId);
  }

  /** @throws RunError `run-not-stored` */
  override async *history(taskId: string): AsyncGenerator<RunHistoryEntry, undefined> {
    await this.#requireStored(taskId, "history");
    yield* super.history(taskId);
  }

  /** @throws RunError `run-not-stored` */
  override async at(taskId: string, generation: number): Promise<RunView> {
    await this.#requireStored(taskId, "at");
    return await super.at(taskId, generation);
  }

  /** @throws RunError `run-not-stored` */
  override async value(taskId: string, path: readonly string[]): Promise<unknown> {
    await this.#requireStored(taskId, "value");
    return await super.value(taskId, path);
  }

  /** @throws RunError `run-not-stored` */
  override async remove(taskId: string): Promise<void> {
    await this.#requireStored(taskId, "remove");
    await super.remove(taskId);
  }

  override async *watch(taskId: string, options: { signal?: AbortSignal } = {}): AsyncGenerator<RunView, undefined> {
    const { signal } = takeWatch(options);
    const own = this.#unstored(taskId);
    if (own === undefined) {
      await unlessAborted(this.#own.get(taskId)?.stored, signal);
      if (signal?.aborted === true) return;
      return yield* super.watch(taskId, options);
    }
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
    if (own === undefined) {
      await this.#own.get(taskId)?.stored;
      return await super.send(taskId, mailbox, message, options);
    }
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
    const own = this.#own.get(taskId);
    // One that waits for its store to begin waits no longer.
    if (own?.isStored === false || own?.stored !== undefined) void own.run.cancel(reason);
    else await super.cancel(taskId, reason);
  }

  override events(taskId: string, options?: FollowOptions & { deltas?: false }): AsyncGenerator<AgentEvent, undefined>;
  override events(taskId: string, options: FollowOptions): AsyncGenerator<AgentEvent | ModelDelta, undefined>;
  override async *events(taskId: string, options: FollowOptions = {}): AsyncGenerator<AgentEvent | ModelDelta, undefined> {
    const { from = 1, deltas = false, signal } = takeEvents(options);
    const own = this.#unstored(taskId);
    if (own === undefined) {
      await unlessAborted(this.#own.get(taskId)?.stored, signal);
      if (signal?.aborted === true) return;
      return yield* super.events(taskId, options);
    }
    const told = own.run.events({ from, deltas })[Symbol.asyncIterator]();
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

/** Settles at once where the signal is aborted. */
async function unlessAborted(work: Promise<unknown> | undefined, signal: AbortSignal | undefined): Promise<void> {
  if (work === undefined || signal === undefined) return void (await work);
  const { promise: aborted, resolve } = Promise.withResolvers<void>();
  const abort = (): void => resolve();
  if (signal.aborted) abort();
  signal.addEventListener("abort", abort, { once: true });
  await Promise.race([work, aborted]);
  signal.removeEventListener("abort", abort);
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

function isAsked(run: AgentRun, { agent, type, status, labels, updatedBefore }: FindFrom): boolean {
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
