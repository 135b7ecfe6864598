/**
 * Late means nothing: once an attempt has ended, well, badly or given up, whatever its module still does through its context is refused or
 * dropped. Writes, messages, saves and calls of models ask here; events are dropped; results are never looked at (`ModuleJob`).
 */
import { AsimovError } from "#contract/base/errors";
import { afterThisTurn } from "#contract/base/turns";

/** A promise that ends no process where nobody listens: a module may leave behind whatever it began. Whoever listens gets its rejection. */
export function unheard<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}

export class AttemptGate {
  #isOpen = true;
  #controller: AbortController | undefined;

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Aborted when the attempt ends; made when somebody asks. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (!this.#isOpen) this.#controller.abort(this.#error("waiting"));
    }
    return this.#controller.signal;
  }

  /** @throws AsimovError `attempt-ended` */
  pass(what: string): void {
    if (!this.#isOpen) throw this.#error(what);
  }

  /** Does the work of a caller that is in time; rejects otherwise, in a turn of its own: whoever asks again and again does not hold the thread. */
  through<T>(what: string, work: () => Promise<T>): Promise<T> {
    if (this.#isOpen) return unheard(work());
    return unheard(new Promise((_, reject) => afterThisTurn(() => reject(this.#error(what)))));
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#controller?.abort(this.#error("waiting"));
  }

  /** The next visit of a generator, which keeps what it was given at its first. */
  reopen(): void {
    this.#isOpen = true;
    this.#controller = undefined;
  }

  #error(what: string): AsimovError {
    return new AsimovError(
      `Refused: ${what}. The attempt that asks for it has ended; a module must have done all it does when it gives its result.`,
      { code: "attempt-ended" },
    );
  }
}
