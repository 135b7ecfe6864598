/** Who works in a turn of a chain and who waits: one that waits leaves its place to others, and where all wait, so does the turn. */

interface Host {
  /** What the turn has reached is kept from then on. */
  keep(): Promise<void> | undefined;
  rest(): () => Promise<void>;
}

export class TurnPlaces {
  /** Ids of those that have begun, by key. */
  readonly begun = new Map<string, string>();
  /** Of those that have begun, the ones that only wait, each as often as it does. */
  readonly #waiting = new Map<string, number>();
  /** Those that have waited, and go on when there is room. */
  readonly #queue: { key: string; go: () => void }[] = [];
  #wake: (() => Promise<void>) | undefined;
  #awake: Promise<void> = Promise.resolve();

  get working(): number {
    return this.begun.size - this.#waiting.size;
  }

  waits(key: string): void {
    this.#waiting.set(key, (this.#waiting.get(key) ?? 0) + 1);
  }

  /** Settles when there is room for it, which `admit` says, and the rest of the turn is over. */
  async goOn(key: string): Promise<void> {
    await new Promise<void>((go) => this.#queue.push({ key, go }));
    await this.#awake;
  }

  /** The one that waits longest for room. */
  admit(): boolean {
    const next = this.#queue.shift();
    if (next === undefined) return false;
    this.works(next.key);
    this.wake();
    next.go();
    return true;
  }

  /** It works, unless it waits for something else, too. */
  works(key: string): void {
    const left = (this.#waiting.get(key) ?? 0) - 1;
    if (left > 0) this.#waiting.set(key, left);
    else this.#waiting.delete(key);
  }

  /** Whether it had begun, and not ended. */
  end(key: string): boolean {
    this.#waiting.delete(key);
    return this.begun.delete(key);
  }

  /** Where all that have begun wait, from when that is kept: so that what has ended is not done again. */
  rest(host: Host): void {
    if (this.begun.size === 0 || this.working > 0 || this.#wake !== undefined) return;
    let end: (() => Promise<void>) | undefined;
    let isOver = false;
    const begin = (): void => {
      if (!isOver) end = host.rest();
    };
    const kept = host.keep();
    // Where it cannot be kept the turn fails, which whoever asked for that hears.
    if (kept === undefined) begin();
    else kept.then(begin, () => {});
    this.#wake = async () => {
      isOver = true;
      await end?.();
    };
  }

  wake(): void {
    if (this.#wake === undefined) return;
    this.#awake = this.#wake();
    this.#wake = undefined;
  }

  /** The turn is over: nobody waits for room in it. */
  letGo(): void {
    while (this.admit());
    this.wake();
  }
}
