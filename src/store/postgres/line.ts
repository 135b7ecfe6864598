/** The steps on one run, in their order, and what is known of it: decided one after the other, so that one plan writes what they make of it. */
import { systemServices } from "#contract/base/services";
import type { StoredRun } from "#contract/store/run-record";
import { unmatched } from "#contract/store/store-errors";
import type { Change, Decide, Seen, Wanted } from "#store/stepped-store";
import type { Look, Written } from "./plan.ts";
import { keyOf } from "./texts.ts";

export interface Job {
  wanted: Wanted;
  decide: Decide<unknown>;
  resolve(answer: unknown): void;
  reject(error: unknown): void;
}

/** With what the server said since it came: by that it may be refused. */
type Waiting = Job & { seen?: Known };

type Decided = { job: Waiting; change?: Change | undefined } & ({ answer: unknown } | { error: unknown });

/** The run as the server said it was, or as this store has written it. */
export interface Known {
  revision: string | null;
  run: StoredRun | undefined;
  /** Keys of those that were looked for and are there. */
  messages: ReadonlySet<string>;
  closed: ReadonlySet<string>;
}

export type Reply =
  | { kind: "done" }
  /** The number of the message that is consumed and not there. */
  | { kind: "unmatched"; n: number }
  | { kind: "seen"; known: Known };

const NONE: ReadonlySet<string> = new Set();

export class Line {
  readonly taskId: string;
  readonly key: string;
  #jobs: Waiting[] = [];
  /** What is on its way. */
  #sent: Decided[] = [];
  #next: Written | Look | undefined;
  #made: Known | undefined;
  #known: Known | undefined;

  constructor(taskId: string, key: string) {
    this.taskId = taskId;
    this.key = key;
  }

  /** Whether steps of it are on their way. */
  get isSent(): boolean {
    return this.#sent.length > 0;
  }

  get isIdle(): boolean {
    return this.#jobs.length === 0 && !this.isSent;
  }

  /** Whether whoever steps next on the run is likely to find it as it is known: it has an owner, which may be here. */
  get isWorthKeeping(): boolean {
    return this.#known !== undefined && (this.#known.run?.lease ?? null) !== null;
  }

  push(job: Job): void {
    this.#jobs.push(job);
  }

  /**
   * What is to be written or looked at next; undefined where all steps are decided by what is known. What was sent and not answered is sent
   * once more as it was: where it has taken effect, the server knows it by the revision that it made.
   */
  next(now: number): Written | Look | undefined {
    if (!this.isSent) this.#next = this.#decideNext(now);
    return this.#next;
  }

  #decideNext(now: number): Written | Look | undefined {
    const decided = this.#known === undefined ? [] : this.#decideAll(this.#known, now);
    const changes = decided.flatMap(({ change }) => (change === undefined ? [] : [change]));
    if (changes.length > 0) {
      const made = systemServices.ids();
      const { run: before, revision: since } = this.#known as Known;
      this.#sent = decided;
      this.#jobs.splice(0, decided.length);
      this.#made = { revision: made, run: changes.at(-1)?.run, messages: NONE, closed: NONE };
      return { ...this.#look(), before, since, made, at: now, changes };
    }
    // Nothing is refused by what may be old.
    const old = decided.findIndex(({ job }) => job.seen !== this.#known);
    const refused = old === -1 ? decided : decided.slice(0, old);
    this.#jobs.splice(0, refused.length);
    for (const each of refused) settle(each);
    if (this.#jobs.length === 0) return undefined;
    this.#sent = this.#jobs.splice(0).map((job) => ({ job, answer: undefined }));
    return this.#look();
  }

  /** @returns the changes that were made */
  replied(reply: Reply): Change[] {
    const sent = this.#sent;
    this.#sent = [];
    const again = (jobs: readonly Waiting[]): void => void this.#jobs.unshift(...jobs);
    switch (reply.kind) {
      case "done":
        this.#known = this.#made;
        for (const each of sent) settle(each);
        return sent.flatMap(({ change }) => (change === undefined ? [] : [change]));
      case "unmatched": {
        const isCommit = ({ change }: Decided): boolean => change?.taken !== undefined;
        sent.find(isCommit)?.job.reject(unmatched(this.taskId, reply.n));
        again(sent.filter((each) => !isCommit(each)).map(({ job }) => job));
        return [];
      }
      default:
        this.#known = reply.known;
        again(sent.map(({ job }) => ({ ...job, seen: reply.known })));
        return [];
    }
  }

  /** What was sent is not made, or nobody knows. */
  failed(error: unknown): void {
    this.forget();
    for (const { job } of this.#sent.splice(0)) job.reject(error);
  }

  forget(): void {
    this.#known = undefined;
  }

  #look(): Look {
    const keysOf = (what: keyof Wanted): string[] =>
      this.#sent.flatMap(({ job }) => (job.wanted[what] === undefined ? [] : [keyOf(job.wanted[what])]));
    return { key: this.key, messages: keysOf("message"), questions: keysOf("question") };
  }

  #decideAll(known: Known, now: number): Decided[] {
    const decided: Decided[] = [];
    const [messages, closed] = [new Set(known.messages), new Set(known.closed)];
    let before = known.run;
    for (const job of this.#jobs) {
      const { message, question } = job.wanted;
      if (message !== undefined && job.seen !== known) break;
      const seen: Seen = {
        run: before,
        hasMessage: message !== undefined && messages.has(keyOf(message)),
        isClosed: question !== undefined && closed.has(keyOf(question)),
      };
      const each = decide(job, seen, now);
      const { change } = each;
      // What its generation writes comes before what others write.
      if (change?.taken !== undefined && decided.some((other) => other.change !== undefined)) break;
      decided.push(each);
      if (change === undefined) continue;
      before = change.run;
      if (change.message !== undefined) messages.add(keyOf(change.message.id));
      if (change.message?.closes !== undefined) closed.add(keyOf(change.message.closes.id));
      if (before.status !== "open") break;
    }
    return decided;
  }
}

function decide(job: Waiting, seen: Seen, now: number): Decided {
  try {
    return { job, ...job.decide(seen, now) };
  } catch (error) {
    return { job, error };
  }
}

function settle(each: Decided): void {
  if ("error" in each) each.job.reject(each.error);
  else each.job.resolve(each.answer);
}
