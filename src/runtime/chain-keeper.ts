/** Keeps what a chain has reached: one save at a time, and whoever asks waits until the state of that moment is kept. */
import type { Checkpoint } from "../contract/call-scope.ts";
import { SnapshotError } from "../contract/errors.ts";

const FORMAT = 1;

export interface KeptChain {
  format: typeof FORMAT;
  key: string;
  snapshot: unknown;
}

export class ChainKeeper {
  readonly #checkpoint: Checkpoint;
  readonly #read: () => unknown;
  readonly #key: string;
  #saving: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  constructor(checkpoint: Checkpoint, key: string, read: () => unknown) {
    this.#checkpoint = checkpoint;
    this.#key = key;
    this.#read = read;
  }

  /** Asks that come while one is saved share the next save. */
  keep(): Promise<void> {
    if (this.#saving === undefined) {
      this.#saving = this.#save();
      return this.#saving;
    }
    this.#next ??= this.#saving.then(
      () => this.#save(),
      () => this.#save(),
    );
    return this.#next;
  }

  async #save(): Promise<void> {
    const saving = this.#next ?? this.#saving;
    // The actor may be in the middle of a transition.
    await undefined;
    this.#next = undefined;
    try {
      await this.#checkpoint.save({ format: FORMAT, key: this.#key, snapshot: this.#read() } satisfies KeptChain);
    } finally {
      if (this.#saving === saving || this.#next === undefined) this.#saving = undefined;
    }
  }
}

/** @throws SnapshotError `snapshot-format`, `snapshot-damaged`, `snapshot-other-chain` */
export function readKeptChain(kept: unknown, key: string | undefined): KeptChain | undefined {
  if (kept === undefined || kept === null) return undefined;
  const { format, key: keptKey, snapshot } = kept as Partial<KeptChain>;
  if (typeof kept !== "object" || typeof keptKey !== "string" || typeof snapshot !== "object" || snapshot === null) {
    throw new SnapshotError("The checkpoint is damaged: expected what a tool chain saved, an object of format, key and snapshot.", {
      code: "snapshot-damaged",
    });
  }
  if (format !== FORMAT) {
    throw new SnapshotError(`The checkpoint is of format ${String(format)}; this version reads format ${FORMAT}.`, {
      code: "snapshot-format",
    });
  }
  if (key !== undefined && key !== keptKey) {
    throw new SnapshotError(
      `The checkpoint is of the chain "${keptKey}"; this chain is "${key}". Give each chain a checkpoint of its own.`,
      {
        code: "snapshot-other-chain",
      },
    );
  }
  return kept as KeptChain;
}
