/** Steps in groups: what comes in one turn of the event loop, of whatever runs, is one statement, and so one transaction. */
import { afterThisTurn } from "#contract/base/turns";
import type { RunStoreSettings } from "#contract/store/run-options";
import { ServerTime } from "#store/server-time";
import type { Change, Decide, Wanted } from "#store/stepped-store";
import { isLocked } from "./failures.ts";
import { HeldRows } from "./held-rows.ts";
import { Line, type Reply } from "./line.ts";
import { Plan } from "./plan.ts";
import { runOfJson } from "./run-rows.ts";
import type { Server } from "./server.ts";
import { type Row, statement } from "./statement.ts";
import { keyOf, plainKey } from "./texts.ts";

export interface GroupsOptions {
  settings: RunStoreSettings;
  /** After the transaction. */
  told(changes: readonly Change[]): void;
}

const STEP = statement({
  name: "step on runs",
  gives: "of each what became of it, as the function says",
  sql: "select * from :step_2($1, $2)",
});

/** One is on its way while the next is made. */
const MOST_AT_ONCE = 2;
const MOST_LINES = 500;
/** More is written by another statement. */
const MOST_BYTES = 32 * 1024 * 1024;
/** How many runs are remembered as they were written, so that the next write of their owner need not look at them. */
const MOST_KNOWN = 10_000;
/** As many have waited for a lock, one after the other: it is not their rows that are locked, but a table. */
const MOST_LOCKED = 2;

export class Groups {
  readonly #server: Server;
  readonly #options: GroupsOptions;
  readonly #time = new ServerTime();
  /** By task, last used last. */
  readonly #lines = new Map<string, Line>();
  readonly #waiting = new Set<Line>();
  readonly #held: HeldRows;
  #isScheduled = false;
  #running = 0;

  constructor(server: Server, options: GroupsOptions) {
    this.#server = server;
    this.#options = options;
    this.#held = new HeldRows(server, (line) => {
      if (line.isSent) this.#waiting.add(line);
      else this.#leave(line);
      this.#start();
    });
  }

  step<T>(taskId: string, wanted: Wanted, decide: Decide<T>): Promise<T> {
    this.#server.requireOpen();
    return new Promise<T>((resolve, reject) => {
      const line = this.#lines.get(taskId) ?? new Line(taskId, keyOf(taskId));
      this.#lines.delete(taskId);
      this.#lines.set(taskId, line);
      line.push({ wanted, decide, resolve: resolve as (answer: unknown) => void, reject });
      // Else it follows what is on its way.
      if (line.isSent) return;
      this.#waiting.add(line);
      this.#schedule();
    });
  }

  /** Of a run that is removed. */
  forget(taskId: string): void {
    this.#lines.get(taskId)?.forget();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    afterThisTurn(() => {
      this.#isScheduled = false;
      this.#start();
    });
  }

  #start(): void {
    while (this.#waiting.size > 0 && this.#running < MOST_AT_ONCE) {
      const [plan, sent] = this.#take(this.#waiting);
      if (sent.length === 0) continue;
      this.#running++;
      void this.#send(plan, sent).finally(() => {
        this.#running--;
        this.#start();
      });
    }
  }

  #take(waiting: Set<Line>): [plan: Plan, sent: Line[]] {
    const plan = new Plan(this.#options.settings);
    const sent: Line[] = [];
    for (const line of waiting) {
      if (sent.length === MOST_LINES || plan.bytes > MOST_BYTES) break;
      waiting.delete(line);
      const next = line.next(this.#time.now());
      if (next === undefined) this.#leave(line);
      else {
        plan.add(next);
        sent.push(line);
      }
    }
    return [plan, sent];
  }

  async #send(plan: Plan, sent: readonly Line[]): Promise<void> {
    const error = await this.#write(plan, sent);
    if (error !== undefined) {
      // What one of them met is not the others' fault.
      const isOfOne = isLocked(error) || (error as { retryable?: boolean }).retryable !== true;
      if (isOfOne && sent.length > 1) await this.#sendEach(sent);
      else for (const line of sent) this.#failed(line, error);
    }
    for (const line of sent) this.#leave(line);
  }

  /** @returns what it met */
  async #write(plan: Plan, sent: readonly Line[]): Promise<unknown> {
    try {
      const rows = await this.#server.write(STEP, plan.values);
      this.#replied(new Map(rows.map((row) => [plainKey(row.key as string), row])), sent);
      return undefined;
    } catch (error) {
      return error;
    }
  }

  async #sendEach(lines: readonly Line[]): Promise<void> {
    const locked: unknown[] = [];
    for (const line of lines) {
      const error = locked.length < MOST_LOCKED ? await this.#write(...this.#take(new Set([line]))) : locked[0];
      if (error === undefined) continue;
      this.#failed(line, error);
      if (isLocked(error)) locked.push(error);
    }
  }

  #failed(line: Line, error: unknown): void {
    this.#held.delete(line);
    line.failed(error);
  }

  #replied(rows: ReadonlyMap<string, Row>, lines: readonly Line[]): void {
    const changes: Change[] = [];
    for (const line of lines) {
      const row = rows.get(line.key) as Row;
      this.#time.heard(row.at as number);
      if (row.kind === "busy") {
        void this.#held.add(line);
        continue;
      }
      this.#held.delete(line);
      try {
        changes.push(...line.replied(replyOf(row)));
      } catch (error) {
        line.failed(error);
      }
    }
    if (changes.length > 0) this.#options.told(changes);
  }

  /** It is not on its way any more. */
  #leave(line: Line): void {
    if (line.isSent) return;
    if (!line.isIdle) this.#waiting.add(line);
    else if (!line.isWorthKeeping) this.#lines.delete(line.taskId);
    if (this.#lines.size <= MOST_KNOWN) return;
    for (const [taskId, other] of this.#lines) {
      if (!other.isIdle) continue;
      this.#lines.delete(taskId);
      break;
    }
  }
}

const keysOf = (json: unknown): Set<string> => new Set(json === null ? [] : (JSON.parse(json as string) as string[]).map(plainKey));

/** @throws SnapshotError `snapshot-damaged` */
function replyOf(row: Row): Reply {
  switch (row.kind) {
    case "done":
      return { kind: "done" };
    case "unmatched":
      return { kind: "unmatched", n: row.n as number };
    default: {
      const { run, revision } = row.run === null ? { run: undefined, revision: null } : runOfJson(row.run as string);
      return { kind: "seen", known: { run, revision, messages: keysOf(row.messages), closed: keysOf(row.closed) } };
    }
  }
}
