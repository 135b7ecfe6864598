/** What a group of steps writes, at most one step a run: collected, then written by few statements, each for all of them. */
import type { StoredEvent } from "#contract/store/run-commit";
import type { RunStoreSettings } from "#contract/store/run-options";
import type { StoredRun } from "#contract/store/run-record";
import type { NewQuestion, QuestionClosed } from "#contract/store/stored-question";
import type { Change } from "#store/stepped-store";
import { deleteRuns } from "./deleted.ts";
import {
  type Arrived,
  type Generation,
  type Kept,
  type Of,
  type Part,
  sweep,
  takeMessages,
  writeEvents,
  writeGenerations,
  writeMessages,
  writeParts,
} from "./history.ts";
import { type Closing, closeAll, writeAsked, writeClosed } from "./questions.ts";
import { insertLabels, insertRuns, updateRuns } from "./run-rows.ts";
import type { Run } from "./statement.ts";
import { keyOf } from "./texts.ts";

/** Old generations and events go when this many have come, in one sweep for all of them. */
const SWEEP_EACH = 32;

export class Plan {
  readonly #settings: RunStoreSettings;
  readonly #gone: string[] = [];
  readonly #inserts: StoredRun[] = [];
  readonly #updates: { before: StoredRun; run: StoredRun }[] = [];
  readonly #generations: Of<Generation>[] = [];
  readonly #whole: Of<{ generation: number }>[] = [];
  readonly #parts: Of<Part>[] = [];
  readonly #events: Of<StoredEvent>[] = [];
  readonly #messages: Of<Arrived>[] = [];
  readonly #consumed: Of<{ n: number }>[] = [];
  readonly #asked: Of<NewQuestion>[] = [];
  readonly #closed: Closing[] = [];
  readonly #ended: StoredRun[] = [];
  readonly #kept: Of<Kept>[] = [];
  /** About as many as are written. */
  bytes = 0;

  constructor(settings: RunStoreSettings) {
    this.#settings = settings;
  }

  add(before: StoredRun | undefined, { run, isNew, taken, events = [], message }: Change): void {
    const key = keyOf(run.taskId);
    const isFirst = isNew === true || before === undefined;
    if (!isFirst) this.#updates.push({ before, run });
    else {
      if (before !== undefined) this.#gone.push(key);
      this.#inserts.push(run);
    }
    if (taken !== undefined) this.#commit(key, run, taken);
    if (!isFirst && before.status === "open" && run.status !== "open") this.#ended.push(run);
    for (const event of events) this.#events.push({ run: key, ...event });
    if (message !== undefined) this.#arrive(key, run, message);
    this.bytes += taken?.bytes ?? 0;
  }

  #commit(run: string, { updatedAt: at, lastSeq }: StoredRun, { commit, bytes }: NonNullable<Change["taken"]>): void {
    const { generation, info, put, remove, whole, events, consumed, questions } = commit;
    this.#generations.push({ run, generation, at, bytes, info });
    if (whole === true && generation > 1) this.#whole.push({ run, generation });
    for (const [name, content] of put) this.#parts.push({ run, generation, name, content });
    for (const name of new Set(remove)) this.#parts.push({ run, generation, name, content: undefined });
    for (const event of events) this.#events.push({ run, ...event });
    for (const n of consumed) this.#consumed.push({ run, n });
    this.#ask(run, questions?.put ?? []);
    for (const { id, ...end } of questions?.close ?? []) this.#close(run, id, { ...end, at });
    if (generation % SWEEP_EACH !== 0) return;
    const { keep, keepEvents } = this.#settings;
    this.#kept.push({ run, generation: generation - keep + 1, seq: lastSeq - keepEvents });
  }

  #arrive(run: string, { inbox, updatedAt: at }: StoredRun, { id, mailbox, body, closes }: NonNullable<Change["message"]>): void {
    this.#messages.push({ run, n: inbox.last, id, mailbox, body, at });
    if (closes === undefined) return;
    const { id: question, ...end } = closes;
    this.#close(run, question, { ...end, at, message: body });
  }

  /** Of two of one id, the last says what is asked, the first when. */
  #ask(run: string, put: readonly NewQuestion[]): void {
    const asked = new Map<string, Of<NewQuestion>>();
    for (const question of put) asked.set(question.id, { ...question, run, askedAt: asked.get(question.id)?.askedAt ?? question.askedAt });
    this.#asked.push(...asked.values());
  }

  /** What closes it first counts. */
  #close(run: string, id: string, end: QuestionClosed): void {
    if (!this.#closed.some((other) => other.run === run && other.id === id)) this.#closed.push({ run, id, end });
  }

  /** @returns false where somebody else made one of the new runs meanwhile: then nothing of it may stay */
  async write(run: Run): Promise<boolean> {
    if (this.#gone.length > 0) await deleteRuns(run, this.#gone);
    if (!(await insertRuns(run, this.#inserts))) return false;
    await insertLabels(run, this.#inserts);
    await updateRuns(run, this.#updates);
    await writeGenerations(run, this.#generations);
    await writeParts(run, this.#whole, this.#parts);
    await writeEvents(run, this.#events);
    await writeMessages(run, this.#messages);
    await takeMessages(run, this.#consumed);
    await writeAsked(run, this.#asked);
    await writeClosed(run, this.#closed);
    await closeAll(run, this.#ended);
    await sweep(run, this.#kept);
    return true;
  }
}
