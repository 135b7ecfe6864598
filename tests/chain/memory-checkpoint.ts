/** A place for a chain that survives nothing but JSON text, and remembers every state that was ever kept. */
import type { Checkpoint } from "#contract/chat/call-scope";

export class MemoryCheckpoint implements Checkpoint {
  readonly saves: string[] = [];
  #text: string | undefined;
  onSave: (text: string) => void | Promise<void> = () => {};

  constructor(text?: string) {
    this.#text = text;
  }

  async load(): Promise<unknown> {
    return this.#text === undefined ? undefined : JSON.parse(this.#text);
  }

  async save(state: unknown): Promise<void> {
    const text = JSON.stringify(state);
    await this.onSave(text);
    this.#text = text;
    this.saves.push(text);
  }
}
