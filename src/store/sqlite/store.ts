/** Runs in one file of SQLite, by the module that Node has built in. */
import * as z from "zod/mini";
import { brand } from "#contract/base/brand";
import { wholeMs } from "#contract/base/durations";
import { lazily } from "#contract/base/lazily";
import { clockSchema, parseOptions, pathText } from "#contract/base/options";
import { type Clock, systemClock, systemServices } from "#contract/base/services";
import { requireCount } from "#contract/store/run-checks";
import type * as port from "#contract/store/run-commit";
import { type RunStoreOptions, runStoreShape, settingsOf } from "#contract/store/run-options";
import type { StoredRun } from "#contract/store/run-record";
import type { QuestionQuery, StoredQuestion } from "#contract/store/stored-question";
import { SharedStore } from "#store/shared-store";
import type { Change, Decide, Seen, Wanted } from "#store/stepped-store";
import { Talk } from "#store/talk";
import { Connection } from "./connection.ts";
import { requireSqlite } from "./engine.ts";
import { findRuns } from "./find.ts";
import {
  addEvents,
  addMessage,
  hasMessage,
  listEvents,
  listGenerations,
  listMessages,
  loadGeneration,
  loadNewest,
  writeGeneration,
} from "./history.ts";
import { closeQuestions, isClosed, listQuestions, writeQuestions } from "./questions.ts";
import { deleteRun, findRun, insertRun, type Numbered, updateRun } from "./run-rows.ts";

export interface SqliteStoreOptions extends RunStoreOptions {
  /** The database; made with its folder when it is not there. */
  file: string;
  /** Milliseconds for which another process may hold the database before a call fails with `store-busy`. Default 10,000. */
  busyMs?: number;
  /** By which leases and moments are judged; the same for all processes that use the file. Default the system's. */
  clock?: Clock;
}

const schema = lazily(() =>
  z.strictObject({
    ...runStoreShape(),
    file: pathText,
    busyMs: z.optional(wholeMs(0)),
    clock: z.optional(clockSchema),
  }),
);

const WATCH_MS = 100;
const SWEEP_EACH = 100;
const SWEEP_LIMIT = 100;

/**
 * A run store in one file, for any number of processes of one machine. What is acknowledged is on the disk; what comes in one turn of the
 * event loop is written together. It never waits in the thread.
 *
 * @throws AsimovError `invalid-options`, and `store-unavailable` without `node:sqlite`; at the first use `store-unavailable`, `store-format`, `store-busy`, `store-full`,
 *   `store-read-only` or `store-damaged`; later also `store-replaced` where its file was removed, or is another one
 * @example
 * const store = new SqliteStore({ file: "/var/lib/agent/runs.db", retainMs: 30 * 86_400_000 });
 */
export class SqliteStore extends SharedStore {
  readonly #db: Connection;
  readonly #clock: Clock;
  readonly #talk: Talk;
  #timer: unknown;
  #watching: object | undefined;
  #creations = 0;

  constructor(options: SqliteStoreOptions) {
    const parsed = parseOptions(schema(), options, "SqliteStore options");
    const { get } = requireSqlite();
    super(settingsOf(parsed));
    this.#db = new Connection(parsed.file, parsed.busyMs ?? 10_000);
    this.#clock = parsed.clock ?? systemClock;
    const folder = `${get("path").resolve(parsed.file)}-talk`;
    this.#talk = new Talk(get("fs"), folder, systemServices.ids(), (taskId, text) => this.heard(taskId, text));
  }

  protected async step<T>(taskId: string, { message, question }: Wanted, decide: Decide<T>): Promise<T> {
    return await this.#db.write(() => {
      const found = findRun(this.#db, taskId);
      const seen: Seen = {
        run: found?.run,
        hasMessage: message !== undefined && found !== undefined && hasMessage(this.#db, found.id, message),
        isClosed: question !== undefined && found !== undefined && isClosed(this.#db, found.id, question),
      };
      const now = this.#time();
      const { answer, change } = decide(seen, now);
      if (change !== undefined) this.#write(found, change, now);
      return answer;
    });
  }

  async read(taskId: string): Promise<StoredRun | undefined> {
    return await this.#db.read(() => this.#there(taskId)?.run);
  }

  async load(taskId: string, generation?: number): Promise<port.StoredGeneration | undefined> {
    return await this.#db.read(() => {
      const there = this.#there(taskId);
      if (there === undefined) return undefined;
      const { id, run } = there;
      const { keep } = this.settings;
      return generation === undefined ? loadNewest(this.#db, id, run, keep) : loadGeneration(this.#db, id, run, generation, keep);
    });
  }

  async generations(taskId: string, { before = Number.MAX_SAFE_INTEGER, limit }: { before?: number; limit: number }) {
    return await this.#list(taskId, limit, ({ id, run }) => listGenerations(this.#db, id, run, before, limit, this.settings.keep));
  }

  async inbox(taskId: string, after: number): Promise<port.StoredMessage[]> {
    return await this.#list(taskId, 1, ({ id }) => listMessages(this.#db, id, after));
  }

  async events(taskId: string, { from, limit }: { from: number; limit: number }): Promise<port.StoredEvent[]> {
    this.#talk.look();
    return await this.#list(taskId, limit, ({ id, run }) => listEvents(this.#db, id, run, from, limit, this.settings.keepEvents));
  }

  async questions(query: QuestionQuery): Promise<StoredQuestion[]> {
    this.requireOpen();
    requireCount(query.limit, "limit", 1);
    return await this.#db.read(() => {
      const now = this.#time();
      return listQuestions(this.#db, query, (run) => !this.isPast(run, now));
    });
  }

  async find(query: port.FindQuery): Promise<StoredRun[]> {
    this.requireOpen();
    requireCount(query.limit, "limit", 1);
    return await this.#db.read(() => {
      const now = this.#time();
      return findRuns(this.#db, query, now, now - this.settings.retainMs).map(({ run }) => run);
    });
  }

  async remove(taskId: string): Promise<boolean> {
    return await this.#db.write(() => {
      const there = this.#there(taskId);
      if (there !== undefined) this.#delete(there.id, taskId);
      return there !== undefined;
    });
  }

  async prune({ endedBefore = Number.MAX_SAFE_INTEGER, keep = 0 }: port.PruneQuery): Promise<number> {
    let removed = 0;
    let more = true;
    while (more) {
      const gone = await this.#db.write(() => {
        const now = this.#time();
        if (removed === 0) this.#sweep(now);
        const found = this.#db
          .sql(
            `select id, task_id from (select * from runs where ended_at is not null order by ended_at desc, created_at desc, task_id desc
             limit -1 offset ?) where ended_at < ? and (lease_until is null or lease_until <= ?) limit ?`,
          )
          .all(keep, endedBefore, now, SWEEP_LIMIT) as { id: number; task_id: string }[];
        for (const { id, task_id: taskId } of found) this.#delete(id, taskId);
        return found.length;
      });
      removed += gone;
      more = gone === SWEEP_LIMIT;
    }
    return removed;
  }

  async now(): Promise<number> {
    this.requireOpen();
    return this.#time();
  }

  async close(): Promise<void> {
    this.listeners.clear();
    this.#talk.close();
    await this.#db.close();
  }

  protected requireOpen(): void {
    this.#db.requireOpen();
  }

  protected sayToOthers(taskId: string, text: string): void {
    if (this.#db.isOpen) this.#talk.say(taskId, text);
  }

  protected override hearOthers(): () => void {
    return this.#talk.hear();
  }

  #time(): number {
    return Math.floor(this.#clock.now());
  }

  #there(taskId: string): Numbered | undefined {
    const found = findRun(this.#db, taskId);
    return found === undefined || this.isPast(found.run, this.#time()) ? undefined : found;
  }

  async #list<T>(taskId: string, limit: number, list: (there: Numbered) => T[]): Promise<T[]> {
    this.requireOpen();
    requireCount(limit, "limit", 1);
    return await this.#db.read(() => {
      const there = this.#there(taskId);
      return there === undefined ? [] : list(there);
    });
  }

  #write(found: Numbered | undefined, { run, isNew, taken, events, message }: Change, now: number): void {
    let id: number;
    if (isNew === true || found === undefined) {
      if (found !== undefined) deleteRun(this.#db, found.id);
      id = insertRun(this.#db, run);
      if (++this.#creations % SWEEP_EACH === 0) this.#sweep(now);
    } else {
      id = found.id;
      updateRun(this.#db, found, run);
    }
    if (taken !== undefined) writeGeneration(this.#db, id, run, taken, this.settings);
    if (taken?.commit.questions !== undefined) writeQuestions(this.#db, id, run.updatedAt, taken.commit.questions);
    if (found?.run.status === "open" && run.status !== "open") closeQuestions(this.#db, id, run);
    if (events !== undefined) addEvents(this.#db, id, events);
    if (message !== undefined) addMessage(this.#db, id, run, message);
    if (message?.closes !== undefined)
      writeQuestions(this.#db, id, run.updatedAt, { put: [], close: [{ ...message.closes, message: message.body }] });
    this.listeners.tell(run.taskId, taken !== undefined && isNew !== true);
  }

  #delete(id: number, taskId: string): void {
    deleteRun(this.#db, id);
    this.listeners.tell(taskId);
  }

  #sweep(now: number): void {
    if (this.settings.retainMs === Number.POSITIVE_INFINITY) return;
    const past = this.#db
      .sql("select id, task_id from runs where ended_at <= ? and (lease_until is null or lease_until <= ?) limit ?")
      .all(now - this.settings.retainMs, now, SWEEP_LIMIT) as { id: number; task_id: string }[];
    for (const { id, task_id: taskId } of past) this.#delete(id, taskId);
  }

  /** Another process cannot tell: whether it has written is looked up while somebody listens, which keeps this one alive. */
  protected watch(isListening: boolean): void {
    systemClock.clearTimeout(this.#timer);
    const watch = {};
    this.#watching = isListening ? watch : undefined;
    if (!isListening) return;
    let seen: string | undefined;
    const look = async (): Promise<void> => {
      const version = await this.#db.read(() => JSON.stringify(this.#db.version())).catch(() => seen);
      if (seen !== undefined && version !== seen) this.listeners.tell(null);
      seen = version;
      if (this.#watching !== watch) return;
      this.#timer = systemClock.setTimeout(() => void look(), WATCH_MS);
    };
    void look();
  }
}

brand(SqliteStore, "SqliteStore");
