/** What a change writes, as the script `step` takes it. */
import type { RunStoreSettings } from "#contract/store/run-options";
import type { StoredRun } from "#contract/store/run-record";
import { closedByEnd, type QuestionChanges, type QuestionClosed } from "#contract/store/stored-question";
import type { Change } from "#store/stepped-store";
import { bucketOf, type Keys, lists } from "./keys.ts";
import { placesOf, rowText } from "./row.ts";
import { headed, tagged } from "./sealed.ts";

type Blob = string | Buffer;

/** How a question was closed, before what its message said. */
export type ClosedHead = Omit<QuestionClosed, "message"> & { hasMessage?: true };

/** A text, or the number of the argument that holds it. */
type Word = string | number;

interface Plan {
  isNew?: true;
  isGone?: true;
  consumed: readonly string[];
  commit?: {
    generation: number;
    keep: number;
    info: number;
    whole?: true;
    put: [name: string, content: number][];
    remove: readonly string[];
    ask: [id: string, askedAt: string, question: number][];
  };
  close: [id: string, how: number][];
  closeAll?: number;
  /** Of `KEYS` by number. */
  commands: [name: string, key: number, ...words: Word[]][];
  expireMs?: string;
  isKept?: true;
}

/** Before those of a plan: revisions, moment, what is looked for, the plan itself, and what is told to whom. */
const FIRST_BLOB = 9;
/** How many words one command has: Lua hands over no more than some thousand. */
const MOST_WORDS = 500;
/** Ended runs go by themselves, somewhat after they are no longer found. */
const GRACE_MS = 60_000;

export class PlanWriter {
  readonly keys: string[];
  readonly blobs: Blob[] = [];
  readonly #plan: Plan = { consumed: [], close: [], commands: [] };
  readonly #taskId: string;
  readonly #keys: Keys;

  constructor(keys: Keys, taskId: string) {
    this.#keys = keys;
    this.#taskId = taskId;
    this.keys = [...Object.values(keys.ofRun(taskId)), keys.list(bucketOf(taskId), lists.asked)];
  }

  get text(): string {
    return JSON.stringify(this.#plan);
  }

  /** @param before what lies there, which may be past */
  change(before: StoredRun | undefined, { run, isNew, taken, events, message }: Change, settings: RunStoreSettings): this {
    const [plan, isFirst] = [this.#plan, isNew === true || before === undefined];
    if (isFirst) plan.isNew = true;
    this.#place(before, run);
    this.#command("HSET", 1, "row", rowText(run));
    if (isFirst || run.info !== before?.info) this.#command("HSET", 1, "info", this.#blob(tagged(run.info)));
    if (taken !== undefined) {
      const { info, put, remove, whole, generation, consumed, questions } = taken.commit;
      plan.consumed = consumed.map(String);
      plan.commit = {
        generation,
        keep: settings.keep,
        info: this.#blob(headed({ at: run.updatedAt, bytes: taken.bytes }, info)),
        ...(whole === true ? { whole } : {}),
        put: Array.from(put, ([name, content]) => [name, this.#blob(tagged(content))]),
        remove,
        ask: (questions?.put ?? []).map(({ body, ...asked }) => [asked.id, String(asked.askedAt), this.#blob(headed(asked, body))]),
      };
      this.#close(questions?.close ?? [], run.updatedAt);
    }
    const told = [...(taken?.commit.events ?? []), ...(events ?? [])];
    for (let at = 0; at < told.length; at += MOST_WORDS) {
      const page = told.slice(at, at + MOST_WORDS);
      this.#command("RPUSH", 4, ...page.map(({ seq, at: moment, body }) => this.#blob(headed([seq, moment], body))));
    }
    if (told.length > 0) this.#command("LTRIM", 4, String(-settings.keepEvents), "-1");
    if (message !== undefined) {
      const { id, mailbox, body, closes } = message;
      const n = run.inbox.last;
      this.#command("HSET", 5, String(n), this.#blob(headed({ n, id, mailbox, at: run.updatedAt }, body)));
      this.#command("SADD", 6, id);
      if (closes !== undefined) this.#close([{ ...closes, message: body }], run.updatedAt);
    }
    if (run.status !== "open") plan.closeAll = this.#blob(headed(closedByEnd(run), ""));
    if (Number.isFinite(settings.retainMs)) {
      if (run.endedAt !== null && run.lease === null) plan.expireMs = String(settings.retainMs + GRACE_MS);
      else plan.isKept = true;
    }
    return this;
  }

  remove(before: StoredRun): this {
    Object.assign(this.#plan, { isNew: true, isGone: true } satisfies Partial<Plan>);
    this.#place(before, undefined);
    return this;
  }

  /** There is no such run: it stands in these lists no more. */
  leave(names: Iterable<string>): this {
    this.#plan.isGone = true;
    for (const name of names) this.#command("ZREM", this.#list(name), this.#taskId);
    return this;
  }

  #place(before: StoredRun | undefined, after: StoredRun | undefined): void {
    const [from, to] = [before && placesOf(before), after && placesOf(after)];
    for (const name of from?.keys() ?? []) if (to?.has(name) !== true) this.#command("ZREM", this.#list(name), this.#taskId);
    for (const [name, score] of to ?? [])
      if (from?.get(name) !== score) this.#command("ZADD", this.#list(name), String(score), this.#taskId);
  }

  #close(closed: QuestionChanges["close"], at: number): void {
    for (const { id, message, ...how } of closed) {
      const head: ClosedHead = { ...how, at, ...(message === undefined ? {} : { hasMessage: true }) };
      this.#plan.close.push([id, this.#blob(headed(head, message ?? ""))]);
    }
  }

  #command(name: string, key: number, ...words: Word[]): void {
    this.#plan.commands.push([name, key, ...words]);
  }

  #list(name: string): number {
    return this.keys.push(this.#keys.list(bucketOf(this.#taskId), name));
  }

  #blob(content: Blob): number {
    return FIRST_BLOB + this.blobs.push(content) - 1;
  }
}
