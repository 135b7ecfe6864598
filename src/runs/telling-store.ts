/** A store that tells a queue of each run that this process has made ready to go on, now or at a moment: by a submit, an answer, a message, or by putting it down. */
import { asimovErrorOf } from "#contract/base/errors";
import { ForwardingStore } from "#contract/store/forwarding-store";
import type * as port from "#contract/store/run-commit";
import type { Lease, Owner } from "#contract/store/run-record";
import type { RunStore } from "#contract/store/run-store";
import { type WakeUp, type WorkQueue, wakeUpOf } from "#contract/store/work-queue";

type Tell = (run: WakeUp) => Promise<void>;

class TellingStore extends ForwardingStore {
  readonly #tell: Tell;
  #isWarned = false;

  constructor(store: RunStore, tell: Tell) {
    super(store);
    this.#tell = tell;
  }

  override async create(run: port.NewRun, owner?: Owner): Promise<port.CreateResult> {
    // Whatever is read of it afterwards, somebody else may have written.
    const { taskId } = run;
    const created = await super.create(run, owner);
    if (created.ok && owner === undefined) await this.#look(taskId, true);
    return created;
  }

  override async renew(lease: Lease, leaseMs: number): Promise<port.RenewResult> {
    const renewed = await super.renew(lease, leaseMs);
    if (renewed.ok && leaseMs === 0) await this.#look(lease.taskId);
    return renewed;
  }

  override async commit(lease: Lease, commit: port.Commit): Promise<port.CommitResult> {
    const isRelease = commit.release !== undefined;
    const committed = await super.commit(lease, commit);
    if (committed.ok && isRelease) await this.#look(lease.taskId);
    return committed;
  }

  override async post(taskId: string, request: port.PostRequest): Promise<port.PostResult> {
    const posted = await super.post(taskId, request);
    if (posted === "stored") await this.#look(taskId);
    return posted;
  }

  /** What was asked for is stored: a queue that is away delays it, and nobody is told; of one that is to be mended, once. @throws AsimovError `missing-package` to who submits, where there is no queue */
  async #look(taskId: string, isNew = false): Promise<void> {
    try {
      const [run, now] = await Promise.all([this.store.read(taskId), this.store.now()]);
      // An owner looks for itself, and what it leaves behind is found by its lease.
      if (run === undefined || run.status !== "open" || run.dueAt === null || run.lease !== null) return;
      await this.#tell(wakeUpOf(run, now));
    } catch (error) {
      const refused = asimovErrorOf(error);
      if (isNew && refused?.code === "missing-package") throw error;
      if (refused?.code === "queue-refused") this.#warn(refused);
    }
  }

  #warn({ message }: Error): void {
    if (this.#isWarned) return;
    this.#isWarned = true;
    // biome-ignore lint/suspicious/noConsole: else whoever only submits never learns of it
    console.warn(`The queue is not told what is ready; it is stored, and goes on when that is mended: ${message}`);
  }
}

const made = new WeakMap<RunStore, WeakMap<WorkQueue, RunStore>>();

/** That store itself where the queue need not be told. */
export function tellingStore(store: RunStore, queue: WorkQueue | undefined): RunStore {
  if (queue?.tell === undefined) return store;
  const ofStore = made.get(store) ?? new WeakMap<WorkQueue, RunStore>();
  made.set(store, ofStore);
  const telling = ofStore.get(queue) ?? new TellingStore(store, (run) => (queue.tell as Tell)(run));
  ofStore.set(queue, telling);
  return telling;
}
