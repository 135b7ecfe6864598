/** Who wants to be told that a run may have changed; told after the step, once for all that it did to a run. */

type Listener = (taskId: string | null, isCommit: boolean) => void;

export class RunListeners {
  readonly #listeners = new Set<{ tell: Listener }>();
  /** With whether it was by commits alone. */
  #changed = new Map<string | null, boolean>();
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

  tell(taskId: string | null, isCommit = false): void {
    if (this.#listeners.size === 0) return;
    if (this.#changed.size === 0) queueMicrotask(() => this.#flush());
    this.#changed.set(taskId, isCommit && this.#changed.get(taskId) !== false);
  }

  clear(): void {
    if (this.#listeners.size > 0) this.#hold(false);
    this.#listeners.clear();
  }

  #flush(): void {
    const changed = this.#changed;
    this.#changed = new Map();
    for (const [taskId, isCommit] of changed) {
      for (const listener of [...this.#listeners]) if (this.#listeners.has(listener)) listener.tell(taskId, isCommit);
    }
  }
}
