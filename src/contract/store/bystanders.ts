/** Who hears what is said of a run beside what is stored of it: in this process, by the store that they have in common. */

type Listener = (text: string) => void;

export class Bystanders {
  readonly #listeners = new Map<string, Set<{ hear: Listener }>>();

  add(taskId: string, hear: Listener): () => void {
    const listener = { hear };
    const ofRun = this.#listeners.get(taskId) ?? new Set();
    this.#listeners.set(taskId, ofRun.add(listener));
    return () => {
      if (ofRun.delete(listener) && ofRun.size === 0) this.#listeners.delete(taskId);
    };
  }

  tell(taskId: string, text: string): void {
    for (const { hear } of [...(this.#listeners.get(taskId) ?? [])]) hear(text);
  }
}
