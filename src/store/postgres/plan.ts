/** What the steps on some runs look at and write, as the function `step` of the schema takes it. */
import type { RunStoreSettings } from "#contract/store/run-options";
import type { StoredRun } from "#contract/store/run-record";
import { closedByEnd, type NewQuestion, type QuestionClosed } from "#contract/store/stored-question";
import type { Change } from "#store/stepped-store";
import { allOf, changingOf } from "./columns.ts";
import { Pieces } from "./sealed.ts";
import { escaped, keyOf, labelKey } from "./texts.ts";

/** Old generations and events go when this many have come, in one sweep for all of them. */
const SWEEP_EACH = 32;

/** What is to be known of a run. */
export interface Look {
  key: string;
  /** Keys. */
  messages: readonly string[];
  questions: readonly string[];
}

/** What steps on one run, one after the other, make of it; at most one of them is a commit. */
export interface Written extends Look {
  /** What lies there, which may be past. */
  before: StoredRun | undefined;
  /** The revision of that. */
  since: string | null;
  /** The revision that is made. */
  made: string;
  /** The moment for which it was decided. */
  at: number;
  changes: readonly Change[];
}

type Row = Record<string, unknown>;

export class Plan {
  readonly #settings: RunStoreSettings;
  readonly #lists: Record<string, Row[]> = {};
  readonly #texts = new Pieces();
  /** About as many as are written. */
  bytes = 0;

  constructor(settings: RunStoreSettings) {
    this.#settings = settings;
  }

  /** The arguments of `step`. */
  get values(): [plan: string, texts: Buffer] {
    return [JSON.stringify(this.#lists), this.#texts.value];
  }

  add(next: Look | Written): void {
    this.#look(next);
    if ("made" in next) this.#write(next);
    else this.#add("steps", { key: next.key });
  }

  #look({ key, messages, questions }: Look): void {
    for (const message of messages) this.#add("looks", { run: key, message });
    for (const question of questions) this.#add("looks", { run: key, question });
  }

  #write({ key, before, since, made, at, changes }: Written): void {
    this.#add("steps", { key, made, since, at });
    const last = changes.at(-1)?.run as StoredRun;
    const isNew = changes.some((change) => change.isNew === true);
    if (!isNew)
      this.#add("updates", { key, made, ...changingOf(last), info: before?.info === last.info ? null : this.#texts.add(last.info) });
    else {
      if (before !== undefined) this.#add("gone", { run: key });
      this.#add("inserts", { ...allOf(last), made, info: this.#texts.add(last.info) });
      for (const [name, value] of Object.entries(last.labels)) this.#add("labels", { run: key, label: labelKey(name, value) });
    }
    let earlier = isNew ? undefined : before;
    const closed = new Set<string>();
    const close = (id: string, { message, ...end }: QuestionClosed): void => {
      // What closes it first counts.
      if (closed.has(id)) return;
      closed.add(id);
      const said = message === undefined ? null : this.#texts.add(message);
      this.#add("closed", { run: key, key: keyOf(id), closed: JSON.stringify(end), message: said });
    };
    for (const { run, taken, events = [], message } of changes) {
      if (taken !== undefined) this.#commit(key, run, taken, close);
      if (earlier?.status === "open" && run.status !== "open") this.#add("ended", { run: key, closed: JSON.stringify(closedByEnd(run)) });
      for (const { seq, at: moment, body } of events) this.#add("events", { run: key, seq, at: moment, body: this.#texts.add(body) });
      if (message !== undefined) this.#arrive(key, run, message, close);
      earlier = run;
      this.bytes += taken?.bytes ?? 0;
    }
  }

  #commit(
    run: string,
    { agent, updatedAt: at, lastSeq }: StoredRun,
    { commit, bytes }: NonNullable<Change["taken"]>,
    close: (id: string, end: QuestionClosed) => void,
  ): void {
    const { generation, info, put, remove, whole, events, consumed, questions } = commit;
    this.#add("commits", { run, generation, at, bytes, info: this.#texts.add(info) });
    if (whole === true && generation > 1) this.#add("whole", { run, generation });
    for (const [name, content] of put)
      this.#add("parts", { run, generation, key: keyOf(name), name: escaped(name), content: this.#texts.add(content) });
    for (const name of new Set(remove)) this.#add("parts", { run, generation, key: keyOf(name), name: escaped(name) });
    for (const { seq, at: moment, body } of events) this.#add("events", { run, seq, at: moment, body: this.#texts.add(body) });
    for (const n of consumed) this.#add("consumed", { run, n });
    this.#ask(run, keyOf(agent), questions?.put ?? []);
    for (const { id, ...end } of questions?.close ?? []) close(id, { ...end, at });
    if (generation % SWEEP_EACH !== 0) return;
    const { keep, keepEvents } = this.#settings;
    this.#add("kept", { run, generation: generation - keep + 1, seq: lastSeq - keepEvents });
  }

  #arrive(
    run: string,
    { inbox, updatedAt: at }: StoredRun,
    { id, mailbox, body, closes }: NonNullable<Change["message"]>,
    close: (id: string, end: QuestionClosed) => void,
  ): void {
    const row = { run, n: inbox.last, key: keyOf(id), id: escaped(id), mailbox: escaped(mailbox), at, body: this.#texts.add(body) };
    this.#add("messages", row);
    if (closes === undefined) return;
    const { id: question, ...end } = closes;
    close(question, { ...end, at, message: body });
  }

  /** Of two of one id, the last says what is asked, the first when. */
  #ask(run: string, agentKey: string, put: readonly NewQuestion[]): void {
    const asked = new Map<string, NewQuestion>();
    for (const question of put) asked.set(question.id, { ...question, askedAt: asked.get(question.id)?.askedAt ?? question.askedAt });
    for (const { id, askedAt, deadline, to, body } of asked.values()) {
      const [addressee, addresseeKey] = to === null ? [null, null] : [escaped(to), keyOf(to)];
      const row = { run, key: keyOf(id), id: escaped(id), asked_at: askedAt, deadline, addressee, addressee_key: addresseeKey };
      this.#add("asked", { ...row, agent_key: agentKey, body: this.#texts.add(body) });
    }
  }

  #add(list: string, row: Row): void {
    const rows = this.#lists[list];
    if (rows === undefined) this.#lists[list] = [row];
    else rows.push(row);
  }
}
