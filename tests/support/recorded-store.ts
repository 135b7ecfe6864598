/** What was written of each run, so that another store can be brought to where it stood at any of its generations. */
import { type Commit, type Lease, MemoryStore, type NewRun, type Owner, type RunStore } from "asimov-agents";
import { openEvent } from "#contract/store/seal";

const SOMEBODY: Owner = { id: "recorded", leaseMs: 60_000 };

export class RecordedRun {
  readonly first: NewRun;
  readonly commits: Commit[];

  constructor(first: NewRun, commits: Commit[] = []) {
    this.first = first;
    this.commits = commits;
  }

  /** Brings a store to where it stood after so many generations, when its owner was lost. */
  async replay(into: RunStore, generations: number): Promise<void> {
    const { taskId } = this.first;
    const created = await into.create(this.first, SOMEBODY);
    if (!created.ok || created.lease === undefined) throw new Error("the store must not hold the run");
    let { lease } = created;
    for (const commit of this.commits.slice(0, generations - 1)) {
      // A run that had ended was claimed once more.
      const claimed = (await into.read(taskId))?.lease === null ? await into.claim(taskId, SOMEBODY, { ended: true }) : undefined;
      if (claimed?.ok) lease = claimed.lease;
      const made = await into.commit(lease, commit);
      if (!made.ok) throw new Error(`generation ${commit.generation} was not taken: ${made.why}`);
    }
    await into.renew(lease, 0);
  }
}

export class RecordedStore extends MemoryStore {
  readonly runs: RecordedRun[] = [];

  override async create(run: NewRun, owner?: Owner) {
    this.runs.push(new RecordedRun(run));
    return await super.create(run, owner);
  }

  override async commit(lease: Lease, commit: Commit) {
    const result = await super.commit(lease, commit);
    if (result.ok) this.runs.find(({ first }) => first.taskId === lease.taskId)?.commits.push(commit);
    return result;
  }

  /** Of the first run: generations from 1 to the one before the newest. */
  get unended(): number {
    return this.#first.commits.length;
  }

  get commits(): readonly Commit[] {
    return this.#first.commits;
  }

  /** Brings a store to where the first run stood. */
  async replay(into: RunStore, generations: number): Promise<void> {
    await this.#first.replay(into, generations);
  }

  /** What was told in so many generations. */
  told(generations: number): Record<string, unknown>[] {
    const { first, commits } = this.#first;
    const events = [first.first, ...commits.slice(0, generations - 1)].flatMap((commit) => commit.events);
    return events.map((event) => JSON.parse(openEvent(first.taskId, event)) as Record<string, unknown>);
  }

  get #first(): RecordedRun {
    const [first] = this.runs;
    if (first === undefined) throw new Error("nothing was stored");
    return first;
  }
}
