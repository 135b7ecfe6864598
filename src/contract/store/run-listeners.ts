/** Who wants to be told that a run may have changed; told after the step, once for all that it did to a run. */

type Listener = (taskId: string | null) => void;

export class RunListeners {
  readonly #listeners = new Set<{ tell: Listener }>();
  #changed = new Set<string | null>();
  readonly #hold: (listening: boolean) => void;

  /** @param hold called when the first comes and when the last goes */
  constructor(hold: (listening: boolean) => void = () => {}) {
    this.#hold = hold;
  }

  add(tell: Listener): () => void {
    const listener = { tell };
    this.#listeners.add(listener);
    if (this.#listeners.size === 1) this.#hold(true);
    return () => {
      if (this.#listeners.delete(listener) && this.#listeners.size === 0) this.#hold(false);
    };
  }

  tell(taskId: string | null): void {
    if (this.#listeners.size === 0) return;
    if (this.#changed.size === 0) queueMicrotask(() => this.#flush());
    this.#changed.add(taskId);
  }

  clear(): void {
    if (this.#listeners.size > 0) this.#hold(false);
    this.#listeners.clear();
  }

  #flush(): void {
    const changed = this.#changed;
    this.#changed = new Set();
    for (const taskId of changed) for (const listener of [...this.#listeners]) if (this.#listeners.has(listener)) listener.tell(taskId);
  }
}
