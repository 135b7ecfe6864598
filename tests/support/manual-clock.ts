/** Time that passes only when a test says so. */
import type { Clock } from "#contract/base/services";

/** All that was resolved has been told by then. */
export const turned = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export class ManualClock implements Clock {
  readonly #timers = new Set<{ at: number; fire: () => void }>();
  #now: number;

  constructor(now = Date.parse("2026-11-23T12:00:00Z")) {
    this.#now = now;
  }

  /** Timers that are set and did not fire. */
  get armed(): number {
    return this.#timers.size;
  }

  now(): number {
    return this.#now;
  }

  setTimeout(fire: () => void, ms: number): object {
    const timer = { at: this.#now + ms, fire };
    this.#timers.add(timer);
    return timer;
  }

  clearTimeout(timer: unknown): void {
    this.#timers.delete(timer as { at: number; fire: () => void });
  }

  /** Timers fire in order, each at its own moment; what they resolve is told before the next. */
  async pass(ms: number): Promise<void> {
    await turned();
    const end = this.#now + ms;
    for (;;) {
      const [next] = [...this.#timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
      if (next === undefined) break;
      this.#timers.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.fire();
      await turned();
    }
    this.#now = end;
    await turned();
  }
}
