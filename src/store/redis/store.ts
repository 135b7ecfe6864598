/** Runs in Redis, for any number of processes and machines. */
import { brand } from "#contract/base/brand";
import { systemServices } from "#contract/base/services";
import { requireCount } from "#contract/store/run-checks";
import type * as port from "#contract/store/run-commit";
import { settingsOf } from "#contract/store/run-options";
import { compareRuns } from "#contract/store/run-order";
import type { StoredRun } from "#contract/store/run-record";
import { isOwned } from "#contract/store/run-status";
import { unmatched } from "#contract/store/store-errors";
import type { QuestionQuery, StoredQuestion } from "#contract/store/stored-question";
import { ServerTime } from "#store/server-time";
import { SharedStore } from "#store/shared-store";
import type { Change, Decide, Seen, Wanted } from "#store/stepped-store";
import { ToldChanges } from "#store/told-changes";
import { type Argument, Connection } from "./connection.ts";
import { findRuns } from "./find.ts";
import { History } from "./history.ts";
import { Keys, lists } from "./keys.ts";
import { parseRedisStoreOptions, type RedisStoreOptions } from "./options.ts";
import { PlanWriter } from "./plan.ts";
import { Questions } from "./questions.ts";
import { runOf } from "./row.ts";
import { readRun } from "./rows.ts";
import { say, step } from "./scripts.ts";
import { type Entry, Walk } from "./walk.ts";

/** A run as it was when this store last wrote it. */
interface Known {
  rev: Argument;
  run: StoredRun;
}

type Reply = [kind: Buffer, now: Buffer, ...rest: Buffer[]];

const SWEEP_EACH = 100;
const SWEEP_LIMIT = 100;
/** How many runs are remembered as they were written, so that the next write of their owner need not read them. */
const MOST_KNOWN = 10_000;

/**
 * A run store in a Redis server or cluster, version 6.2 or later, through the package `ioredis`, which is loaded at the first call. Leases
 * and moments are judged by the server's clock. What is acknowledged is as durable as the server makes it: with `appendonly yes` and
 * `appendfsync always` it outlives a crash of the server, with `everysec` all but the last second or two.
 *
 * @throws AsimovError `invalid-options`; at the first use `missing-package`, `store-format` (another version of Redis, or of what is stored),
 *   `store-evicts` (`maxmemory-policy`), and from every call `store-unavailable` (retryable, within about 5 seconds), `store-full`,
 *   `store-read-only`, `store-refused` or `store-closed`
 * @example
 * const store = new RedisStore({ url: "redis://localhost:6379", prefix: "reports:" });
 * const found = await store.find({ limit: 10 });
 * await store.close();
 */
export class RedisStore extends SharedStore {
  readonly #keys: Keys;
  readonly #connection: Connection;
  readonly #history: History;
  readonly #questions: Questions;
  readonly #time = new ServerTime();
  readonly #changes: ToldChanges;
  readonly #known = new Map<string, Known>();
  readonly #id = systemServices.ids();
  #revisions = 0;
  #creations = 0;

  constructor(options: RedisStoreOptions = {}) {
    const parsed = parseRedisStoreOptions(options);
    super(settingsOf(parsed));
    this.#keys = new Keys(parsed.prefix ?? "asimov:");
    this.#connection = new Connection(parsed, this.#keys);
    this.#history = new History(this.#connection, this.#keys, this.settings.keep);
    this.#changes = new ToldChanges(
      this.#connection,
      this.#id,
      (taskId, isCommit) => this.listeners.tell(taskId, isCommit),
      (taskId, text) => this.heard(taskId, text),
    );
    this.#questions = new Questions(this.#connection, this.#keys, (run) => !this.isPast(run, this.#time.now()));
  }

  protected async step<T>(taskId: string, wanted: Wanted, decide: Decide<T>): Promise<T> {
    let [rev, seen, isFresh] = ["?" as Argument, undefined as Seen | undefined, false];
    const known = wanted.message === undefined ? this.#known.get(taskId) : undefined;
    if (known !== undefined) [rev, seen] = [known.rev, { run: known.run, hasMessage: false, isClosed: false }];
    for (;;) {
      const now = this.#time.now();
      const decided = seen === undefined ? undefined : decide(seen, now);
      // What was remembered refuses nothing: it may be old.
      if (decided !== undefined && decided.change === undefined && isFresh) return decided.answer;
      const { change } = decided ?? {};
      const plan = new PlanWriter(this.#keys, taskId);
      if (change !== undefined) plan.change(seen?.run, change, this.settings);
      const made = `${this.#id}.${++this.#revisions}`;
      const isCommit = change?.taken !== undefined && change.isNew !== true;
      const [kind, ...rest] = await this.#write(taskId, plan, { rev: change === undefined ? "?" : rev, made, now, wanted, isCommit });
      if (kind === "done" && decided?.change !== undefined) {
        this.#remember(taskId, made, decided.change);
        this.listeners.tell(taskId, isCommit);
        if (isNewRun(decided.change)) void this.#sweepNow();
        return decided.answer;
      }
      if (kind === "unmatched") throw unmatched(taskId, Number(rest[0]));
      const [revision, row, info, hasMessage, isClosed] = rest as [Buffer, Buffer | null, Buffer | null, Buffer, Buffer];
      // Byte for byte: it may be no text any more.
      rev = revision;
      seen = {
        run: isNobody(revision, row, info) ? undefined : runOf(taskId, row, info),
        hasMessage: String(hasMessage) === "1",
        isClosed: String(isClosed) === "1",
      };
      isFresh = true;
    }
  }

  async read(taskId: string): Promise<StoredRun | undefined> {
    const run = await readRun(this.#connection, this.#keys, taskId);
    return run === undefined || (this.#mayBePast(run) && this.isPast(run, await this.now())) ? undefined : run;
  }

  async load(taskId: string, generation?: number): Promise<port.StoredGeneration | undefined> {
    if (!(await this.#isThere(taskId))) return undefined;
    return await this.#history.load(taskId, generation);
  }

  async generations(taskId: string, { before = Number.MAX_SAFE_INTEGER, limit }: { before?: number; limit: number }) {
    requireCount(limit, "limit", 1);
    const run = await this.read(taskId);
    return run === undefined ? [] : await this.#history.generations(run, before, limit);
  }

  async inbox(taskId: string, after: number): Promise<port.StoredMessage[]> {
    if (!(await this.#isThere(taskId))) return [];
    return await this.#history.messages(taskId, after);
  }

  async events(taskId: string, { from, limit }: { from: number; limit: number }): Promise<port.StoredEvent[]> {
    requireCount(limit, "limit", 1);
    const run = await this.read(taskId);
    if (run === undefined) return [];
    const first = Math.max(from, run.lastSeq - this.settings.keepEvents + 1);
    return await this.#history.events(taskId, first, limit);
  }

  async questions(query: QuestionQuery): Promise<StoredQuestion[]> {
    this.#connection.requireOpen();
    requireCount(query.limit, "limit", 1);
    await this.now();
    return await this.#questions.list(query);
  }

  async find(query: port.FindQuery): Promise<StoredRun[]> {
    this.#connection.requireOpen();
    requireCount(query.limit, "limit", 1);
    const now = await this.now();
    const { runs, missing } = await findRuns(this.#connection, this.#keys, query, now, (run) => this.isPast(run, now));
    for (const entry of missing) void this.#leave(entry);
    return runs;
  }

  async remove(taskId: string): Promise<boolean> {
    return await this.#removeIf(taskId, (run, now) => !this.isPast(run, now));
  }

  async prune({ endedBefore = Number.POSITIVE_INFINITY, keep = 0 }: port.PruneQuery): Promise<number> {
    const walk = new Walk(this.#connection, this.#keys, {
      lists: [lists.ended],
      isDown: true,
      page: SWEEP_LIMIT,
      compare: (a, b) => b.score - a.score,
    });
    const ended: StoredRun[] = [];
    for (let page = await walk.next(SWEEP_LIMIT); page.length > 0; page = await walk.next(SWEEP_LIMIT)) {
      const runs = await Promise.all(page.map(({ id }) => readRun(this.#connection, this.#keys, id)));
      ended.push(...runs.filter((run) => run !== undefined && run.endedAt !== null).map((run) => run as StoredRun));
    }
    ended.sort((a, b) => (b.endedAt ?? 0) - (a.endedAt ?? 0) || compareRuns(a, b));
    const isGoing = (run: StoredRun, now: number): boolean => run.endedAt !== null && run.endedAt < endedBefore && !isOwned(run, now);
    const gone = await Promise.all(ended.slice(keep).map(({ taskId }) => this.#removeIf(taskId, isGoing)));
    return gone.filter(Boolean).length;
  }

  async now(): Promise<number> {
    const [seconds, micros] = (await this.#connection.call("time")) as [Buffer, Buffer];
    return this.#time.heard(Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000));
  }

  async close(): Promise<void> {
    this.listeners.clear();
    this.#known.clear();
    await this.#connection.close();
  }

  protected requireOpen(): void {
    this.#connection.requireOpen();
  }

  protected watch(isListening: boolean): void {
    this.#changes.listen(isListening);
  }

  protected sayToOthers(taskId: string, text: string): void {
    if (this.#connection.isClosed) return;
    const said = [this.#keys.changes, this.#changes.saidOf(taskId, text)];
    this.#connection.run(say, [this.#keys.ofRun(taskId).run], said).catch(() => {});
  }

  async #write(
    taskId: string,
    plan: PlanWriter,
    { rev, made, now, wanted, isCommit }: { rev: Argument; made: string; now: number; wanted: Wanted; isCommit: boolean },
  ): Promise<[kind: string, ...rest: Buffer[]]> {
    const told = [this.#keys.changes, this.#changes.textOf(taskId, isCommit)];
    const args = [rev, made, now, wanted.message ?? "", wanted.question ?? "", plan.text, ...told, ...plan.blobs];
    const [kind, at, ...rest] = (await this.#connection.run(step, plan.keys, args)) as Reply;
    this.#time.heard(Number(at));
    return [String(kind), ...rest];
  }

  /** Only then is the time asked for. */
  #mayBePast(run: StoredRun): boolean {
    return run.endedAt !== null && this.settings.retainMs !== Number.POSITIVE_INFINITY;
  }

  /** Where ended runs stay, it need not be looked up: of one that is not there nothing is found. */
  async #isThere(taskId: string): Promise<boolean> {
    return this.settings.retainMs === Number.POSITIVE_INFINITY || (await this.read(taskId)) !== undefined;
  }

  #remember(taskId: string, rev: string, { run }: Change): void {
    this.#known.delete(taskId);
    if (run.lease === null) return;
    this.#known.set(taskId, { rev, run });
    const [oldest] = this.#known.size > MOST_KNOWN ? this.#known.keys() : [];
    if (oldest !== undefined) this.#known.delete(oldest);
  }

  /** Whether there was such a run, and it went. */
  async #removeIf(taskId: string, isGoing: (run: StoredRun, now: number) => boolean): Promise<boolean> {
    this.#known.delete(taskId);
    for (;;) {
      const seen = await this.#write(taskId, new PlanWriter(this.#keys, taskId), {
        rev: "?",
        made: "?",
        now: 0,
        wanted: {},
        isCommit: false,
      });
      const [, revision, row, info] = seen as [string, Buffer, Buffer | null, Buffer | null];
      if (isNobody(revision, row, info)) return false;
      const run = runOf(taskId, row, info);
      const now = this.#time.now();
      if (!isGoing(run, now)) return false;
      const order = { rev: revision, made: `${this.#id}.${++this.#revisions}`, now, wanted: {}, isCommit: false };
      const [kind] = await this.#write(taskId, new PlanWriter(this.#keys, taskId).remove(run), order);
      if (kind !== "done") continue;
      this.listeners.tell(taskId);
      return true;
    }
  }

  /** What stands in a list though there is no such run: it was kept no longer. */
  async #leave({ id, list }: Entry): Promise<void> {
    const names = new Set([list, lists.all, lists.due, lists.leases, lists.ended, lists.untold]);
    for (const status of ["open", "COMPLETE", "FAILED", "PARTIAL", "CANCELLED"]) names.add(lists.ofStatus(status));
    const order = { rev: "", made: `${this.#id}.${++this.#revisions}`, now: this.#time.now(), wanted: {}, isCommit: false };
    await this.#write(id, new PlanWriter(this.#keys, id).leave(names), order).catch(() => {});
  }

  async #sweepNow(): Promise<void> {
    if (this.settings.retainMs === Number.POSITIVE_INFINITY || ++this.#creations % SWEEP_EACH !== 0) return;
    try {
      const now = await this.now();
      const most = now - this.settings.retainMs;
      const walk = new Walk(this.#connection, this.#keys, {
        lists: [lists.ended],
        most,
        page: SWEEP_LIMIT,
        compare: (a, b) => a.score - b.score,
      });
      for (const entry of await walk.next(SWEEP_LIMIT)) {
        if (!(await this.#removeIf(entry.id, (run, at) => this.isPast(run, at)))) await this.#leave(entry);
      }
    } catch {
      // The next one that is created sweeps again.
    }
  }
}

/** Whether no part of a run is there. */
const isNobody = (revision: Buffer, row: Buffer | null, info: Buffer | null): boolean =>
  revision.length === 0 && row === null && info === null;

const isNewRun = ({ isNew }: Change): boolean => isNew === true;

brand(RedisStore, "RedisStore");
