/** Time in which whoever waits a while has waited: short timers pass at once, and the clock with them; long ones, which guard, never fire. */
import type { Clock } from "#contract/base/services";

export class HastyClock implements Clock {
  /** Of those that passed, in their order. */
  readonly passed: number[] = [];
  readonly #longest: number;
  #now = Date.parse("2026-11-23T12:00:00Z");

  /** @param longest milliseconds of a timer that passes */
  constructor(longest: number) {
    this.#longest = longest;
  }

  now(): number {
    return this.#now;
  }

  setTimeout(fire: () => void, ms: number): unknown {
    if (ms > this.#longest) return undefined;
    return setImmediate(() => {
      this.#now += ms;
      this.passed.push(ms);
      fire();
    });
  }

  clearTimeout(timer: unknown): void {
    clearImmediate(timer as NodeJS.Immediate | undefined);
  }
}
