/** A counting semaphore that is shared fairly between lines, and lets the event loop turn; its limit is read whenever somebody wants in. */
import { type Turns, threadTurns } from "#contract/base/turns";

/** The right of one holder to work; it waits in its line until there is room. */
export class Permit {
  readonly #permits: Permits;
  readonly #line: object;
  /** What to call once it is held; present while it waits. */
  #enter: ((permit: Permit) => void) | undefined;
  /** What `resume` gives while it waits, to whoever asks meanwhile too, and what settles it. */
  #resuming: { promise: Promise<void>; settle: () => void } | undefined;
  #isReleased = false;

  /** @internal by `Permits.acquire` */
  constructor(permits: Permits, line: object, enter: (permit: Permit) => void) {
    this.#permits = permits;
    this.#line = line;
    this.#enter = enter;
  }

  /** @internal */
  enter(): void {
    const enter = this.#enter as (permit: Permit) => void;
    this.#enter = undefined;
    enter(this);
  }

  /** Gives it back while its holder waits for something; others work meanwhile. */
  pause(): void {
    if (this.#isReleased || this.#enter !== undefined) return;
    this.#enter = () => {};
    this.#permits.free();
  }

  /** Settles when it is held again, or was released meanwhile. */
  resume(): Promise<void> {
    if (this.#isReleased) return Promise.resolve();
    if (this.#resuming !== undefined) return this.#resuming.promise;
    const { promise, resolve } = Promise.withResolvers<void>();
    const settle = (): void => {
      this.#resuming = undefined;
      resolve();
    };
    this.#resuming = { promise, settle };
    // Many may be woken at once, and each may hold the thread for long.
    this.#enter = () => this.#permits.turns.inLine(settle);
    this.#permits.enqueue(this.#line, this);
    return promise;
  }

  /** Gives it back for good, or leaves the line. May be called twice. */
  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    const waiting = this.#enter;
    this.#enter = undefined;
    if (waiting === undefined) this.#permits.free();
    else this.#permits.leave(this.#line, this);
    this.#resuming?.settle();
  }
}

export class Permits {
  readonly #limit: () => number;
  readonly turns: Turns;
  /** Lines with somebody in them; the first is served next, then goes to the end. */
  readonly #lines = new Map<object, Set<Permit>>();
  #used = 0;
  #isYielding = false;

  constructor(limit: () => number, turns: Turns = threadTurns) {
    this.#limit = limit;
    this.turns = turns;
  }

  /**
   * Calls `enter` once there is room, maybe at once; whoever entered releases the permit.
   *
   * @param line whose turn it is: lines are served in turns, and within a line first come first served
   */
  acquire(line: object, enter: (permit: Permit) => void): Permit {
    const permit = new Permit(this, line, enter);
    this.enqueue(line, permit);
    return permit;
  }

  /** @internal */
  enqueue(line: object, permit: Permit): void {
    if (this.#lines.size === 0 && this.#hasRoom()) {
      this.#used++;
      permit.enter();
      return;
    }
    const waiting = this.#lines.get(line);
    if (waiting === undefined) this.#lines.set(line, new Set([permit]));
    else waiting.add(permit);
  }

  /** @internal */
  leave(line: object, permit: Permit): void {
    const waiting = this.#lines.get(line);
    if (waiting?.delete(permit) === true && waiting.size === 0) this.#lines.delete(line);
  }

  /** @internal */
  free(): void {
    this.#used--;
    this.admit();
  }

  /** Lets in whom there is room for, also after the limit was raised. */
  admit(): void {
    for (const [line, waiting] of this.#lines) {
      if (!this.#hasRoom()) return;
      const [permit] = waiting as Set<Permit> & Iterable<Permit>;
      waiting.delete(permit as Permit);
      this.#lines.delete(line);
      // A Map goes on to what is added while it is walked: the line has its next turn after the others.
      if (waiting.size > 0) this.#lines.set(line, waiting);
      this.#used++;
      (permit as Permit).enter();
    }
  }

  #hasRoom(): boolean {
    if (this.#isYielding || this.#used >= this.#limit()) return false;
    if (!this.turns.isOver()) return true;
    this.#isYielding = true;
    this.turns.next(() => {
      this.#isYielding = false;
      this.admit();
    });
    return false;
  }
}
