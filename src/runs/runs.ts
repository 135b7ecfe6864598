/** The runs of a store, for whoever has none of their agents' code: to find, to look at, to tell something, to end. */
import * as z from "zod/mini";
import { brand } from "#contract/base/brand";
import { lazily } from "#contract/base/lazily";
import { clockSchema, isFunction, nonEmpty, parseOptions, signalSchema } from "#contract/base/options";
import { type Clock, type Services, systemServices } from "#contract/base/services";
import type { AgentEvent } from "#contract/run/events";
import type { RunView } from "#contract/run/run-view";
import { requireText } from "#contract/store/run-checks";
import type { FindQuery, GenerationEntry } from "#contract/store/run-commit";
import type { RunStatus, StoredRun } from "#contract/store/run-record";
import { RunStore } from "#contract/store/run-store";
import { decoded, openNote, requireFalling } from "#contract/store/seal";
import type { GenerationNote } from "#keep/run-keeper";
import { followEvents, followView } from "./follow.ts";
import { cancelRun, sendMessage } from "./orders.ts";
import { readFound, readView, readViewAt, requireRun } from "./read-run.ts";
import { readValue } from "./read-value.ts";
import { notFound } from "./run-errors.ts";

export interface RunsOptions {
  /** For what is waited for. Default the system's. */
  clock?: Clock;
  /** Makes ids of messages, each unlike any other. Default UUIDs. */
  ids?: () => string;
}

export interface FindRuns {
  /** The agent's name. */
  agent?: string;
  /** The task's type. */
  type?: string;
  status?: RunStatus | readonly RunStatus[];
  /** All of them must be the run's. */
  labels?: Readonly<Record<string, string>>;
  updatedBefore?: Date;
  /** The task id of the last one that was seen. */
  after?: string;
  /** Default: all. */
  limit?: number;
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
const status = z.enum(["READY", "RUNNING", "PARKED", "COMPLETE", "FAILED", "PARTIAL", "CANCELLED"]);
const date = z.custom<Date>((value) => value instanceof Date && !Number.isNaN(value.getTime()), { message: "expected a Date" });
const SCHEMAS = lazily(() => ({
  store: z.custom<RunStore>((value) => value instanceof RunStore, { message: "expected a RunStore" }),
  runs: z.strictObject({
    clock: z.optional(clockSchema),
    ids: z.optional(z.custom<() => string>(isFunction, { message: "expected a function" })),
  }),
  find: z.strictObject({
    agent: z.optional(nonEmpty),
    type: z.optional(nonEmpty),
    status: z.optional(z.union([status, z.array(status)])),
    labels: z.optional(z.record(z.string(), z.string())),
    updatedBefore: z.optional(date),
    after: z.optional(nonEmpty),
    limit: z.optional(z.int().check(z.gte(1))),
  }),
  watch: z.strictObject({ signal: z.optional(signalSchema) }),
  events: z.strictObject({ from: z.optional(z.int().check(z.gte(1))), signal: z.optional(signalSchema) }),
  send: z.strictObject({ id: z.optional(nonEmpty) }),
  prune: z.strictObject({ endedBefore: z.optional(date), keep: z.optional(z.int().check(z.gte(0))) }),
  path: z.array(z.string()),
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

  /** @throws AsimovError `invalid-options` */
  constructor(store: RunStore, options: RunsOptions = {}) {
    this.#store = parseOptions(SCHEMAS().store, store, "Runs");
    const { clock = systemServices.clock, ids = systemServices.ids } = parseOptions(SCHEMAS().runs, options, "Runs") as RunsOptions;
    this.#services = { clock, ids };
  }

  /** Newest first. What cannot be read of one is among its `errors`. @throws RunError `run-not-found` for `after` */
  async *find(query: FindRuns = {}): AsyncGenerator<RunView, undefined> {
    const { after, limit = Number.POSITIVE_INFINITY, ...asked } = parseOptions(SCHEMAS().find, query, "find") as FindRuns;
    const base = toFindQuery(asked);
    let last: StoredRun | undefined = after === undefined ? undefined : await requireRun(this.#store, after);
    for (let left = limit; left > 0; ) {
      const size = Math.min(PAGE, left);
      const page = await this.#store.find({ ...base, limit: size, ...(last === undefined ? {} : { after: last }) });
      for (const run of page) {
        const view = await readFound(this.#store, run);
        if (view !== undefined) yield view;
      }
      left -= page.length;
      last = page.at(-1);
      if (page.length < size) return;
    }
  }

  /** @throws SnapshotError `snapshot-damaged` where no generation is whole */
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
    return { generation, at, bytes, ...(JSON.parse(text) as GenerationNote) };
  }

  /** As it was then; who owned it is not known any more. @throws SnapshotError `snapshot-not-found`, `snapshot-damaged` */
  async at(taskId: string, generation: number): Promise<RunView> {
    return await readViewAt(this.#store, taskId, generation);
  }

  /** The view now and whenever it changes, the latest at most every 100 ms; a lease that runs out is a change. Ends with the run. */
  async *watch(taskId: string, options: { signal?: AbortSignal } = {}): AsyncGenerator<RunView, undefined> {
    const { signal } = parseOptions(SCHEMAS().watch, options, "watch");
    yield* followView({ store: this.#store, clock: this.#services.clock, taskId, signal });
  }

  /** A message for one of the run's mailboxes, stored when this settles. One with an id that the run was sent before is dropped. @throws RunError `run-ended` */
  async send(taskId: string, mailbox: string, message: unknown, options: { id?: string } = {}): Promise<void> {
    const { id = this.#services.ids() } = parseOptions(SCHEMAS().send, options, "send");
    await sendMessage(this.#store, taskId, { id, mailbox, message });
  }

  /** Settles when the request is stored: an owner acts on it within 250 ms; a run that nobody owns has ended with it. @throws RunError `run-ended` */
  async cancel(taskId: string, reason?: string): Promise<void> {
    await cancelRun(this.#store, taskId, reason);
  }

  /**
   * What the run has told, from a number on, by default from its first event, and what it tells from now on; ends with the run, or with the
   * signal. `events.dropped` stands for those that are kept no more. @throws SnapshotError `snapshot-damaged`
   */
  async *events(taskId: string, options: { from?: number; signal?: AbortSignal } = {}): AsyncGenerator<AgentEvent, undefined> {
    const { from = 1, signal } = parseOptions(SCHEMAS().events, options, "events");
    yield* followEvents({ store: this.#store, clock: this.#services.clock, taskId, signal }, from);
  }

  /**
   * Whole, what the view cuts and masks: `["nodes", NAME, "result"]`, of a nested node `["nodes", OUTER, "nodes", NAME, "result"]`, or
   * `["values", KEY]`, and on within it. Undefined where there is nothing. @throws AsimovError `unknown-node`, `invalid-options`
   */
  async value(taskId: string, path: readonly string[]): Promise<unknown> {
    return await readValue(this.#store, taskId, parseOptions(SCHEMAS().path, path, "value"));
  }

  /** Its owner, if any, stops. */
  async remove(taskId: string): Promise<void> {
    requireText(taskId, "The task id");
    if (!(await this.#store.remove(taskId))) throw notFound(taskId);
  }

  /** Removes ended runs, all but the `keep` that ended last; says how many. */
  async prune(query: { endedBefore?: Date; keep?: number }): Promise<number> {
    const { endedBefore, keep } = parseOptions(SCHEMAS().prune, query, "prune");
    return await this.#store.prune({
      ...(endedBefore === undefined ? {} : { endedBefore: endedBefore.getTime() }),
      ...(keep === undefined ? {} : { keep }),
    });
  }
}

brand(Runs, "Runs");

function toFindQuery({ status: asked, updatedBefore, ...same }: Omit<FindRuns, "after" | "limit">): Omit<FindQuery, "limit" | "after"> {
  const statuses = asked === undefined ? undefined : typeof asked === "string" ? [asked] : asked;
  return {
    ...same,
    ...(statuses === undefined ? {} : { statuses }),
    ...(updatedBefore === undefined ? {} : { updatedBefore: updatedBefore.getTime() }),
  };
}
