/** The port where runs live: each method is one atomic step, judged by the store's clock; drivers in `store/` pass one contract suite. */
import { brand } from "#contract/base/brand";
import { Bystanders } from "./bystanders.ts";
import type {
  ClaimOptions,
  ClaimResult,
  Commit,
  CommitResult,
  CreateResult,
  FindQuery,
  GenerationEntry,
  NewRun,
  PostRequest,
  PostResult,
  PruneQuery,
  RenewResult,
  SnapshotRef,
  StoredEvent,
  StoredGeneration,
  StoredMessage,
} from "./run-commit.ts";
import type { RunStoreSettings } from "./run-options.ts";
import type { Lease, Owner, StoredRun } from "./run-record.ts";
import type { QuestionQuery, StoredQuestion } from "./stored-question.ts";

/**
 * Keeps runs: a row each, its generations as named parts, its events and its inbox. What is `Sealed` comes back as it was given.
 * Nothing a store gives shares anything that changes with what it holds, and nothing it was given is read after the call has returned.
 * Texts are well-formed Unicode; others are refused (`run-store-text`), and so is a part past `maxPartBytes` (`part-too-large`).
 * After `close` every method rejects with `store-closed`.
 *
 * @example
 * const store = new MemoryStore({ keep: 20 });
 * const claimed = await store.claim("task-1", { id: "worker-1", leaseMs: 30_000 });
 * if (claimed.ok) await store.renew(claimed.lease, 30_000);
 */
export abstract class RunStore {
  readonly settings: RunStoreSettings;
  readonly #bystanders = new Bystanders();

  constructor(settings: RunStoreSettings) {
    this.settings = settings;
  }

  /** Row, first generation and lease, all or nothing. Without an owner the run waits for one, READY at its `dueAt`. */
  abstract create(run: NewRun, owner?: Owner): Promise<CreateResult>;
  /** Takes the lease of a run that nobody owns; from then on it is due, so that it is READY when its owner is lost. */
  abstract claim(taskId: string, owner: Owner, options?: ClaimOptions): Promise<ClaimResult>;
  /** The lease runs `leaseMs` from now on, also one that ran out and that nobody took; with 0 it is given back. */
  abstract renew(lease: Lease, leaseMs: number): Promise<RenewResult>;
  /** Writes what changed. Refused as `fenced` where the lease is not the run's last by its token and its owner, or the generation not the next. */
  abstract commit(lease: Lease, commit: Commit): Promise<CommitResult>;
  abstract read(taskId: string): Promise<StoredRun | undefined>;
  /**
   * A kept generation exactly as it was; the newest whole one by default.
   * @throws SnapshotError `snapshot-damaged` where the store itself sees that none is whole, or the one that was asked for is not
   */
  abstract load(taskId: string, generation?: number): Promise<StoredGeneration | undefined>;
  /** The task, and the generation if it is one's, of a place that this store names to people, such as a folder; undefined where it is none. */
  async locate(_place: string): Promise<(Pick<SnapshotRef, "taskId"> & Partial<SnapshotRef>) | undefined> {
    return undefined;
  }
  /** Newest first. */
  abstract generations(taskId: string, query: { before?: number; limit: number }): Promise<GenerationEntry[]>;
  /** Messages that no commit has consumed, with higher numbers than `after`, oldest first. */
  abstract inbox(taskId: string, after: number): Promise<StoredMessage[]>;
  /**
   * A message with an id that this run was sent before is a duplicate, taken or not. A cancel ends a run that nobody owns in the same
   * step, and one whose lease it goes over, so that its end is untold; for an owner it is a request. What comes too late or too early is not stored.
   */
  abstract post(taskId: string, request: PostRequest): Promise<PostResult>;
  /** The message of the run's end of that number was told; false where that end is not the newest, or was told before. */
  abstract endTold(taskId: string, end: number): Promise<boolean>;
  /** Oldest first. */
  abstract questions(query: QuestionQuery): Promise<StoredQuestion[]>;
  /** Newest first, by creation, then by task id in the order of its UTF-8 bytes, highest first. */
  abstract find(query: FindQuery): Promise<StoredRun[]>;
  /** Kept events from the number `from` on, oldest first. */
  abstract events(taskId: string, query: { from: number; limit: number }): Promise<StoredEvent[]>;
  /** Whether there was such a run. Its owner, if any, is told `not-found`. */
  abstract remove(taskId: string): Promise<boolean>;
  /** Removes ended runs that nobody owns, and says how many. */
  abstract prune(query: PruneQuery): Promise<number>;
  /**
   * Tells that a run may have changed (null: any), within 250 ms also when another process did it. Returns the end of it; until then a
   * store that others write to keeps the process alive. It is a hint: it may come too often. `isCommit` where nothing but commits of its
   * owner did it, for stores that know.
   */
  abstract subscribe(listener: (taskId: string | null, isCommit?: boolean) => void): () => void;
  /**
   * Says something of a run that nobody keeps, such as what a model answers, to whoever hears of it now: at once, in the order in which it was said, or not at
   * all. It holds nothing up, and never throws. Unless a store has a way to other processes, those that have the same store object hear it.
   */
  publish(taskId: string, text: string): void {
    this.#bystanders.tell(taskId, text);
  }
  /** Hears what is said of a run from now on. Returns the end of it. */
  hear(taskId: string, listener: (text: string) => void): () => void {
    return this.#bystanders.add(taskId, listener);
  }
  /** Milliseconds since 1970 by the clock that leases are judged by. */
  abstract now(): Promise<number>;
  /** Ends what is under way, and frees what is held. May be called twice. */
  abstract close(): Promise<void>;
}

brand(RunStore, "RunStore");
