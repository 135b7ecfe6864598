/** Modules in whose time owner after owner was lost: one of them at a time in a process, so that what takes it along is known from what was beside it. */
import { setLongTimeout } from "#contract/base/long-timer";
import type { Clock } from "#contract/base/services";
import { Permits } from "./permits.ts";

interface Alone {
  clock: Clock;
  /** Milliseconds after which others may work beside it: one that polls for another must not wait for it for ever. */
  forMs: number;
}

export class Suspects {
  readonly #places = new Permits(() => 1);

  /**
   * Calls `enter` once no other is there, maybe at once. Returns how to leave, which may be called twice.
   *
   * @param line those of several lines have their turns, as in `Permits`
   */
  enter(line: object, { clock, forMs }: Alone, enter: () => void): () => void {
    let cancel = (): void => {};
    const place = this.#places.acquire(line, () => {
      cancel = setLongTimeout(forMs, leave, clock);
      enter();
    });
    function leave(): void {
      cancel();
      place.release();
    }
    return leave;
  }
}

/** Of all agents of a process, which is lost as a whole. */
export const threadSuspects = new Suspects();
