/** The connections of a Postgres store: made and looked over at the first call, which settles in bounded time, as each does. */
import { AnswerLimit, setAnswerTimeout } from "#contract/base/answer-timer";
import { AsimovError } from "#contract/base/errors";
import { monotonicOf, systemServices } from "#contract/base/services";
import { closed } from "#contract/store/store-errors";
import type { Listening } from "#store/told-changes";
import { failure, isInDoubt, isOfSession, isPassing, isRefusal, isUnprepared, missingPackage, stillHeld } from "./failures.ts";
import { Listener } from "./listener.ts";
import type { PostgresClient, PostgresPool, PostgresStoreSettings } from "./options.ts";
import { isPrepared, prepareSchema } from "./schema.ts";
import { queryOf, type Result, type Row, type Run, type Statement, statement } from "./statement.ts";
import { OF_A_RUN } from "./tables.ts";

// Another machine's server keeps no simulated time.
const { clock, random } = systemServices;

/** How long a call may take, with all its tries. */
const CALL_MS = 10_000;
/** How long it is tried again; the rest is for the last try. */
const TRIES_MS = 5_000;
const CONNECT_MS = 4_000;
const LONGEST_PAUSE_MS = 500;

/** A lost client leaves no lock behind for longer than others wait; what is acknowledged is on the disk, whatever the database has set. */
const BEGIN = statement({
  name: "begin",
  gives: "nothing of use",
  sql: `begin isolation level read committed; set local lock_timeout = 4000; set local statement_timeout = 9000;
  set local idle_in_transaction_session_timeout = 9000;
  select set_config('synchronous_commit', 'on', true) where current_setting('synchronous_commit') = 'off'`,
});
const COMMIT = statement({ name: "commit", gives: "nothing", sql: "commit" });
const ROLLBACK = statement({ name: "roll back", gives: "nothing", sql: "rollback" });

const TABLE = new RegExp(`(?<!:):(${["runs", "step_2", ...OF_A_RUN].join("|")})\\b`, "g");
const MOST_TEXTS = 500;
const NO_CONNECTION = `no connection within ${CONNECT_MS} ms, or all of the pool's are in use for longer`;

const noop = (): void => {};

export class Server {
  readonly #settings: PostgresStoreSettings;
  /** For people: without user and password. */
  readonly #place: string;
  readonly #texts = new Map<string, string>();
  /** Without a listener, what a connection meets while nobody asks it anything would end the process: one that is idle, or was just made. */
  readonly #onTrouble = (): void => {};
  readonly #onConnect = (client: PostgresClient): void => {
    client.on("error", noop);
  };
  readonly #pending = new Set<(reason: unknown) => void>();
  #pool: Promise<PostgresPool> | undefined;
  #ready: Promise<void> | undefined;
  #isClosed = false;
  /** As statements name it. */
  readonly schema: string;

  constructor(settings: PostgresStoreSettings) {
    this.#settings = settings;
    this.schema = `"${settings.schema ?? "asimov"}"`;
    const { connectionString } = settings;
    const url = connectionString === undefined ? undefined : new URL(connectionString);
    this.#place = url === undefined ? "the given pool" : `${url.host || (url.searchParams.get("host") ?? "localhost")}${url.pathname}`;
    if (settings.pool !== undefined) this.#watch(settings.pool);
  }

  #watch(pool: PostgresPool): void {
    pool.on("error", this.#onTrouble);
    pool.on("connect", this.#onConnect);
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  requireOpen(): void {
    if (this.#isClosed) throw closed("PostgresStore");
  }

  /** Reads; tried again where the connection was lost. */
  async read(asked: Statement, values: readonly unknown[] = []): Promise<Row[]> {
    return await this.#tried(async (client, limit) => (await this.#send(client, limit, asked, values)).rows);
  }

  /** One statement that writes, and of which a second try does what the first did not; tried again where the connection was lost. */
  async write(asked: Statement, values: readonly unknown[]): Promise<Row[]> {
    let isUnknown = false;
    const send = async (client: PostgresClient, limit: AnswerLimit): Promise<Row[]> => {
      try {
        return (await this.#send(client, limit, asked, values)).rows;
      } catch (error) {
        isUnknown ||= isInDoubt(error);
        throw error;
      }
    };
    return await this.#tried(send, () => isUnknown);
  }

  /** All that `work` did is written, or nothing; `work` may be called again where nothing was. @throws AsimovError `store-…` */
  async transaction<T>(work: (run: Run) => Promise<T>): Promise<T> {
    return await this.#tried((client, limit) => this.#transact(client, limit, work));
  }

  /** Tells what is notified from when this settles until the connection is lost, which is told once. */
  async listen(channel: string, hear: (payload: string) => void, lost: () => void): Promise<Listening> {
    const limit = new AnswerLimit(CALL_MS);
    await this.#prepared(limit);
    const client = await this.#connect(limit);
    const listener = new Listener(channel, systemServices.ids().replaceAll("-", ""), {
      client,
      clock,
      send: (asked, limitMs) => this.#send(client, new AnswerLimit(limitMs), asked, []),
      hear,
      lost,
    });
    try {
      await listener.start(limit.leftMs);
    } catch (error) {
      listener.end();
      throw failure(this.#place, error);
    }
    return listener;
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const fail of [...this.#pending]) fail(closed("PostgresStore"));
    const pool = await this.#pool?.catch(() => undefined);
    const { pool: given } = this.#settings;
    if (given === undefined) await pool?.end();
    given?.removeListener("error", this.#onTrouble);
    given?.removeListener("connect", this.#onConnect);
  }

  /** @param isUnknown whether what was written may have taken effect */
  async #tried<T>(work: (client: PostgresClient, limit: AnswerLimit) => Promise<T>, isUnknown = (): boolean => false): Promise<T> {
    const since = monotonicOf(clock);
    const limit = new AnswerLimit(CALL_MS);
    for (let tries = 1; ; tries++) {
      this.requireOpen();
      try {
        await this.#prepared(limit);
        return await this.#withClient(limit, work);
      } catch (error) {
        this.requireOpen();
        if (isUnprepared(error)) this.#ready = undefined;
        const isOver = monotonicOf(clock) - since > TRIES_MS && !limit.takeRenewed();
        if (isOver || !isPassing(error)) throw failure(this.#place, error, isUnknown());
      }
      await this.pause(tries);
    }
  }

  /** Before the next try. @throws AsimovError `store-closed` */
  async pause(tries: number): Promise<void> {
    const ms = pauseOf(tries);
    await this.#bounded(new Promise<void>((resolve) => clock.setTimeout(resolve, ms)), new AnswerLimit(2 * ms));
  }

  /** What is said of a row that others hold for too long. */
  stillHeld(): AsimovError {
    return stillHeld(this.#place);
  }

  async #transact<T>(client: PostgresClient, limit: AnswerLimit, work: (run: Run) => Promise<T>): Promise<T> {
    await this.#send(client, limit, BEGIN, []);
    const value = await work((asked, values = []) => this.#send(client, limit, asked, values));
    try {
      await this.#send(client, limit, COMMIT, []);
    } catch (error) {
      if (!isInDoubt(error)) throw error;
      this.requireOpen();
      throw failure(this.#place, error, true);
    }
    return value;
  }

  async #withClient<T>(limit: AnswerLimit, work: (client: PostgresClient, limit: AnswerLimit) => Promise<T>): Promise<T> {
    const client = await this.#connect(limit);
    client.on("error", noop);
    const give = (destroy: boolean): void => {
      client.removeListener("error", noop);
      // What it meets while it is closed concerns nobody.
      if (destroy) client.on("error", noop);
      client.release(destroy);
    };
    let value: T;
    try {
      value = await work(client, limit);
    } catch (error) {
      const isThere = await this.#rollback(client, limit, error);
      give(!isThere);
      throw error;
    }
    give(false);
    return value;
  }

  /** @returns whether the connection can be used again */
  async #rollback(client: PostgresClient, limit: AnswerLimit, error: unknown): Promise<boolean> {
    if ((!isRefusal(error) || isOfSession(error)) && !(error instanceof AsimovError)) return false;
    return await this.#send(client, limit, ROLLBACK, []).then(
      () => true,
      () => false,
    );
  }

  async #send(client: PostgresClient, limit: AnswerLimit, { text }: Statement, values: readonly unknown[]): Promise<Result> {
    const answer = await this.#bounded(client.query(queryOf(this.#placed(text), values)), limit);
    // One for each of several statements.
    const { rows, rowCount } = Array.isArray(answer) ? (answer.at(-1) as typeof answer) : answer;
    return { rows: rows as Row[], count: rowCount ?? 0 };
  }

  /** With the tables, which are written as `:runs`, in the schema of the store. */
  #placed(text: string): string {
    let placed = this.#texts.get(text);
    if (placed === undefined) {
      placed = text.replaceAll(TABLE, `${this.schema}.$1`);
      if (this.#texts.size < MOST_TEXTS) this.#texts.set(text, placed);
    }
    return placed;
  }

  async #connect(limit: AnswerLimit): Promise<PostgresClient> {
    this.requireOpen();
    const connecting = (await this.#opened()).connect();
    try {
      return await this.#bounded(connecting, limit, { mostMs: CONNECT_MS, late: NO_CONNECTION });
    } catch (error) {
      connecting.then((client) => client.release(), noop);
      throw error;
    }
  }

  #opened(): Promise<PostgresPool> {
    this.#pool ??= this.#open().catch((error: unknown) => {
      this.#pool = undefined;
      throw error;
    });
    return this.#pool;
  }

  async #open(): Promise<PostgresPool> {
    const { pool: given, connectionString = "" } = this.#settings;
    if (given !== undefined) return given;
    const { default: pg } = await import("pg").catch((cause: unknown) => {
      throw missingPackage(cause);
    });
    const pool = new pg.Pool({
      connectionString,
      fallback_application_name: "asimov-agents",
      keepAlive: true,
      allowExitOnIdle: true,
      max: 10,
    });
    this.#watch(pool as unknown as PostgresPool);
    return pool as unknown as PostgresPool;
  }

  async #prepared(limit: AnswerLimit): Promise<void> {
    this.#ready ??= this.#prepare(limit).catch((error: unknown) => {
      this.#ready = undefined;
      throw error;
    });
    await this.#ready;
    limit.answered();
  }

  async #prepare(limit: AnswerLimit): Promise<void> {
    await this.#withClient(limit, async (client) => {
      const run: Run = (asked, values = []) => this.#send(client, limit, asked, values);
      if (await isPrepared(run, this.schema, this.#place)) return;
      await this.#transact(client, limit, (inside) => prepareSchema(inside, this.schema, this.#place));
    });
  }

  async #bounded<T>(work: Promise<T>, limit: AnswerLimit, { mostMs = CALL_MS, late = "no answer in time" } = {}): Promise<T> {
    const { promise: stopped, reject } = Promise.withResolvers<never>();
    const cancel = setAnswerTimeout(Math.min(limit.leftMs, mostMs), () => reject(new Error(late)));
    const answered = (): void => limit.answered();
    this.#pending.add(reject);
    work.then(answered, answered);
    try {
      return await Promise.race([work, stopped]);
    } finally {
      this.#pending.delete(reject);
      cancel();
    }
  }
}

/** Longer each time, and never the same for two who wait. */
const pauseOf = (tries: number): number => Math.min(10 * 2 ** Math.min(tries, 6), LONGEST_PAUSE_MS) * (0.5 + random() / 2);
