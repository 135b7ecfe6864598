/** Steps on rows that somebody else holds: each is sent again, ever more rarely, for as long as a statement would wait for the row. */
import { monotonicOf, systemClock } from "#contract/base/services";
import type { Line } from "./line.ts";
import type { Server } from "./server.ts";

/** As long as statements wait for a lock. */
const PATIENCE_MS = 4_000;

interface Held {
  until: number;
  tries: number;
}

export class HeldRows {
  readonly #server: Server;
  readonly #send: (line: Line) => void;
  readonly #lines = new Map<Line, Held>();

  /** @param send told of each line that is to be sent again, or has failed */
  constructor(server: Server, send: (line: Line) => void) {
    this.#server = server;
    this.#send = send;
  }

  /** Somebody else holds its row. */
  async add(line: Line): Promise<void> {
    // Another machine's server keeps no simulated time.
    const now = monotonicOf(systemClock);
    const held = this.#lines.get(line) ?? { until: now + PATIENCE_MS, tries: 0 };
    this.#lines.set(line, held);
    try {
      if (now > held.until) throw this.#server.stillHeld();
      await this.#server.pause(held.tries++);
    } catch (error) {
      this.#lines.delete(line);
      line.failed(error);
    }
    this.#send(line);
  }

  /** Nobody does any more, or nobody knows. */
  delete(line: Line): void {
    this.#lines.delete(line);
  }
}
