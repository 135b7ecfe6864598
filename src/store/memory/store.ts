/** Runs in this process: every step takes effect at the call, before anything is awaited. */
import * as z from "zod/mini";
import { brand } from "#contract/base/brand";
import { lazily } from "#contract/base/lazily";
import { clockSchema, parseOptions } from "#contract/base/options";
import { type Clock, systemClock } from "#contract/base/services";
import { requireCount } from "#contract/store/run-checks";
import type * as port from "#contract/store/run-commit";
import { copyClosed, copyRun, copySealed } from "#contract/store/run-copy";
import { RunListeners } from "#contract/store/run-listeners";
import { type RunStoreOptions, runStoreShape, settingsOf } from "#contract/store/run-options";
import { compareRuns, isFound, orderOf } from "#contract/store/run-order";
import type { StoredRun } from "#contract/store/run-record";
import { isOwned } from "#contract/store/run-status";
import { closed } from "#contract/store/store-errors";
import { compareQuestions, isAskedFor, type QuestionQuery, type StoredQuestion } from "#contract/store/stored-question";
import { type Change, type Decide, SteppedStore, type Wanted } from "#store/stepped-store";
import { HeldRun } from "./held-run.ts";

export interface MemoryStoreOptions extends RunStoreOptions {
  /** By which leases and moments are judged. Default the system's. */
  clock?: Clock;
}

const schema = lazily(() => z.strictObject({ ...runStoreShape(), clock: z.optional(clockSchema) }));

const SWEEP_EACH = 100;

/**
 * A run store that ends with its process: for tests, browsers, and runs that only want to go back.
 *
 * @throws AsimovError `invalid-options`
 * @example
 * const store = new MemoryStore({ keep: 10 });
 */
export class MemoryStore extends SteppedStore {
  readonly #runs = new Map<string, HeldRun>();
  /** Of those, the ones whose end is still to be told. */
  readonly #untold = new Map<string, HeldRun>();
  readonly #listeners = new RunListeners();
  readonly #clock: Clock;
  #isClosed = false;
  #creations = 0;

  constructor(options: MemoryStoreOptions = {}) {
    const parsed = parseOptions(schema(), options, "MemoryStore options");
    super(settingsOf(parsed));
    this.#clock = parsed.clock ?? systemClock;
  }

  protected async step<T>(taskId: string, { message, question }: Wanted, decide: Decide<T>): Promise<T> {
    const now = this.#time();
    const held = this.#runs.get(taskId);
    const hasMessage = message !== undefined && held?.messageIds?.has(message) === true;
    const { answer, change } = decide({ run: held?.row, hasMessage, isClosed: held?.isClosed(question) === true }, now);
    if (change !== undefined) this.#write(held, change, now);
    return answer;
  }

  async read(taskId: string): Promise<StoredRun | undefined> {
    const held = this.#held(taskId, this.#time());
    return held && copyRun(held.row);
  }

  async load(taskId: string, generation?: number): Promise<port.StoredGeneration | undefined> {
    const held = this.#held(taskId, this.#time());
    const wanted = generation ?? held?.row.generation;
    const entry = held?.generations.find((each) => each.generation === wanted);
    if (held === undefined || entry === undefined) return undefined;
    return { generation: entry.generation, info: copySealed(entry.info), parts: held.parts.at(entry.generation), passedOver: [] };
  }

  async generations(taskId: string, { before = Number.POSITIVE_INFINITY, limit }: { before?: number; limit: number }) {
    requireCount(limit, "limit", 1);
    const kept = this.#held(taskId, this.#time())?.generations ?? [];
    const older = kept.filter(({ generation }) => generation < before).reverse();
    return older.slice(0, limit).map((entry) => ({ ...entry, info: copySealed(entry.info) }));
  }

  async inbox(taskId: string, after: number): Promise<port.StoredMessage[]> {
    const messages = [...(this.#held(taskId, this.#time())?.inbox.values() ?? [])];
    return messages.filter(({ n }) => n > after).map((message) => ({ ...message, body: copySealed(message.body) }));
  }

  async questions(query: QuestionQuery): Promise<StoredQuestion[]> {
    const now = this.#time();
    requireCount(query.limit, "limit", 1);
    const runs = query.taskId === undefined ? this.#runs.values() : [this.#runs.get(query.taskId)];
    const found: StoredQuestion[] = [];
    for (const held of runs) {
      if (held?.questions === undefined || this.isPast(held.row, now)) continue;
      const { taskId, agent } = held.row;
      const one = query.id === undefined ? undefined : held.questions.get(query.id);
      for (const question of query.id === undefined ? held.questions.values() : one === undefined ? [] : [one]) {
        const stands = { ...question, taskId, agent };
        if (isAskedFor(stands, query)) found.push(stands);
      }
    }
    const page = found.sort(compareQuestions).slice(0, query.limit);
    return page.map((question) => ({
      ...question,
      body: copySealed(question.body),
      closed: question.closed && copyClosed(question.closed),
    }));
  }

  async find(query: port.FindQuery): Promise<StoredRun[]> {
    const now = this.#time();
    requireCount(query.limit, "limit", 1);
    const found: StoredRun[] = [];
    for (const { row } of (query.untold === true ? this.#untold : this.#runs).values())
      if (!this.isPast(row, now) && isFound(row, query, now)) found.push(row);
    return found.sort(orderOf(query)).slice(0, query.limit).map(copyRun);
  }

  async events(taskId: string, { from, limit }: { from: number; limit: number }): Promise<port.StoredEvent[]> {
    requireCount(limit, "limit", 1);
    const kept = this.#held(taskId, this.#time())?.events ?? [];
    const start = Math.max(0, from - (kept[0]?.seq ?? 0));
    return kept.slice(start, start + limit).map((event) => ({ ...event, body: copySealed(event.body) }));
  }

  async remove(taskId: string): Promise<boolean> {
    const held = this.#held(taskId, this.#time());
    if (held === undefined) return false;
    this.#drop(taskId);
    this.#listeners.tell(taskId);
    return true;
  }

  async prune({ endedBefore = Number.POSITIVE_INFINITY, keep = 0 }: port.PruneQuery): Promise<number> {
    const now = this.#time();
    this.#sweep(now);
    const ended = [...this.#runs.values()].flatMap(({ row }) => (row.endedAt === null ? [] : [{ row, endedAt: row.endedAt }]));
    ended.sort((a, b) => b.endedAt - a.endedAt || compareRuns(a.row, b.row));
    const gone = ended.slice(keep).filter(({ row, endedAt }) => endedAt < endedBefore && !isOwned(row, now));
    for (const { row } of gone) {
      this.#drop(row.taskId);
      this.#listeners.tell(row.taskId);
    }
    return gone.length;
  }

  subscribe(listener: (taskId: string | null, isCommit?: boolean) => void): () => void {
    this.#requireOpen();
    return this.#listeners.add(listener);
  }

  async now(): Promise<number> {
    return this.#time();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#runs.clear();
    this.#untold.clear();
    this.#listeners.clear();
  }

  #drop(taskId: string): void {
    this.#runs.delete(taskId);
    this.#untold.delete(taskId);
  }

  #requireOpen(): void {
    if (this.#isClosed) throw closed("MemoryStore");
  }

  #time(): number {
    this.#requireOpen();
    return Math.floor(this.#clock.now());
  }

  #held(taskId: string, now: number): HeldRun | undefined {
    const held = this.#runs.get(taskId);
    if (held === undefined || !this.isPast(held.row, now)) return held;
    this.#drop(taskId);
    return undefined;
  }

  #write(there: HeldRun | undefined, { run, isNew, taken, events, message }: Change, now: number): void {
    const held = isNew === true || there === undefined ? new HeldRun(run) : there;
    if (taken !== undefined) held.write(run, taken, this.settings);
    if (events !== undefined) held.addEvents(events, this.settings);
    if (message !== undefined) held.receive(run, message);
    if (run.status !== "open") held.closeQuestions(run);
    held.row = run;
    if (run.untold) this.#untold.set(run.taskId, held);
    else this.#untold.delete(run.taskId);
    if (held !== there) {
      if (++this.#creations % SWEEP_EACH === 0) this.#sweep(now);
      this.#runs.set(run.taskId, held);
    }
    this.#listeners.tell(run.taskId, taken !== undefined && isNew !== true);
  }

  #sweep(now: number): void {
    if (this.settings.retainMs === Number.POSITIVE_INFINITY) return;
    for (const [taskId, { row }] of this.#runs) if (this.isPast(row, now)) this.#drop(taskId);
  }
}

brand(MemoryStore, "MemoryStore");
