/** The questions of one run: asked, escalated, answered or closed; each is kept with what its module has had, so that it is asked once. */
import { setLongTimeout } from "#contract/base/long-timer";
import type { Clock } from "#contract/base/services";
import type { RunEventBody } from "#contract/run/events";
import type { Answer, Question } from "#contract/run/question";
import type { QuestionEnd } from "#contract/store/stored-question";
import type { KeptQuestion, ReplayLog, ReplayPlace } from "#replay/replay-log";

/** Whoever holds the run. */
interface Host {
  readonly clock: Clock;
  readonly log: ReplayLog;
  tell(event: RunEventBody): void;
  /** Told of each question that is open, when it is stored, and of each that somebody else is asked. */
  onQuestion(question: Question): void;
  /** The moment has come after which no answer is taken: unless there is one, it is settled so. */
  expire(question: Question): Promise<void>;
  /** Settles when what the node has now is stored, where its run is. */
  stored(node: string): Promise<void>;
  /** Nothing was woken by it: its run waits on, towards another moment. */
  escalated(): void;
}

interface Open {
  place: ReplayPlace;
  entry: string;
  kept: KeptQuestion;
  /** Of a module that waits for it. */
  waiter: ((answer: Answer) => void) | undefined;
  disarm: () => void;
}

/** What a commit tells its store of questions. */
export interface QuestionChanges {
  put: Question[];
  close: { id: string; why: QuestionEnd; by?: string }[];
}

export class Asking {
  readonly #host: Host;
  readonly #open = new Map<string, Open>();
  #changes: QuestionChanges = { put: [], close: [] };

  constructor(host: Host) {
    this.#host = host;
    for (const [place, entry, text] of host.log.questions()) {
      const kept = JSON.parse(text) as KeptQuestion;
      if (kept.answer === undefined) this.#open.set(kept.question.id, { place, entry, kept, waiter: undefined, disarm: nothing });
    }
  }

  /** A new question; one that was asked before is `wait`ed for alone. @param instead of the one whose answer did not fit */
  ask(place: ReplayPlace, entry: string, kept: KeptQuestion, instead?: string): void {
    const { question } = kept;
    this.#host.log.write(place, entry, JSON.stringify(kept));
    if (instead === undefined) this.#host.tell({ type: "question.opened", question });
    else this.#host.tell({ type: "question.reopened", question, instead });
    this.#open.set(question.id, { place, entry, kept, waiter: undefined, disarm: nothing });
    this.#changes.put.push(question);
  }

  /** Settles with its answer; never where it is closed otherwise, or the signal ends the wait. */
  wait(id: string, signal: AbortSignal): Promise<Answer> {
    const open = this.#open.get(id);
    return new Promise((resolve) => {
      if (open === undefined) return;
      open.waiter = resolve;
      this.#arm(open);
      const leave = (): void => {
        open.waiter = undefined;
        open.disarm();
      };
      signal.addEventListener("abort", leave, { once: true });
    });
  }

  /** What was due while nobody held the run: somebody else is asked, or its deadline has come. Settles when that is done. */
  async catchUp(id: string): Promise<void> {
    const open = this.#open.get(id);
    if (open === undefined) return;
    this.#escalate(open);
    await this.#expireOrArm(open);
  }

  /** It is stored that it is asked. */
  announce(id: string): void {
    const open = this.#open.get(id);
    if (open !== undefined) this.#host.onQuestion(open.kept.question);
  }

  /** When something happens by itself next, of all that are waited for; in milliseconds since 1970. */
  *moments(): Generator<number> {
    for (const { kept, waiter } of this.#open.values()) {
      const next = waiter === undefined ? undefined : nextOf(kept);
      if (next !== undefined) yield next;
    }
  }

  /** Whether there was such a question; what it has is kept for its module. */
  settle(id: string, answer: Answer): boolean {
    const open = this.#open.get(id);
    if (open === undefined) return false;
    const { place, entry, kept, waiter } = open;
    this.#host.log.write(place, entry, JSON.stringify({ ...kept, answer }));
    this.#end(id, answer.why, answer.why === "answered" ? answer.by : undefined);
    waiter?.(answer);
    return true;
  }

  /** The questions that were asked there are nobody's any more. @param at the place of a module, or of a node with all that is in it */
  closeWithin(at: string, why: QuestionEnd): void {
    for (const [id, { place, entry }] of this.#open) {
      if (place !== at && !place.startsWith(`${at}/`)) continue;
      this.#host.log.remove(place, entry);
      this.#end(id, why, undefined);
    }
  }

  /** Where they are asked has another name now: so it is for whoever lists them. */
  restate(): void {
    this.#changes.put.push(...[...this.#open.values()].map(({ kept }) => kept.question));
  }

  /** They are stored, and nobody of this run asks them. */
  closeStored(ids: readonly string[]): void {
    for (const id of ids) if (!this.#open.has(id)) this.#changes.close.push({ id, why: "superseded" });
  }

  takeChanges(): QuestionChanges | undefined {
    const changes = this.#changes;
    if (changes.put.length === 0 && changes.close.length === 0) return undefined;
    this.#changes = { put: [], close: [] };
    return changes;
  }

  /** Nobody waits here any more. */
  stop(): void {
    for (const { disarm } of this.#open.values()) disarm();
  }

  #end(id: string, why: QuestionEnd, by: string | undefined): void {
    this.#open.get(id)?.disarm();
    this.#open.delete(id);
    const said = by === undefined ? {} : { by };
    this.#changes.put = this.#changes.put.filter((question) => question.id !== id);
    this.#changes.close.push({ id, why, ...said });
    this.#host.tell({ type: "question.closed", id, why, ...said });
  }

  /** For what happens next: its deadline, or that somebody else is asked. */
  #arm(open: Open): void {
    open.disarm();
    const { clock } = this.#host;
    const next = nextOf(open.kept);
    if (next === undefined) return;
    open.disarm = setLongTimeout(Math.max(0, next - clock.now()), () => this.#due(open), clock);
  }

  #due(open: Open): void {
    const { id, node } = open.kept.question;
    if (this.#escalate(open)) {
      void this.#host.stored(node).then(() => this.announce(id), nothing);
      this.#host.escalated();
    }
    void this.#expireOrArm(open);
  }

  /** Whether somebody else is asked from now on. */
  #escalate(open: Open): boolean {
    const now = this.#host.clock.now();
    const { question, escalate = [] } = open.kept;
    const last = escalate.findLast(({ at }) => at <= now);
    if (last === undefined || isOver(question, now)) return false;
    const asked: Question = { ...question, to: last.to };
    open.kept = { ...open.kept, question: asked, escalate: escalate.filter(({ at }) => at > now) };
    this.#host.log.write(open.place, open.entry, JSON.stringify(open.kept));
    this.#host.tell({ type: "question.escalated", id: question.id, to: last.to });
    this.#changes.put.push(asked);
    return true;
  }

  async #expireOrArm(open: Open): Promise<void> {
    const { question } = open.kept;
    if (isOver(question, this.#host.clock.now())) await this.#host.expire(question);
    else if (open.waiter !== undefined) this.#arm(open);
  }
}

const nothing = (): void => {};

const isOver = ({ deadline }: Question, now: number): boolean => deadline !== undefined && deadline <= now;

function nextOf({ question, escalate = [] }: KeptQuestion): number | undefined {
  const moments = [...escalate.map(({ at }) => at), ...(question.deadline === undefined ? [] : [question.deadline])];
  return moments.length === 0 ? undefined : Math.min(...moments);
}
