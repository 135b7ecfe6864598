/** One reader of a run's events: what it has not read is bounded, and what it lost is told in its place. */
import { Queue } from "#contract/base/queue";
import type { AgentEvent, RunEventBody } from "#contract/run/events";
import { UnreadEvent } from "#contract/run/unread-event";

/** An event as it is kept. */
export interface KeptEvent {
  readonly seq: number;
  readonly at: number;
  readonly graph: readonly string[];
  readonly body: RunEventBody;
}

type Result = IteratorResult<AgentEvent, undefined>;

const DONE: Result = { done: true, value: undefined };

export function readEvent({ seq, at, graph, body }: KeptEvent, taskId: string): AgentEvent {
  return { seq, at, taskId, ...(body instanceof UnreadEvent ? body.read() : body), graph } as AgentEvent;
}

export class Subscription implements AsyncIterableIterator<AgentEvent, undefined> {
  readonly #taskId: string;
  readonly #from: number;
  readonly #maxBuffered: number;
  readonly #leave: (subscription: Subscription) => void;
  readonly #unread = new Queue<KeptEvent>();
  /** Calls of `next` that came before their event. */
  readonly #waiting = new Queue<(result: Result) => void>();
  /** What was dropped since the last one read: always the oldest, so that it stands before all that is unread. */
  #dropped: { count: number; last: Omit<KeptEvent, "body"> } | undefined;
  #isEnded = false;

  /** @param from the number of the first event that it is given */
  constructor(taskId: string, { from, maxBuffered }: { from: number; maxBuffered: number }, leave: (subscription: Subscription) => void) {
    this.#taskId = taskId;
    this.#from = from;
    this.#maxBuffered = maxBuffered;
    this.#leave = leave;
  }

  push(event: KeptEvent): void {
    if (event.seq < this.#from) return;
    const wake = this.#waiting.shift();
    if (wake !== undefined) return wake({ done: false, value: readEvent(event, this.#taskId) });
    this.#unread.push(event);
    if (this.#unread.size > this.#maxBuffered) this.drop(1, this.#unread.shift() as KeptEvent);
  }

  /** So many events, up to and with this one, are gone. */
  drop(count: number, last: Omit<KeptEvent, "body">): void {
    this.#dropped = { count: (this.#dropped?.count ?? 0) + count, last };
  }

  end(): void {
    this.#isEnded = true;
    for (let wake = this.#waiting.shift(); wake !== undefined; wake = this.#waiting.shift()) wake(DONE);
  }

  next(): Promise<Result> {
    const value = this.#take();
    if (value !== undefined) return Promise.resolve({ done: false, value });
    if (this.#isEnded) return Promise.resolve(DONE);
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  return(): Promise<Result> {
    this.#dropped = undefined;
    while (this.#unread.shift() !== undefined);
    this.end();
    this.#leave(this);
    return Promise.resolve(DONE);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #take(): AgentEvent | undefined {
    if (this.#dropped !== undefined) {
      const { count, last } = this.#dropped;
      this.#dropped = undefined;
      return { seq: last.seq, at: last.at, taskId: this.#taskId, type: "events.dropped", count, graph: [] };
    }
    const event = this.#unread.shift();
    return event === undefined ? undefined : readEvent(event, this.#taskId);
  }
}
