/** A store's hints, each to the run that it is of: one subscription serves all runs that a process keeps in a store. */
import { requireAnswer } from "#contract/store/run-answers";
import type { RunStore } from "#contract/store/run-store";

type Heard = () => void;

class Hints {
  readonly #store: RunStore;
  readonly #heard = new Map<string, Set<Heard>>();
  #unsubscribe: (() => void) | undefined;

  constructor(store: RunStore) {
    this.#store = store;
  }

  add(taskId: string, heard: Heard): () => void {
    this.#unsubscribe ??= requireAnswer(
      "subscribe",
      this.#store.subscribe((changed, isCommit) => {
        // An owner knows of its own commits, and another one has claimed the run before.
        if (isCommit !== true) this.#tell(changed);
      }),
    );
    const ofRun = this.#heard.get(taskId) ?? new Set();
    this.#heard.set(taskId, ofRun.add(heard));
    return () => this.#remove(taskId, heard);
  }

  #tell(changed: string | null): void {
    const all = changed === null ? [...this.#heard.values()].flatMap((ofRun) => [...ofRun]) : (this.#heard.get(changed) ?? []);
    for (const heard of [...all]) heard();
  }

  #remove(taskId: string, heard: Heard): void {
    const ofRun = this.#heard.get(taskId);
    ofRun?.delete(heard);
    if (ofRun?.size === 0) this.#heard.delete(taskId);
    if (this.#heard.size > 0) return;
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
  }
}

const hints = new WeakMap<RunStore, Hints>();

/** Calls back when somebody but the run's owner may have changed it. Returns the end of it. */
export function onHint(store: RunStore, taskId: string, heard: () => void): () => void {
  const ofStore = hints.get(store) ?? new Hints(store);
  hints.set(store, ofStore);
  return ofStore.add(taskId, heard);
}
