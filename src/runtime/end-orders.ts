/** What may end a run though nobody calls for it: signals that it listens to, and its deadline. */
import { setLongTimeout } from "#contract/base/long-timer";
import type { Clock } from "#contract/base/services";

interface Run {
  /** Its signal was aborted. */
  cancel(reason: unknown): void;
  /** Its deadline has come. */
  expire(deadline: number): void;
}

export class EndOrders {
  readonly #run: Run;
  readonly #clock: Clock;
  #heard: Map<AbortSignal, () => void> | undefined;
  #deadline: number | undefined;
  #disarm: (() => void) | undefined;

  constructor(run: Run, clock: Clock) {
    this.#run = run;
    this.#clock = clock;
  }

  /** Whether it is heard for the first time. */
  listen(signal: AbortSignal): boolean {
    this.#heard ??= new Map();
    if (this.#heard.has(signal)) return false;
    const cancel = (): void => this.#run.cancel(signal.reason);
    this.#heard.set(signal, cancel);
    if (signal.aborted) cancel();
    else signal.addEventListener("abort", cancel, { once: true });
    return true;
  }

  get deadline(): number | undefined {
    return this.#deadline;
  }

  endBy(deadline: number): void {
    this.#deadline = deadline;
  }

  /** From now on its deadline is looked at. */
  arm(): void {
    const deadline = this.#deadline;
    if (deadline === undefined) return;
    const expire = (): void => this.#run.expire(deadline);
    const left = deadline - this.#clock.now();
    if (left > 0) this.#disarm = setLongTimeout(left, expire, this.#clock);
    // Not yet: its actor is about to start.
    else queueMicrotask(expire);
  }

  end(): void {
    this.#disarm?.();
    for (const [signal, cancel] of this.#heard ?? []) signal.removeEventListener("abort", cancel);
  }
}
