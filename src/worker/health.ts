/** How a worker is: what a health check of a server asks for. It asks nobody, and is made of what the worker last saw. */
import { asimovErrorOf, messageOf } from "#contract/base/errors";

export type WorkerState = "new" | "started" | "stopping" | "stopped";

/** Plain JSON. */
export interface WorkerHealth {
  /** `stopping` until what works has ended or is put down. */
  state: WorkerState;
  /** Runs in memory. */
  running: number;
  /** How many more it takes now. */
  free: number;
  /** Of `running` those of which the store did not take what they committed last; they are stored when it does. */
  unstored: number;
  /** For how long the event loop was held, at most, in the last minute: milliseconds, to a sixtieth of `leaseMs`. */
  heldMs: number;
  /** When it last saw what its store holds, in milliseconds since 1970; null before that. While it is started that is no longer ago than its queue lets pass. */
  lastLookAt: number | null;
  /** Whether the store answered when it last looked, and has not been silent for two seconds since it was asked; null before that. */
  isStoreReachable: boolean | null;
  /** What the last look or commit that failed said, or the queue when it last was in trouble, and when; it stays when they are back. */
  lastError: { at: number; message: string; code?: string } | null;
}

/** Milliseconds after which a store that has not answered a look yet counts as away. */
const SILENT_MS = 2_000;

export class Looks {
  /** Of the look that is under way. */
  #begunAt: number | undefined;
  #seen: Pick<WorkerHealth, "lastLookAt" | "isStoreReachable" | "lastError"> = {
    lastLookAt: null,
    isStoreReachable: null,
    lastError: null,
  };

  at(now: number): Readonly<Pick<WorkerHealth, "lastLookAt" | "isStoreReachable" | "lastError">> {
    const isSilent = this.#begunAt !== undefined && now - this.#begunAt >= SILENT_MS;
    return isSilent ? { ...this.#seen, isStoreReachable: false } : this.#seen;
  }

  begun(at: number): void {
    this.#begunAt = at;
  }

  done(at: number): void {
    this.#begunAt = undefined;
    this.#seen = { ...this.#seen, lastLookAt: at, isStoreReachable: true };
  }

  failed(error: unknown, at: number): void {
    this.#begunAt = undefined;
    this.noticed(error, at);
    this.#seen = { ...this.#seen, isStoreReachable: false };
  }

  /** Beside a look. */
  noticed(error: unknown, at: number): void {
    const code = asimovErrorOf(error)?.code;
    this.#seen = { ...this.#seen, lastError: { at, message: messageOf(error), ...(code === undefined ? {} : { code }) } };
  }
}
