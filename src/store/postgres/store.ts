/** Runs in a PostgreSQL database, for any number of processes and machines. */
import { brand } from "#contract/base/brand";
import { systemServices } from "#contract/base/services";
import { requireCount } from "#contract/store/run-checks";
import type * as port from "#contract/store/run-commit";
import { settingsOf } from "#contract/store/run-options";
import type { StoredRun } from "#contract/store/run-record";
import type { QuestionQuery, StoredQuestion } from "#contract/store/stored-question";
import { SharedStore } from "#store/shared-store";
import type { Change, Decide, Wanted } from "#store/stepped-store";
import { type Changed, Changes } from "./changes.ts";
import { deleteEnded, deleteRuns } from "./deleted.ts";
import { findRuns } from "./find.ts";
import { Groups } from "./groups.ts";
import { listEvents, listGenerations, listMessages, loadGeneration } from "./load.ts";
import { type PostgresStoreOptions, parsePostgresStoreOptions } from "./options.ts";
import { questionOf, questionsStatement } from "./questions.ts";
import { lockRuns, runOf } from "./run-rows.ts";
import { Server } from "./server.ts";
import { NOW, type Statement, statement } from "./statement.ts";
import { keyOf } from "./texts.ts";

const SWEEP_EACH = 100;
const SWEEP_LIMIT = 100;

const MOMENT = statement({ name: "ask for the time", gives: "the moment of the server", sql: `select ${NOW} as now` });

const isNewRun = ({ isNew }: Change): boolean => isNew === true;
const changedOf = ({ run, isNew, taken }: Change): Changed => ({ taskId: run.taskId, isCommit: taken !== undefined && isNew !== true });

/**
 * A run store in a PostgreSQL database, version 13 or later, through the package `pg`, which is loaded at the first call. Leases and moments
 * are judged by the server's clock. What comes in one turn of the event loop, of whatever runs, is one transaction. The tables are made at
 * the first use, in a schema of their own.
 *
 * @throws AsimovError `invalid-options`; at the first use `missing-package` or `store-format` (another version of PostgreSQL, or of what is
 *   stored), and from every call `store-unavailable` (retryable, within about 10 seconds), `store-full`, `store-read-only`, `store-refused`,
 *   `store-damaged` or `store-closed`
 * @example
 * const store = new PostgresStore({ connectionString: "postgres://localhost/agents", schema: "reports" });
 * const found = await store.find({ limit: 10 });
 * await store.close();
 */
export class PostgresStore extends SharedStore {
  readonly #server: Server;
  readonly #groups: Groups;
  readonly #changes: Changes;
  /** Which runs have not ended longer ago than ended runs are kept, as SQL. */
  readonly #kept: string;
  readonly #row: Statement;
  #creations = 0;

  constructor(options: PostgresStoreOptions) {
    const parsed = parsePostgresStoreOptions(options);
    super(settingsOf(parsed));
    const { retainMs } = this.settings;
    this.#kept = Number.isFinite(retainMs)
      ? `(runs.ended_at is null or runs.ended_at > ${NOW} - ${retainMs} or runs.lease_until > ${NOW})`
      : "true";
    this.#row = statement({
      name: "read a run",
      gives: "its row, where it is kept",
      sql: `select * from :runs as runs where key = $1 and ${this.#kept}`,
    });
    this.#server = new Server(parsed);
    this.#changes = new Changes(
      this.#server,
      systemServices.ids(),
      (taskId, isCommit) => this.listeners.tell(taskId, isCommit),
      (taskId, text) => this.heard(taskId, text),
    );
    this.#groups = new Groups(this.#server, { settings: this.settings, told: (changes) => this.#told(changes) });
  }

  protected async step<T>(taskId: string, wanted: Wanted, decide: Decide<T>): Promise<T> {
    return await this.#groups.step(taskId, wanted, decide);
  }

  async read(taskId: string): Promise<StoredRun | undefined> {
    const [row] = await this.#server.read(this.#row, [keyOf(taskId)]);
    return row === undefined ? undefined : runOf(row);
  }

  async load(taskId: string, generation?: number): Promise<port.StoredGeneration | undefined> {
    return await loadGeneration(this.#server, taskId, this.#kept, this.settings.keep, generation);
  }

  async generations(taskId: string, { before = Number.MAX_SAFE_INTEGER, limit }: { before?: number; limit: number }) {
    this.#requireLimit(limit);
    return await listGenerations(this.#server, { taskId, kept: this.#kept, limit }, before, this.settings.keep);
  }

  async inbox(taskId: string, after: number): Promise<port.StoredMessage[]> {
    return await listMessages(this.#server, { taskId, kept: this.#kept }, after);
  }

  async events(taskId: string, { from, limit }: { from: number; limit: number }): Promise<port.StoredEvent[]> {
    this.#requireLimit(limit);
    return await listEvents(this.#server, { taskId, kept: this.#kept, limit }, from, this.settings.keepEvents);
  }

  async questions(query: QuestionQuery): Promise<StoredQuestion[]> {
    this.#requireLimit(query.limit);
    return (await this.#server.read(...questionsStatement(query, this.#kept))).map(questionOf);
  }

  async find(query: port.FindQuery): Promise<StoredRun[]> {
    this.#requireLimit(query.limit);
    return await findRuns(this.#server, query, this.#kept);
  }

  async remove(taskId: string): Promise<boolean> {
    const key = keyOf(taskId);
    const was = await this.#server.transaction(async (run) => {
      const { now, runs } = await lockRuns(run, [key]);
      const found = runs.get(key);
      if (found === undefined) return "missing";
      await deleteRuns(run, [key]);
      return this.isPast(found, now) ? "past" : "there";
    });
    if (was !== "missing") this.#gone([taskId]);
    return was === "there";
  }

  async prune({ endedBefore = Number.MAX_SAFE_INTEGER, keep = 0 }: port.PruneQuery): Promise<number> {
    await this.#sweep();
    let removed = 0;
    for (;;) {
      const gone = await this.#deleteEnded(endedBefore, keep);
      removed += gone;
      if (gone === 0) return removed;
    }
  }

  async now(): Promise<number> {
    const [row] = await this.#server.read(MOMENT);
    return row?.now as number;
  }

  async close(): Promise<void> {
    this.listeners.clear();
    await this.#changes.flush();
    await this.#server.close();
  }

  protected requireOpen(): void {
    this.#server.requireOpen();
  }

  protected watch(isListening: boolean): void {
    this.#changes.listen(isListening);
  }

  protected sayToOthers(taskId: string, text: string): void {
    if (!this.#server.isClosed) this.#changes.say(taskId, text);
  }

  #requireLimit(limit: number): void {
    this.#server.requireOpen();
    requireCount(limit, "limit", 1);
  }

  #told(changes: readonly Change[]): void {
    const told = changes.map(changedOf);
    this.#changes.notify(told);
    for (const { taskId, isCommit } of told) this.listeners.tell(taskId, isCommit);
    for (const change of changes) if (isNewRun(change) && ++this.#creations % SWEEP_EACH === 0) void this.#sweep().catch(() => {});
  }

  async #sweep(): Promise<void> {
    const { retainMs } = this.settings;
    if (Number.isFinite(retainMs)) await this.#deleteEnded((await this.now()) - retainMs + 1, 0);
  }

  async #deleteEnded(before: number, keep: number): Promise<number> {
    const gone = await this.#server.transaction((run) => deleteEnded(run, { before, keep, limit: SWEEP_LIMIT }));
    this.#gone(gone);
    return gone.length;
  }

  #gone(taskIds: readonly string[]): void {
    this.#changes.notify(taskIds.map((taskId) => ({ taskId, isCommit: false })));
    for (const taskId of taskIds) {
      this.#groups.forget(taskId);
      this.listeners.tell(taskId);
    }
  }
}

brand(PostgresStore, "PostgresStore");
