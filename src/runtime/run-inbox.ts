/** Messages from outside: each is in the run's mailbox, and out of its store's inbox with the commit that says so. */
import { type ChildEnding, isEnding } from "#contract/run/child-end";
import { ANSWERS, type Answer, questionOfAnswer } from "#contract/run/question";
import type { StoredMessage } from "#contract/store/run-commit";
import type { RunStore } from "#contract/store/run-store";
import { messagesMissing, requireBetween } from "#contract/store/seal";
import { readMessage } from "#runs/read-message";
import type { ValuesPlace } from "./values-place.ts";

interface Receiver {
  readonly taskId: string;
  readonly place: ValuesPlace;
  /** A question has its answer, or will have none. */
  answered(question: string, answer: Answer): void;
  /** A run that a module waits for is about to end. */
  ending(ending: ChildEnding): void;
  /** The message is in the run's values. */
  received(n: number): void;
  unread(what: string, error: unknown): void;
}

export class RunInbox {
  readonly #run: Receiver;
  readonly #store: RunStore;
  /** The newest message that is known of. */
  #posted = 0;
  /** What came up to that number is taken up. */
  #taken = 0;
  /** How many waited when the run was taken up, until they are looked for. */
  #pending: number;
  /** It was told that messages cannot be read. */
  #isDeaf = false;
  #taking: Promise<void> | undefined;

  constructor(run: Receiver, store: RunStore, pending: number) {
    this.#run = run;
    this.#store = store;
    this.#pending = pending;
  }

  /** Messages may have come. */
  posted(last: number): void {
    this.#posted = Math.max(this.#posted, last);
    if (this.#posted > this.#taken) this.#taking ??= this.#takeAll();
  }

  /** What came up to that number has been taken up: whoever lets go of the run has missed what came after. */
  get taken(): number {
    return this.#taken;
  }

  /** Settles when what had come is taken. */
  get idle(): Promise<void> {
    return this.#taking ?? Promise.resolve();
  }

  /** What comes meanwhile, too. */
  async #takeAll(): Promise<void> {
    do await this.#take();
    while (this.#posted > this.#taken && !this.#isDeaf);
    this.#taking = undefined;
  }

  async #take(): Promise<void> {
    const { taskId } = this.#run;
    const posted = this.#posted;
    try {
      const messages = await this.#store.inbox(taskId, this.#taken);
      this.#requirePending(messages);
      // Read behind them: it counts them all.
      const last = (await this.#store.read(taskId))?.inbox.last ?? 0;
      for (const message of messages) await this.#receive(message, last);
      this.#taken = Math.max(this.#taken, posted);
      this.#isDeaf = false;
    } catch (error) {
      // Looked for again when the store is heard of the next time, and told once until then.
      if (!this.#isDeaf) this.#run.unread("Messages to the run could not be read", error);
      this.#isDeaf = true;
    }
  }

  /** None of those that waited when the run was taken up is missing. */
  #requirePending(messages: readonly StoredMessage[]): void {
    const pending = this.#pending;
    this.#pending = 0;
    if (messages.length >= pending) return;
    this.#run.unread("Messages to the run could not be read", messagesMissing(this.#run.taskId, pending, messages.length));
  }

  /** One that is damaged stays where it is, and those behind it are taken. */
  async #receive(stored: StoredMessage, last: number): Promise<void> {
    const { n, id, mailbox } = stored;
    const { taskId, place } = this.#run;
    let message: unknown;
    try {
      requireBetween(taskId, n, { above: this.#taken, last });
      message = readMessage(this.#store, taskId, stored);
    } catch (error) {
      this.#taken = Math.max(this.#taken, n || 0);
      return this.#run.unread("A message to the run could not be taken", error);
    }
    if (mailbox === ANSWERS && isEnding(id)) this.#run.ending(message as ChildEnding);
    else if (mailbox === ANSWERS) this.#run.answered(questionOfAnswer(id), message as Answer);
    else {
      const values = place.open();
      await values.cache.publishToMailbox(mailbox, message);
      // With no turn between them: a commit holds both, or neither.
      values.settle();
    }
    this.#taken = n;
    this.#run.received(n);
  }
}
