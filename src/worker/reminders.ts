/** Tells a queue once more of runs that have been READY for a while: their wake-up may be lost, or whoever made them ready knows of no queue. */
import { RunError } from "#contract/base/errors";
import type { Clock } from "#contract/base/services";
import type { StoredRun } from "#contract/store/run-record";
import type { RunStore } from "#contract/store/run-store";
import { type Reminded, type WorkQueue, wakeUpOf } from "#contract/store/work-queue";

/** Milliseconds after which a queue should have heard of a run by itself. */
const LATE_MS = 1_000;
/** Milliseconds until a queue is told again of a run that waits for its turn. */
const AGAIN_MS = 5_000;

type Refused = (error: Error, taskId: string) => void;

export class Reminders {
  readonly #queue: WorkQueue;
  readonly #store: RunStore;
  readonly #clock: Clock;
  readonly #refused: Refused;
  /** Whether somebody was told that the queue knows nothing: of the first run alone. */
  #isSaid = false;
  #isUnknownSaid = false;
  /** When the queue was last told of a run. */
  readonly #told = new Map<string, number>();

  constructor({ queue, store, clock }: { queue: WorkQueue; store: RunStore; clock: Clock }, refused: Refused) {
    this.#queue = queue;
    this.#store = store;
    this.#clock = clock;
    this.#refused = refused;
  }

  /** @param now by the store's clock. @returns those whose turn somebody has who has not begun it */
  async remind(runs: readonly StoredRun[], now: number): Promise<StoredRun[]> {
    const given: StoredRun[] = [];
    const at = this.#clock.now();
    for (const [taskId, told] of this.#told) if (at - told >= AGAIN_MS) this.#told.delete(taskId);
    for (const run of runs) {
      const { taskId, lease, dueAt } = run;
      if (lease !== null || dueAt === null || now - dueAt < LATE_MS || this.#told.has(taskId)) continue;
      this.#told.set(taskId, at);
      const known = await this.#ask(run, now);
      if (known === "given") given.push(run);
      if (known === "unknown" && !this.#isSaid && (await this.#stillReady(run))) {
        this.#isSaid = true;
        this.#refused(untold(taskId), taskId);
      }
    }
    return given;
  }

  async tell(run: StoredRun, now: number): Promise<void> {
    await this.#queue.tell?.(wakeUpOf(run, now)).catch(() => {});
  }

  /** The queue gave a turn of a run that the store does not hold. */
  unknown(taskId: string): void {
    if (this.#isUnknownSaid) return;
    this.#isUnknownSaid = true;
    this.#refused(unknownRun(taskId), taskId);
  }

  /** It may have had its turn since it was found. */
  async #stillReady({ taskId, token, generation }: StoredRun): Promise<boolean> {
    const row = await this.#store.read(taskId);
    return row !== undefined && row.lease === null && row.token === token && row.generation === generation;
  }

  /** A queue that is away is told at the next look. */
  async #ask(run: StoredRun, now: number): Promise<Reminded | undefined> {
    try {
      return await this.#queue.remind?.(wakeUpOf(run, now));
    } catch {
      this.#told.delete(run.taskId);
      return undefined;
    }
  }
}

const untold = (taskId: string): RunError =>
  new RunError(
    `Run ${taskId} has been READY for a second, and the worker's queue knew nothing of it. Whoever submits, answers or sends needs \`new Runs(store, { queue })\` with a queue of the same connection and prefix; until then workers find such runs by looking. Where they have one, the queue was told late, has lost what it was told, or another worker could not go on with the run: then there is nothing to do. Of others like it you are not told.`,
    { code: "queue-untold", taskId },
  );

const unknownRun = (taskId: string): RunError =>
  new RunError(
    `The queue gave a turn of run ${taskId}, which the store of this worker does not hold: it was removed, or another store's runs go through the same queue. Give the queue of each store a \`prefix\` (on Postgres a \`schema\`) of its own. Of others like it you are not told.`,
    { code: "queue-other-store", taskId },
  );
