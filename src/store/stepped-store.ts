/** Every step on a run, written once: a driver reads a row, lets it be decided, and writes what was decided, atomically. */
import {
  requireCount,
  requireOwner,
  requireText,
  type Taken,
  takeCancel,
  takeCommit,
  takeMessage,
  takeNewRun,
} from "#contract/store/run-checks";
import type * as port from "#contract/store/run-commit";
import { copyLease, copyRun } from "#contract/store/run-copy";
import type { Lease, Owner, StoredRun } from "#contract/store/run-record";
import { isOwned, isPast } from "#contract/store/run-status";
import {
  askedOf,
  cancelledRun,
  claimedRun,
  committedRun,
  createdRun,
  postedRun,
  renewedRun,
  toldRun,
  untimely,
} from "#contract/store/run-steps";
import { RunStore } from "#contract/store/run-store";

/** What is to be written, all of it or nothing. */
export interface Change {
  run: StoredRun;
  /** There is no such run yet, or it is past: whatever lies there goes. */
  isNew?: boolean;
  /** The next generation, which holds the events, too. */
  taken?: Taken;
  /** Of a cancel. */
  events?: readonly port.StoredEvent[];
  /** Its number is the newest of the run's inbox. */
  message?: port.MessageOrder;
}

/** What a step has to know beside the run, each by its id. */
export interface Wanted {
  message?: string;
  question?: string | undefined;
}

export interface Seen {
  run: StoredRun | undefined;
  /** Whether the run was ever sent the message. */
  hasMessage: boolean;
  /** Whether it has the question, and that is closed. */
  isClosed: boolean;
}

/** What a step is decided by; it may be asked again when somebody else was faster. */
export type Decide<T> = (seen: Seen, now: number) => { answer: T; change?: Change };

const NOTHING: Seen = { run: undefined, hasMessage: false, isClosed: false };

export abstract class SteppedStore extends RunStore {
  /** Reads the run and what is wanted of it; writes the change. A caller may not see the answer before the change is durable. */
  protected abstract step<T>(taskId: string, wanted: Wanted, decide: Decide<T>): Promise<T>;

  async create(given: port.NewRun, owner?: Owner): Promise<port.CreateResult> {
    if (owner !== undefined) requireOwner(owner);
    const { run, bytes } = takeNewRun(given, this.settings);
    return await this.#step<port.CreateResult>(run.taskId, {}, ({ run: there }, now) => {
      if (there !== undefined) return { answer: { ok: false, why: "exists", run: copyRun(there) } };
      const row = createdRun(run, owner, now);
      return {
        answer: row.lease === null ? { ok: true } : { ok: true, lease: copyLease(row.lease) },
        change: { run: row, isNew: true, taken: { commit: run.first, bytes } },
      };
    });
  }

  async claim(taskId: string, owner: Owner, options: port.ClaimOptions = {}): Promise<port.ClaimResult> {
    requireOwner(owner);
    const by = { ...owner };
    return await this.#step<port.ClaimResult>(taskId, {}, ({ run }, now) => {
      if (run === undefined) return { answer: { ok: false, why: "not-found" } };
      const step = claimedRun(run, by, options, now);
      if (!step.ok) return { answer: { ...step, run: copyRun(run) } };
      return { answer: { ok: true, lease: copyLease(step.run.lease as Lease), run: copyRun(step.run) }, change: { run: step.run } };
    });
  }

  async renew(given: Lease, leaseMs: number): Promise<port.RenewResult> {
    requireCount(leaseMs, "leaseMs", 0);
    const lease = { ...given };
    return await this.#step<port.RenewResult>(lease.taskId, {}, ({ run }, now) => {
      if (run === undefined) return { answer: { ok: false, why: "fenced" } };
      const step = renewedRun(run, lease, leaseMs, now);
      if (!step.ok) return { answer: { ...step, run: copyRun(run) } };
      return { answer: { ok: true, until: step.run.lease?.until ?? now, ...askedOf(step.run) }, change: { run: step.run } };
    });
  }

  async commit(given: Lease, commit: port.Commit): Promise<port.CommitResult> {
    const lease = { ...given };
    const taken = takeCommit(lease.taskId, commit, this.settings);
    return await this.#step<port.CommitResult>(lease.taskId, {}, ({ run }, now) => {
      if (run === undefined) return { answer: { ok: false, why: "not-found" } };
      const step = committedRun(run, lease, taken.commit, now);
      if (!step.ok) return { answer: { ...step, run: copyRun(run) } };
      return { answer: { ok: true, at: now, ...askedOf(step.run) }, change: { run: step.run, taken } };
    });
  }

  async post(taskId: string, request: port.PostRequest): Promise<port.PostResult> {
    return request.kind === "message" ? await this.#send(taskId, request) : await this.#cancel(taskId, request);
  }

  async #send(taskId: string, request: port.MessageOrder): Promise<port.PostResult> {
    const message = takeMessage(taskId, request, this.settings);
    return await this.#step<port.PostResult>(
      taskId,
      { message: message.id, question: message.closes?.id },
      ({ run, hasMessage, isClosed }, now) => {
        if (run === undefined) return { answer: "not-found" };
        if (hasMessage) return { answer: "duplicate" };
        if (run.status !== "open") return { answer: "ended" };
        const refused = untimely(run, message, isClosed, now);
        if (refused !== undefined) return { answer: refused };
        return { answer: "stored", change: { run: postedRun(run, now), message } };
      },
    );
  }

  async #cancel(taskId: string, request: port.CancelOrder): Promise<port.PostResult> {
    const order = takeCancel(taskId, request, this.settings);
    return await this.#step<port.PostResult>(taskId, {}, ({ run }, now) => {
      if (run === undefined) return { answer: "not-found" };
      if (run.status !== "open") return { answer: "ended" };
      const step = cancelledRun(run, order, now);
      const events = step.ended ? order.end.events.map((body, index) => ({ seq: run.lastSeq + 1 + index, at: now, body })) : [];
      return { answer: "stored", change: { run: step.run, events } };
    });
  }

  async endTold(taskId: string, end: number): Promise<boolean> {
    requireCount(end, "The number of an end", 1);
    return await this.#step<boolean>(taskId, {}, ({ run }) => {
      const told = run === undefined ? undefined : toldRun(run, end);
      return told === undefined ? { answer: false } : { answer: true, change: { run: told } };
    });
  }

  /** Of a run that is past, there is nothing. */
  async #step<T>(taskId: string, wanted: Wanted, decide: Decide<T>): Promise<T> {
    requireText(taskId, "The task id");
    return await this.step(taskId, wanted, (seen, now) => {
      const isThere = seen.run !== undefined && !this.isPast(seen.run, now);
      return decide(isThere ? seen : NOTHING, now);
    });
  }

  /** Whether the run has ended longer ago than ended runs are kept. */
  protected isPast(run: StoredRun, now: number): boolean {
    return isPast(run, this.settings.retainMs, now) && !isOwned(run, now);
  }
}
