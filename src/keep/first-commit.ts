/** Stores a run for the first time, and owns it from then on. */
import type { Commit, CreateResult, NewRun } from "#contract/store/run-commit";
import { existsError } from "#contract/store/run-errors";
import type { Lease, Owner, StoredRun } from "#contract/store/run-record";
import type { RunStore } from "#contract/store/run-store";
import { PartsSum } from "#contract/store/seal";
import { commitOf, eventsOf } from "./commit-of.ts";
import type { GenerationNote, KeptRun } from "./kept.ts";
import { PartChanges } from "./part-changes.ts";
import { type Patience, untilAnswered } from "./patience.ts";
import type { KeeperState } from "./run-keeper.ts";

export interface FirstCommit {
  store: RunStore;
  owner: Owner;
  note: GenerationNote;
  about(first: Commit): NewRun;
  /** Absent where whoever asks hears at once what the store says. */
  patience: Patience | undefined;
  /** It was given up, and has come to its store after all. */
  late(state: KeeperState): void;
}

/** The first commit stays as it was: what changes meanwhile is in the next. @throws RunError `run-exists`, and what the store threw */
export async function storeFirst(run: KeptRun, { store, owner, note, about, patience, late }: FirstCommit): Promise<KeeperState> {
  for (let settling = run.settling(); settling !== undefined; settling = run.settling()) await settling;
  run.saving(1, note);
  const sum = new PartsSum(run.taskId);
  const changes = new PartChanges();
  run.writeChanges(changes);
  const events = eventsOf(run, store);
  const lastSeq = events.at(-1)?.seq ?? 0;
  const first = commitOf(run, store, { generation: 1, sum, changes, note, events, consumed: [], questions: run.takeQuestions() });
  const creation = new Creation(store, about(first), owner);
  const stateOf = (lease: Lease): KeeperState => ({ lease, generation: 1, sum, lastSeq });
  const ask = (): Promise<CreateResult> => run.limited("storing the run", () => creation.ask());
  try {
    const created = await (patience === undefined ? ask() : untilAnswered(patience, (error) => run.troubled(error), ask));
    if (!created.ok) throw existsError(created.run);
    run.release(lastSeq);
    return stateOf(created.lease as Lease);
  } catch (error) {
    creation.whenOwned((lease) => late(stateOf(lease)));
    throw error;
  }
}

/** One run that is created, however often that is asked for. */
class Creation {
  readonly #store: RunStore;
  readonly #run: NewRun;
  readonly #owner: Owner;
  readonly #unanswered = new Set<Promise<CreateResult>>();
  #isRepeat = false;

  constructor(store: RunStore, run: NewRun, owner: Owner) {
    this.#store = store;
    this.#run = run;
    this.#owner = owner;
  }

  async ask(): Promise<CreateResult> {
    const asked = this.#create(this.#isRepeat);
    this.#isRepeat = true;
    this.#unanswered.add(asked);
    try {
      return await asked;
    } finally {
      this.#unanswered.delete(asked);
    }
  }

  /** Of what was asked and not answered yet. */
  whenOwned(owned: (lease: Lease) => void): void {
    for (const asked of this.#unanswered) {
      const tell = (created: CreateResult): void => {
        if (created.ok && created.lease !== undefined) owned(created.lease);
      };
      asked.then(tell, () => {});
    }
  }

  /** Where the answer was lost, the store is asked whether the run is there and owned. */
  async #create(isRepeat: boolean): Promise<CreateResult> {
    try {
      const created = await this.#store.create(this.#run, this.#owner);
      return created.ok || !isRepeat ? created : (this.#ownedOf(created.run) ?? created);
    } catch (error) {
      const there = await this.#store.read(this.#run.taskId).catch(() => undefined);
      const owned = this.#ownedOf(there);
      if (owned === undefined) throw error;
      return owned;
    }
  }

  #ownedOf(run: StoredRun | undefined): CreateResult | undefined {
    const lease = run?.lease;
    return lease?.owner.id === this.#owner.id ? { ok: true, lease } : undefined;
  }
}
