/** One run in memory: its row, its generations, its events and its inbox. */
import type { Taken } from "#contract/store/run-checks";
import type { GenerationEntry, MessageOrder, StoredEvent, StoredMessage } from "#contract/store/run-commit";
import type { RunStoreSettings } from "#contract/store/run-options";
import type { StoredRun } from "#contract/store/run-record";
import { unmatched } from "#contract/store/store-errors";
import { closedByEnd, type NewQuestion, type QuestionChanges, type StoredQuestion } from "#contract/store/stored-question";
import { PartVersions } from "./part-versions.ts";

export class HeldRun {
  row: StoredRun;
  readonly generations: GenerationEntry[] = [];
  readonly parts = new PartVersions();
  readonly events: StoredEvent[] = [];
  readonly inbox = new Map<number, StoredMessage>();
  /** Made with the first. */
  questions: Map<string, NewQuestion & Pick<StoredQuestion, "closed">> | undefined;
  /** Of every message that ever came; made with the first. */
  messageIds: Set<string> | undefined;

  constructor(row: StoredRun) {
    this.row = row;
  }

  /** Before anything is written. */
  #requirePending(consumed: readonly number[]): void {
    const wanted = new Set<number>();
    for (const n of consumed) {
      if (!this.inbox.has(n) || wanted.has(n)) throw unmatched(this.row.taskId, n);
      wanted.add(n);
    }
  }

  write(row: StoredRun, { commit, bytes }: Taken, settings: RunStoreSettings): void {
    this.#requirePending(commit.consumed);
    const { generation, info, put, remove, whole, events, consumed } = commit;
    if (whole === true) for (const name of this.parts.names()) if (!put.has(name)) this.parts.remove(name, generation);
    for (const name of remove) this.parts.remove(name, generation);
    for (const [name, content] of put) this.parts.put(name, content, generation);
    this.generations.push({ generation, at: row.updatedAt, info, bytes });
    if (this.generations.length > settings.keep) this.generations.shift();
    this.parts.dropBefore(this.generations[0]?.generation ?? 0);
    for (const n of consumed) this.inbox.delete(n);
    if (commit.questions !== undefined) this.#ask(row, commit.questions);
    this.addEvents(events, settings);
  }

  #ask({ updatedAt: at }: StoredRun, { put, close }: QuestionChanges): void {
    const questions = this.questions ?? new Map();
    this.questions = questions;
    for (const question of put) if (!this.isClosed(question.id)) questions.set(question.id, { ...question, closed: null });
    for (const { id, ...closed } of close) {
      const question = questions.get(id);
      if (question?.closed === null) questions.set(id, { ...question, closed: { ...closed, at } });
    }
  }

  /** Whether there is such a question, and it is closed. */
  isClosed(question: string | undefined): boolean {
    return question !== undefined && (this.questions?.get(question)?.closed ?? null) !== null;
  }

  /** With the end of the run. */
  closeQuestions(run: StoredRun): void {
    for (const [id, question] of this.questions ?? [])
      if (question.closed === null) this.questions?.set(id, { ...question, closed: closedByEnd(run) });
  }

  addEvents(events: readonly StoredEvent[], { keepEvents }: RunStoreSettings): void {
    for (const event of events) this.events.push(event);
    if (this.events.length > keepEvents) this.events.splice(0, this.events.length - keepEvents);
  }

  receive(row: StoredRun, message: MessageOrder): void {
    this.messageIds ??= new Set();
    this.messageIds.add(message.id);
    const { id, mailbox, body, closes } = message;
    if (closes !== undefined) this.#ask(row, { put: [], close: [{ ...closes, message: body }] });
    this.inbox.set(row.inbox.last, { n: row.inbox.last, id, mailbox, body, at: row.updatedAt });
  }
}
