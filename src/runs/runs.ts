/** The runs of a store, for whoever has none of their agents' code: to find, to look at, to tell something, to end. */
import * as z from "zod/mini";
import { brand } from "#contract/base/brand";
import { someMs } from "#contract/base/durations";
import { EffectLimits } from "#contract/base/effect-limits";
import { lazily } from "#contract/base/lazily";
import { clockSchema, isFunction, parseOptions } from "#contract/base/options";
import { type Clock, type Services, systemServices } from "#contract/base/services";
import type { Task } from "#contract/base/task";
import type { AgentEvent } from "#contract/run/events";
import type { ModelDelta } from "#contract/run/model-delta";
import type { Question } from "#contract/run/question";
import type { RunView } from "#contract/run/run-view";
import { requireText } from "#contract/store/run-checks";
import type { GenerationEntry } from "#contract/store/run-commit";
import { notFound } from "#contract/store/run-errors";
import type { StoredRun } from "#contract/store/run-record";
import type { RunStore } from "#contract/store/run-store";
import { storeSchema } from "#contract/store/run-store-shape";
import { decoded, openNote, requireFalling } from "#contract/store/seal";
import { queueSchema, type WorkQueue } from "#contract/store/work-queue";
import type { GenerationNote } from "#keep/kept";
import { AnsweredStore } from "./answered-store.ts";
import { type FindFrom, type FoundRun, findRuns, type RunPlace } from "./find-runs.ts";
import { followEvents, followView } from "./follow.ts";
import { withDeltas } from "./follow-deltas.ts";
import { type KeyHost, lookAtKey, submitKeyed } from "./key-gate.ts";
import { isHeldByKey } from "./key-options.ts";
import { GATE } from "./key-record.ts";
import { cancelRun, sendMessage } from "./orders.ts";
import { type AnswerOptions, answerQuestion, listQuestions } from "./questions.ts";
import { readView, readViewAt, requireRun } from "./read-run.ts";
import { readValue } from "./read-value.ts";
import {
  type FindQuestions,
  type FindRuns,
  takeAnswer,
  takeEvents,
  takeFind,
  takePath,
  takePrune,
  takeQuestions,
  takeSend,
  takeWatch,
} from "./run-queries.ts";
import { removeSchedule, type ScheduleOptions, storeSchedule } from "./schedules.ts";
import { type SubmitOptions, type Submitted, submitTask, takeSubmit } from "./submit.ts";
import { tellingStore } from "./telling-store.ts";

export interface FollowOptions {
  /** The number of the first event. Default 1. */
  from?: number;
  /**
   * Whether what models answer is told, too, as the run's owner tells it: at once, without a `seq`, and not again; it may be lost. In the process of
   * a `MemoryStore`, or of a store without a way to others, alone. Default false.
   */
  deltas?: boolean;
  /** Ends it. */
  signal?: AbortSignal;
}

export interface RunsOptions {
  /** Milliseconds for one answer of the store about one run, at least 1; later it is refused with `effect-timeout`. Default 30,000. */
  effectTimeoutMs?: number;
  /** What wakes workers. Default none: workers of this store find what is submitted by themselves. */
  queue?: WorkQueue;
  /** For what is waited for. Default the system's. */
  clock?: Clock;
  /** Makes ids of messages, each unlike any other. Default UUIDs. */
  ids?: () => string;
}

/** One kept generation of a run. */
export interface RunHistoryEntry {
  generation: number;
  why: GenerationNote["why"];
  /** The nodes that it was made for. */
  nodes: readonly string[];
  /** Milliseconds since 1970. */
  at: number;
  /** What its commit wrote. */
  bytes: number;
  hint?: string;
}

const PAGE = 50;
const SCHEMAS = lazily(() => ({
  store: storeSchema(),
  runs: z.strictObject({
    effectTimeoutMs: z.optional(someMs(1)),
    queue: z.optional(queueSchema()),
    clock: z.optional(clockSchema),
    ids: z.optional(z.custom<() => string>(isFunction, { message: "expected a function" })),
  }),
}));

/**
 * What can be done with stored runs from any process, be they alive or not. Every method of one run rejects with the RunError `run-not-found`
 * where the store holds none of that id.
 *
 * @example
 * const runs = new Runs(new FileStore({ dir: "runs" }));
 * for await (const { taskId, status } of runs.find({ status: ["READY", "PARKED"] })) console.log(taskId, status);
 */
export class Runs {
  readonly #store: RunStore;
  readonly #services: Pick<Services, "clock" | "ids">;
  readonly #keys: KeyHost;

  /** @throws AsimovError `invalid-options` */
  constructor(store: RunStore, options: RunsOptions = {}) {
    const given = parseOptions(SCHEMAS().store, store, "Runs");
    const {
      clock = systemServices.clock,
      ids = systemServices.ids,
      queue,
      effectTimeoutMs: limitMs = 30_000,
    } = parseOptions(SCHEMAS().runs, options, "Runs") as RunsOptions;
    this.#services = { clock, ids };
    const limits = new EffectLimits(clock, { limitMs, graceMs: limitMs });
    this.#store = new AnsweredStore(tellingStore(given, queue), limits);
    this.#keys = { place: given, store: new AnsweredStore(given, limits), told: this.#store, services: this.#services };
  }

  /** Newest first. What cannot be read of one is among its `errors`. @throws RunError `run-not-found` for `after` */
  async *find(query: FindRuns = {}): AsyncGenerator<RunView, undefined> {
    const { after: seen, limit = Number.POSITIVE_INFINITY, ...asked } = takeFind(query);
    const after = seen === undefined ? undefined : await this.placeOf(seen);
    let left = limit;
    for await (const { view } of this.found({ ...asked, limit, after })) {
      yield view;
      if (--left === 0) return;
    }
  }

  /** Where a run stands among others. */
  protected async placeOf(taskId: string): Promise<RunPlace> {
    return await requireRun(this.#store, taskId);
  }

  protected found(query: FindFrom): AsyncGenerator<FoundRun, undefined> {
    return findRuns(this.#store, query);
  }

  /** As in its newest whole generation; newer ones that are damaged are among its `errors`. @throws SnapshotError `snapshot-damaged` where none is whole */
  async get(taskId: string): Promise<RunView> {
    return await readView(this.#store, taskId);
  }

  /** The kept generations, newest first. @throws SnapshotError `snapshot-damaged` */
  async *history(taskId: string): AsyncGenerator<RunHistoryEntry, undefined> {
    await requireRun(this.#store, taskId);
    let before: number | undefined;
    for (;;) {
      const page = await this.#store.generations(taskId, { limit: PAGE, ...(before === undefined ? {} : { before }) });
      for (const entry of page) {
        requireFalling(taskId, entry.generation, before);
        before = entry.generation;
        yield this.#historyEntry(taskId, entry);
      }
      if (page.length < PAGE) return;
    }
  }

  #historyEntry(taskId: string, { generation, at, info, bytes }: GenerationEntry): RunHistoryEntry {
    const text = openNote(taskId, { generation, info: decoded(this.#store.settings.codec, info, `Generation ${generation}`) });
    const { why, nodes, hint } = JSON.parse(text) as GenerationNote;
    return { generation, why, nodes, at, bytes, ...(hint === undefined ? {} : { hint }) };
  }

  /** As it was then; who owned it is not known any more. @throws SnapshotError `snapshot-not-found`, `snapshot-damaged` */
  async at(taskId: string, generation: number): Promise<RunView> {
    return await readViewAt(this.#store, taskId, generation);
  }

  /** The view now and whenever it changes, the latest at most every 100 ms; a lease that runs out is a change. Ends with the run. */
  async *watch(taskId: string, options: { signal?: AbortSignal } = {}): AsyncGenerator<RunView, undefined> {
    const { signal } = takeWatch(options);
    yield* followView({ store: this.#store, clock: this.#services.clock, taskId, signal });
  }

  /** Those that are open, oldest first; of an owner that is gone, too. One that is damaged is left out, and `onRefused` is told. */
  async *questions(query: FindQuestions = {}): AsyncGenerator<Question, undefined> {
    const { dueBefore, limit = Number.POSITIVE_INFINITY, onRefused, ...asked } = takeQuestions(query);
    const due = dueBefore === undefined ? {} : { dueBefore: dueBefore.getTime() };
    yield* listQuestions(this.#store, { ...asked, limit, ...due }, onRefused);
  }

  /**
   * The one answer of a question, stored when this settles: of several, of its deadline and of a cancel the first that is stored counts.
   * @throws QuestionError `question-not-found`, `question-closed`, `question-changed`, `answer-invalid`; AsimovError `not-json`
   */
  async answer(questionId: string, value: unknown, options: AnswerOptions = {}): Promise<void> {
    await answerQuestion(this.#store, questionId, value, takeAnswer(options));
  }

  /** A message for one of the run's mailboxes, stored when this settles. One with an id that the run was sent before is dropped. Where nodes declare
   * `inputMailboxes`, it must be one of theirs. @throws RunError `run-ended`; AsimovError `unknown-mailbox`, `not-json` */
  async send(taskId: string, mailbox: string, message: unknown, options: { id?: string } = {}): Promise<void> {
    const { id = this.#services.ids() } = takeSend(options);
    await sendMessage(this.#store, taskId, { id, mailbox, message });
  }

  /**
   * A task for a worker that has its agent, stored when this settles. The same task once more is the same run. Gives the run that stands for
   * it, which with `singleton` may be another one.
   *
   * @throws AsimovError `invalid-options`, `task-not-waiting`, `not-json`; RunError `run-differs`, `run-exists`, `key-busy`
   * @example
   * const runs = new Runs(new MemoryStore());
   * const task = new Task({ type: "report", objective: "Saturn" });
   * const { taskId, isNew } = await runs.submit(task, { agent: "report", key: "user-7", limit: { concurrent: 2, perMinute: 30 } });
   */
  async submit(task: Task<unknown>, options: SubmitOptions): Promise<Submitted> {
    const asked = takeSubmit(task, options);
    const { key } = asked;
    if (key === undefined || !isHeldByKey(asked)) return await submitTask(this.#store, task.toJSON(), asked);
    return await submitKeyed(this.#keys, task.toJSON(), { ...asked, key });
  }

  /** Of a run that a key held up, the others may have their turn now; where this fails, a worker finds it out. */
  async #freed(run: StoredRun | undefined): Promise<void> {
    const gate = run?.labels[GATE];
    if (run !== undefined && gate !== undefined) await lookAtKey(this.#keys, gate, [run.taskId]);
  }

  /**
   * A task at each time of a cron line, for a worker that has its agent; stored when this settles. Each time makes one run, over restarts and in
   * whatever workers. A name that is known gets what is given now. @throws AsimovError `schedule-invalid`, `schedule-busy`, `invalid-options`
   */
  async schedule(name: string, options: ScheduleOptions): Promise<void> {
    await storeSchedule(this.#store, this.#services, name, options);
  }

  /** No more tasks of that schedule; those that were made stay. @throws AsimovError `schedule-not-found` */
  async unschedule(name: string): Promise<void> {
    await removeSchedule(this.#store, name);
  }

  /** Settles when the request is stored: an owner acts on it within 250 ms; a run that nobody owns has ended with it. @throws RunError `run-ended` */
  async cancel(taskId: string, reason?: string): Promise<void> {
    await cancelRun(this.#store, taskId, reason);
    const freed = async (): Promise<void> => this.#freed(await this.#store.read(taskId));
    await freed().catch(() => {});
  }

  /**
   * What the run has told, from a number on, by default from its first event, and what it tells from now on; ends with the run, or with the
   * signal. `events.dropped` stands for those that are kept no more. With `deltas` also what models answer from now on, while they answer (`model.delta`): at
   * once, from any process on Redis and PostgreSQL, on the others from this one, and where that is lost, not again. @throws SnapshotError `snapshot-damaged`
   */
  events(taskId: string, options?: FollowOptions & { deltas?: false }): AsyncGenerator<AgentEvent, undefined>;
  events(taskId: string, options: FollowOptions): AsyncGenerator<AgentEvent | ModelDelta, undefined>;
  async *events(taskId: string, options: FollowOptions = {}): AsyncGenerator<AgentEvent | ModelDelta, undefined> {
    const { from = 1, deltas = false, signal } = takeEvents(options);
    const about = { store: this.#store, clock: this.#services.clock, taskId, signal };
    const events = followEvents(about, from);
    yield* deltas ? withDeltas(events, about) : events;
  }

  /**
   * Whole, what the view cuts and masks: `["nodes", NAME, "result"]`, of a nested node `["nodes", OUTER, "nodes", NAME, "result"]`, or
   * `["values", KEY]`, and on within it. Undefined where there is nothing. @throws AsimovError `unknown-node`, `invalid-options`
   */
  async value(taskId: string, path: readonly string[]): Promise<unknown> {
    return await readValue(this.#store, taskId, takePath(path));
  }

  /** With all that is stored of it. Its owner, if any, stops with `run-not-found`. @throws RunError `run-not-found` */
  async remove(taskId: string): Promise<void> {
    requireText(taskId, "The task id");
    const run = await this.#store.read(taskId);
    if (!(await this.#store.remove(taskId))) throw notFound(taskId);
    await this.#freed(run).catch(() => {});
  }

  /** Removes ended runs, all but the `keep` that ended last; says how many. */
  async prune(query: { endedBefore?: Date; keep?: number }): Promise<number> {
    const { endedBefore, keep } = takePrune(query);
    return await this.#store.prune({
      ...(endedBefore === undefined ? {} : { endedBefore: endedBefore.getTime() }),
      ...(keep === undefined ? {} : { keep }),
    });
  }
}

brand(Runs, "Runs");
