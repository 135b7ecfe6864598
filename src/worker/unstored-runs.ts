/** Runs of a worker whose store does not take what they commit: each works on, and is stored when it does; somebody is told of each, once. */
import { ForwardingStore } from "#contract/store/forwarding-store";
import type { Commit, CommitResult } from "#contract/store/run-commit";
import type { Lease } from "#contract/store/run-record";
import type { RunStore } from "#contract/store/run-store";

class HeededStore extends ForwardingStore {
  readonly #heed: (taskId: string, error?: unknown) => void;

  constructor(store: RunStore, heed: (taskId: string, error?: unknown) => void) {
    super(store);
    this.#heed = heed;
  }

  override async commit(lease: Lease, commit: Commit): Promise<CommitResult> {
    try {
      const committed = await super.commit(lease, commit);
      this.#heed(lease.taskId);
      return committed;
    } catch (error) {
      this.#heed(lease.taskId, error);
      throw error;
    }
  }
}

export class UnstoredRuns {
  readonly #tasks = new Set<string>();
  /** What the worker's runs are to commit to. */
  readonly store: RunStore;

  constructor(store: RunStore, failed: (error: unknown, taskId: string) => void) {
    this.store = new HeededStore(store, (taskId, error) => {
      if (error === undefined) this.over(taskId);
      else if (!this.#tasks.has(taskId)) {
        this.#tasks.add(taskId);
        failed(error, taskId);
      }
    });
  }

  get size(): number {
    return this.#tasks.size;
  }

  /** It is stored, or is not in memory any more. */
  over(taskId: string): void {
    this.#tasks.delete(taskId);
  }
}
