/** What whoever holds a run asks of it: it waits until the run has begun, and is over with the run. */

interface Run {
  /** Why it does nothing more for whoever asks for that. */
  refusal(what: string): Error;
}

export class Lifetime {
  readonly #over = new Set<() => void>();
  readonly #run: Run;
  #begun: PromiseWithResolvers<void> | undefined;

  /** @param hasBegun one that goes on says so first */
  constructor(run: Run, hasBegun: boolean) {
    this.#run = run;
    if (!hasBegun) this.#begun = Promise.withResolvers();
  }

  begin(): void {
    this.#begun?.resolve();
    this.#begun = undefined;
  }

  /** Rejects where the run is over before the work is. */
  async during<T>(what: string, work: () => Promise<T>): Promise<T> {
    const { promise: over, reject } = Promise.withResolvers<never>();
    const giveUp = (): void => reject(this.#run.refusal(what));
    this.#over.add(giveUp);
    try {
      return await Promise.race([this.#onceBegun(work), over]);
    } finally {
      this.#over.delete(giveUp);
    }
  }

  async #onceBegun<T>(work: () => Promise<T>): Promise<T> {
    if (this.#begun !== undefined) await this.#begun.promise;
    return await work();
  }

  end(): void {
    for (const giveUp of this.#over) giveUp();
  }
}
