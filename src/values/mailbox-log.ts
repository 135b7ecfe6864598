/** The messages of one mailbox that are there, or will be again if who took them never settles. */
import { Queue } from "#contract/base/queue";

export interface Message {
  /** The whole name. */
  readonly mailbox: string;
  /** Of all messages of the run: counts up. */
  readonly position: number;
  readonly text: string;
  /** Who has published it and not settled. */
  publisher: object | undefined;
  /** Taken for good. */
  isGone: boolean;
  /** Whether a commit holds it. */
  isStored: boolean;
}

export const isThere = ({ publisher, isGone }: Message): boolean => publisher === undefined && !isGone;

export class MailboxLog {
  /** Those that nobody took: what lies in the mailbox itself, in its order. */
  readonly #waiting = new Queue<Message>();
  readonly #kept = new Set<Message>();

  get size(): number {
    return this.#kept.size;
  }

  push(message: Message): void {
    this.#kept.add(message);
    this.#waiting.push(message);
  }

  /** The oldest, which has just been taken. */
  take(): Message | undefined {
    return this.#waiting.shift();
  }

  drop(message: Message): void {
    this.#kept.delete(message);
  }

  /** By the settled changes alone, oldest first. */
  *settled(): Generator<Message> {
    for (const message of this.#kept) if (isThere(message)) yield message;
  }
}
