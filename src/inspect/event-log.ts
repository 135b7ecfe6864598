/** The latest inspection events for a viewer that comes late: bounded, yet every actor it keeps is whole. */

/** The part of an event that the log reads. */
export interface LoggedEvent {
  type: string;
  sessionId: string;
  snapshot?: unknown;
}

const MAX_EVENTS = 1_000;
const MAX_ACTORS = 500;

/**
 * An event that grows too old is folded into its actor: the actor stays known with the snapshot it had then.
 * The first actor, the root, is kept for good; of the others the oldest goes first.
 */
export class EventLog<T extends LoggedEvent> {
  readonly #actors = new Map<string, T>();
  #events: T[] = [];

  push(event: T): void {
    this.#events.push(event);
    // Folding half of them at once costs one copy for each 1,000 events, not one for each.
    if (this.#events.length < MAX_EVENTS * 2) return;
    for (const old of this.#events.splice(0, MAX_EVENTS)) this.#fold(old);
  }

  #fold(event: T): void {
    if (event.type === "@xstate.actor") {
      this.#actors.set(event.sessionId, event);
      if (this.#actors.size > MAX_ACTORS) {
        const [, oldest] = this.#actors.keys();
        if (oldest !== undefined) this.#actors.delete(oldest);
      }
    } else if (event.type === "@xstate.snapshot") {
      const actor = this.#actors.get(event.sessionId);
      if (actor !== undefined) this.#actors.set(event.sessionId, { ...actor, snapshot: event.snapshot });
    }
  }

  /** Actors that are older than the kept events, then those events in order. */
  all(): T[] {
    return [...this.#actors.values(), ...this.#events];
  }

  clear(): void {
    this.#actors.clear();
    this.#events = [];
  }
}
