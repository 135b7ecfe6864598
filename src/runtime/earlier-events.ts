/** What a run told before what its process remembers: read from its store, a page at a time, when somebody wants it. */
import { Queue } from "#contract/base/queue";
import type { AgentEvent } from "#contract/run/events";
import { eventsDropped } from "#contract/run/events-dropped";
import type { RunStore } from "#contract/store/run-store";
import { readEvents } from "#runs/read-events";

/** A page of stored events from one number on, of those until another one. */
export type ReadEarlier = (from: number, last: number) => ReturnType<typeof readEvents>;

export const earlierOf =
  (store: RunStore, taskId: string): ReadEarlier =>
  (from, last) =>
    readEvents(store, { taskId, lastSeq: last }, from);

export class EarlierEvents {
  readonly #taskId: string;
  readonly #read: ReadEarlier;
  #next: number;
  readonly #last: { readonly seq: number; readonly at: number };
  readonly #page = new Queue<AgentEvent>();

  /** @param last the last of them, with the moment of what follows it */
  constructor(taskId: string, read: ReadEarlier, from: number, last: { seq: number; at: number }) {
    this.#taskId = taskId;
    this.#read = read;
    this.#next = from;
    this.#last = last;
  }

  take(): AgentEvent | undefined {
    return this.#page.shift();
  }

  /** Whether no page is left to read. */
  get isRead(): boolean {
    return this.#next > this.#last.seq;
  }

  /** @throws SnapshotError `snapshot-damaged`, and what the store threw */
  async readOn(): Promise<void> {
    const { events: stored } = await this.#read(this.#next, this.#last.seq);
    const events = stored.filter(({ seq }) => seq <= this.#last.seq);
    const { seq: first, at } = events[0] ?? { seq: this.#last.seq + 1, at: this.#last.at };
    if (first > this.#next) this.#page.push(eventsDropped(this.#taskId, { seq: first - 1, at }, first - this.#next));
    for (const event of events) this.#page.push(event);
    this.#next = (events.at(-1)?.seq ?? this.#last.seq) + 1;
  }
}
