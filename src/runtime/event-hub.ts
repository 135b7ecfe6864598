/** A run's events, numbered and bounded, to whoever iterates over them; they cost a count while nobody does. */
import { Queue } from "#contract/base/queue";
import type { Clock } from "#contract/base/services";
import type { AgentEvent } from "#contract/run/events";
import type { RunEventBody } from "#contract/run/host";

type Result = IteratorResult<AgentEvent, undefined>;

const DONE: Result = { done: true, value: undefined };

class Subscription implements AsyncIterableIterator<AgentEvent, undefined> {
  readonly #maxBuffered: number;
  readonly #leave: (subscription: Subscription) => void;
  readonly #unread = new Queue<AgentEvent>();
  /** Calls of `next` that came before their event. */
  readonly #waiting = new Queue<(result: Result) => void>();
  /** What was dropped since the last one read: always the oldest, so that it stands before all that is unread. */
  #dropped: { count: number; last: AgentEvent } | undefined;
  #isEnded = false;

  constructor(maxBuffered: number, leave: (subscription: Subscription) => void) {
    this.#maxBuffered = maxBuffered;
    this.#leave = leave;
  }

  push(event: AgentEvent): void {
    const wake = this.#waiting.shift();
    if (wake !== undefined) return wake({ done: false, value: event });
    this.#unread.push(event);
    if (this.#unread.size > this.#maxBuffered) {
      this.#dropped = { count: (this.#dropped?.count ?? 0) + 1, last: this.#unread.shift() as AgentEvent };
    }
  }

  end(): void {
    this.#isEnded = true;
    for (let wake = this.#waiting.shift(); wake !== undefined; wake = this.#waiting.shift()) wake(DONE);
  }

  next(): Promise<Result> {
    const value = this.#takeDropped() ?? this.#unread.shift();
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

  #takeDropped(): AgentEvent | undefined {
    if (this.#dropped === undefined) return undefined;
    const { count, last } = this.#dropped;
    this.#dropped = undefined;
    return { seq: last.seq, at: last.at, taskId: last.taskId, type: "events.dropped", count, graph: [] };
  }
}

export class EventHub {
  /** Events so far, heard or not; a restored run goes on from what its snapshot holds. */
  told = 0;
  readonly #taskId: string;
  readonly #clock: Clock;
  readonly #subscriptions = new Set<Subscription>();
  #isEnded = false;

  constructor(taskId: string, clock: Clock) {
    this.#taskId = taskId;
    this.#clock = clock;
  }

  /** @param graph the path of the nested graph that tells it */
  tell(event: RunEventBody, graph: readonly string[]): void {
    this.told += 1;
    if (this.#subscriptions.size === 0) return;
    // A module may go on with what it emitted, which is JSON by now.
    const kept = event.type === "module.emitted" ? { ...event, event: JSON.parse(JSON.stringify(event.event)) } : event;
    const numbered: AgentEvent = { seq: this.told, at: this.#clock.now(), taskId: this.#taskId, ...kept, graph };
    for (const subscription of this.#subscriptions) subscription.push(numbered);
  }

  /** Events from now on. Leaving the loop ends the subscription. */
  subscribe(maxBuffered: number): AsyncIterable<AgentEvent> {
    const subscription = new Subscription(maxBuffered, (left) => this.#subscriptions.delete(left));
    if (this.#isEnded) subscription.end();
    else this.#subscriptions.add(subscription);
    return subscription;
  }

  end(): void {
    this.#isEnded = true;
    for (const subscription of this.#subscriptions) subscription.end();
    this.#subscriptions.clear();
  }
}
