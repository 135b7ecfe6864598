/** A run's events, to whoever iterates over them; costs nothing while nobody does. */
import { copyJson } from "#contract/base/json";
import type { AgentEvent } from "#contract/run/events";

class Subscription implements AsyncIterableIterator<AgentEvent> {
  readonly #queue: AgentEvent[] = [];
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
    else this.#queue.push(event);
  }

  end(): void {
    this.#isEnded = true;
    this.#wake?.({ done: true, value: undefined });
    this.#wake = undefined;
  }

  next(): Promise<IteratorResult<AgentEvent>> {
    const value = this.#queue.shift();
    if (value !== undefined) return Promise.resolve({ done: false, value });
    if (this.#isEnded) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  return(): Promise<IteratorResult<AgentEvent>> {
    this.#queue.length = 0;
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
    // Here, where somebody listens, since a module may go on with what it emitted.
    const told = event.type === "module.emitted" ? { ...event, event: copyJson(event.event, "event") } : event;
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
