/** Work on one name, one after the other, so that the updates of one process never race each other. */

export class Turns {
  readonly #last = new Map<string, Promise<unknown>>();

  async take<T>(name: string, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(name);
    const turn = before === undefined ? work() : before.then(work, (error) => afterFailure(error, work));
    this.#last.set(name, turn);
    try {
      return await turn;
    } finally {
      if (this.#last.get(name) === turn) this.#last.delete(name);
    }
  }
}

/** Of those that wait for a server that does not answer, each ends with the first. */
function afterFailure<T>(error: unknown, work: () => Promise<T>): Promise<T> {
  if ((error as { code?: unknown } | null)?.code === "cache-unavailable") throw error;
  return work();
}
