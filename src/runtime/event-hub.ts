/** A run's events, to whoever iterates over them; costs nothing while nobody does. */
import type { AgentEvent } from "#contract/run/events";

class Subscription implements AsyncIterableIterator<AgentEvent> {
  /** The oldest last: taking the first of a long list would move all others. */
  #next: AgentEvent[] = [];
  #later: AgentEvent[] = [];
  readonly #leave: (subscription: Subscription) => void;
  #wake: ((result: IteratorResult<AgentEvent>) => void) | undefined;
  #isEnded = false;

  constructor(leave: (subscription: Subscription) => void) {
    this.#leave = leave;
  }

  push(event: AgentEvent): void {
    const wake = this.#wake;
    this.#wake = undefined;
    if (wake !== undefined) wake({ done: false, value: event });
    else this.#later.push(event);
  }

  end(): void {
    this.#isEnded = true;
    this.#wake?.({ done: true, value: undefined });
    this.#wake = undefined;
  }

  next(): Promise<IteratorResult<AgentEvent>> {
    if (this.#next.length === 0) {
      this.#next = this.#later.reverse();
      this.#later = [];
    }
    const value = this.#next.pop();
    if (value !== undefined) return Promise.resolve({ done: false, value });
    if (this.#isEnded) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  return(): Promise<IteratorResult<AgentEvent>> {
    this.#next = [];
    this.#later = [];
    this.end();
    this.#leave(this);
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

export class EventHub {
  readonly #subscriptions = new Set<Subscription>();
  #isEnded = false;

  get isHeard(): boolean {
    return this.#subscriptions.size > 0;
  }

  tell(event: AgentEvent): void {
    // A module may go on with what it emitted, which is JSON by now.
    const told = event.type === "module.emitted" ? { ...event, event: JSON.parse(JSON.stringify(event.event)) } : event;
    for (const subscription of this.#subscriptions) subscription.push(told);
  }

  /** Events from now on. Leaving the loop ends the subscription. */
  subscribe(): AsyncIterable<AgentEvent> {
    const subscription = new Subscription((left) => this.#subscriptions.delete(left));
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
