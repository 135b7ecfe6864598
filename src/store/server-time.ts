/** The server's clock as it is known here: never ahead of it, since what it last said took time to come. */
import { monotonicOf, systemClock } from "#contract/base/services";

export class ServerTime {
  #told = 0;
  #heardAt = 0;

  /** What the server says it is now. Gives it back. */
  heard(told: number): number {
    this.#told = told;
    this.#heardAt = monotonicOf(systemClock);
    return told;
  }

  /** Milliseconds since 1970; 0 before the server has said anything. */
  now(): number {
    return this.#told === 0 ? 0 : Math.floor(this.#told + monotonicOf(systemClock) - this.#heardAt);
  }
}
