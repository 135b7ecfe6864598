/** Things by space and name; a space without any is dropped. */
export class Drawers<T> {
  readonly #spaces = new Map<string, Map<string, T>>();

  get(space: string, name: string): T | undefined {
    return this.#spaces.get(space)?.get(name);
  }

  set(space: string, name: string, thing: T): void {
    let things = this.#spaces.get(space);
    if (things === undefined) {
      things = new Map();
      this.#spaces.set(space, things);
    }
    things.set(name, thing);
  }

  delete(space: string, name: string): boolean {
    const things = this.#spaces.get(space);
    if (things?.delete(name) !== true) return false;
    if (things.size === 0) this.#spaces.delete(space);
    return true;
  }

  in(space: string): [string, T][] {
    return [...(this.#spaces.get(space) ?? [])];
  }

  *all(): Generator<[space: string, name: string, thing: T]> {
    for (const [space, things] of this.#spaces) for (const [name, thing] of things) yield [space, name, thing];
  }

  clear(): void {
    this.#spaces.clear();
  }
}
