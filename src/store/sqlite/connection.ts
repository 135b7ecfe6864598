/**
 * The connection, and the turns in which it writes: what comes in one turn of the event loop, of whatever runs, is one transaction.
 * It never waits in the thread; where somebody else holds the database it tries again later.
 */
import { monotonicOf, systemServices } from "#contract/base/services";
import { afterThisTurn, Turns } from "#contract/base/turns";
import { closed } from "#contract/store/store-errors";
import { type Database, type OpenFile, openFile, type Statement } from "./engine.ts";
import { busy, failure, isBusy, replaced } from "./failures.ts";
import { prepareDatabase } from "./schema.ts";

interface Job {
  /** May be called again, after a rollback. */
  work: () => unknown;
  resolve(value: unknown): void;
  reject(error: unknown): void;
  since: number;
}

// Other processes do not keep simulated time.
const { clock, random } = systemServices;
const LONGEST_PAUSE_MS = 25;

export class Connection {
  readonly #file: string;
  readonly #busyMs: number;
  readonly #turns = new Turns();
  readonly #statements = new Map<string, Statement>();
  #jobs: Job[] = [];
  #isScheduled = false;
  #pauses = 0;
  #opened: OpenFile | undefined;
  #isReady = false;
  #isClosed = false;

  constructor(file: string, busyMs: number) {
    this.#file = file;
    this.#busyMs = busyMs;
  }

  get isOpen(): boolean {
    return !this.#isClosed;
  }

  requireOpen(): void {
    if (this.#isClosed) throw closed("SqliteStore");
  }

  /** Each statement is compiled once. */
  sql(text: string): Statement {
    let statement = this.#statements.get(text);
    if (statement === undefined) {
      statement = this.#open().prepare(text);
      this.#statements.set(text, statement);
    }
    return statement;
  }

  /** Settles when what `work` wrote is on the disk; `work` waits for nothing. */
  write<T>(work: () => T): Promise<T> {
    this.requireOpen();
    return new Promise<T>((resolve, reject) => {
      this.#jobs.push({ work, resolve: resolve as (value: unknown) => void, reject, since: monotonicOf(clock) });
      this.#schedule();
    });
  }

  /** Reads one state of the database. */
  async read<T>(work: () => T): Promise<T> {
    const since = monotonicOf(clock);
    for (let pauses = 1; ; pauses++) {
      this.requireOpen();
      try {
        return this.#transaction("begin", work);
      } catch (error) {
        if (!isBusy(error)) throw failure(this.#file, error);
        if (monotonicOf(clock) - since >= this.#busyMs) throw busy(this.#file, this.#busyMs, error);
      }
      await new Promise<void>((resolve) => clock.setTimeout(resolve, pauseOf(pauses)));
    }
  }

  /** A number that is another one when another connection has written. */
  version(): unknown {
    return this.sql("pragma data_version").get();
  }

  /** Writes what is still to be written. */
  async close(): Promise<void> {
    if (this.#jobs.length > 0) await Promise.allSettled([this.write(() => undefined)]);
    this.#isClosed = true;
    this.#isReady = false;
    this.#statements.clear();
    this.#opened?.database.close();
    this.#opened = undefined;
  }

  #open(): Database {
    this.requireOpen();
    this.#opened ??= openFile(this.#file);
    const { database, path } = this.#opened;
    if (!this.#isReady) prepareDatabase(database, path);
    this.#isReady = true;
    return database;
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    afterThisTurn(() => this.#flush());
  }

  #flush(): void {
    this.#isScheduled = false;
    const jobs = this.#jobs;
    this.#jobs = [];
    const left = this.#isClosed ? this.#refuse(jobs, closed("SqliteStore")) : this.#writeAll(jobs);
    if (left.length === 0) return;
    this.#jobs = [...left, ...this.#jobs];
    this.#schedule();
  }

  #refuse(jobs: readonly Job[], error: unknown): Job[] {
    for (const { reject } of jobs) reject(error);
    return [];
  }

  /** What is left for the next turn. */
  #writeAll(jobs: readonly Job[]): Job[] {
    const done: { job: Job; value: unknown }[] = [];
    let current: Job | undefined;
    try {
      this.#transaction("begin immediate", () => {
        for (const job of jobs) {
          current = job;
          done.push({ job, value: job.work() });
          if (this.#turns.isOver()) break;
        }
        current = undefined;
      });
    } catch (error) {
      return this.#failed(jobs, current, error);
    }
    this.#pauses = 0;
    for (const { job, value } of done) job.resolve(value);
    return jobs.slice(done.length);
  }

  /** Nothing of these was written: the one that failed is told, the others are tried again. */
  #failed(jobs: readonly Job[], culprit: Job | undefined, error: unknown): Job[] {
    if (isBusy(error)) {
      this.#pause(jobs, error);
      return [];
    }
    // What the disk did not take at the end it did not take of any of them.
    if (culprit === undefined) return this.#refuse(jobs, failure(this.#file, error));
    culprit.reject(failure(this.#file, error));
    return jobs.filter((job) => job !== culprit);
  }

  #pause(jobs: readonly Job[], error: unknown): void {
    const now = monotonicOf(clock);
    const waiting = jobs.filter((job) => now - job.since < this.#busyMs);
    this.#refuse(
      jobs.filter((job) => !waiting.includes(job)),
      busy(this.#file, this.#busyMs, error),
    );
    if (waiting.length === 0) return;
    this.#jobs = [...waiting, ...this.#jobs];
    this.#isScheduled = true;
    clock.setTimeout(() => this.#flush(), pauseOf(++this.#pauses));
  }

  /** After the commit, so that nothing is acknowledged that is in no file. @throws AsimovError `store-replaced` */
  #requireFile(): void {
    if (this.#opened?.isGone() === true) throw replaced(this.#opened.path);
  }

  #transaction<T>(begin: "begin" | "begin immediate", work: () => T): T {
    this.#open();
    this.sql(begin).run();
    try {
      const value = work();
      this.sql("commit").run();
      this.#requireFile();
      return value;
    } catch (error) {
      // Some failures have rolled it back already.
      try {
        this.sql("rollback").run();
      } catch {}
      throw error;
    }
  }
}

/** Longer each time, and never the same for two who wait. */
const pauseOf = (pauses: number): number => Math.min(2 ** Math.min(pauses, 5), LONGEST_PAUSE_MS) * (0.5 + random() / 2);
