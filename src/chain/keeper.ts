/** Keeps what a chain has reached: one save at a time, and whoever asks waits until the state of that moment is kept. */

import { SnapshotError } from "#contract/base/errors";
import type { Checkpoint } from "#contract/chat/call-scope";

const FORMAT = 1;

export interface KeptChain {
  format: typeof FORMAT;
  key: string;
  snapshot: { status: "active" | "done"; context: { mode: string | null } };
}

export class ChainKeeper {
  readonly #checkpoint: Checkpoint;
  readonly #read: () => unknown;
  readonly #key: string;
  /** Settles when nothing is being saved; never rejects. */
  #idle: Promise<unknown> = Promise.resolve();
  /** The save that has not read the state yet. */
  #next: Promise<void> | undefined;

  /** @param read the state, or `undefined` when it is nothing to go on from */
  constructor(checkpoint: Checkpoint, key: string, read: () => unknown) {
    this.#checkpoint = checkpoint;
    this.#key = key;
    this.#read = read;
  }

  /** Asks that come while one is saved share the next save. Not to wait for it is safe: its rejection counts as handled. */
  keep(): Promise<void> {
    if (this.#next === undefined) {
      // In a microtask at the earliest: the actor may be in the middle of a transition.
      this.#next = this.#idle.then(() => this.#save());
      this.#idle = this.#next.catch(() => {});
    }
    return this.#next;
  }

  async #save(): Promise<void> {
    this.#next = undefined;
    const snapshot = this.#read();
    if (snapshot !== undefined) await this.#checkpoint.save({ format: FORMAT, key: this.#key, snapshot });
  }
}

/**
 * @param key what the chain was given as its key; without one, any chain's checkpoint is gone on from
 * @throws SnapshotError `snapshot-format`, `snapshot-damaged`, `snapshot-other-chain`
 */
export function readKeptChain(kept: unknown, key: string | undefined): KeptChain | undefined {
  if (kept === undefined || kept === null) return undefined;
  const { format, key: keptKey, snapshot } = kept as Partial<KeptChain>;
  if (typeof format === "number" && format !== FORMAT) {
    throw new SnapshotError(`The checkpoint is of format ${String(format)}; this version reads format ${FORMAT}.`, {
      code: "snapshot-format",
    });
  }
  if (format !== FORMAT || typeof keptKey !== "string" || !isState(snapshot)) {
    throw new SnapshotError("The checkpoint is damaged: expected what a tool chain saved, an object of format, key and snapshot.", {
      code: "snapshot-damaged",
    });
  }
  if (key !== undefined && key !== keptKey) {
    throw new SnapshotError(
      `The checkpoint is of the chain "${keptKey}"; this chain is "${key}". Give each chain a checkpoint of its own.`,
      { code: "snapshot-other-chain" },
    );
  }
  return kept as KeptChain;
}

/** Whether the parts are there that XState would take on trust. */
function isState(snapshot: unknown): boolean {
  const { status, context, children } = (snapshot ?? {}) as { status?: unknown; context?: Record<string, unknown>; children?: unknown };
  if (typeof context !== "object" || context === null || typeof children !== "object" || children === null) return false;
  const { messages, orders, iterations, maxIterations, usage, key, mode } = context;
  const isText = (value: unknown): boolean => typeof value === "string";
  return (
    (status === "active" || status === "done") &&
    Array.isArray(messages) &&
    messages.every(isText) &&
    Array.isArray(orders) &&
    [iterations, maxIterations].every((value) => typeof value === "number") &&
    typeof usage === "object" &&
    usage !== null &&
    isText(key) &&
    (mode === null || isText(mode))
  );
}
