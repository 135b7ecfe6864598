/** What was written of one run, so that another store can be brought to where it stood at any of its generations. */
import { type Commit, type Lease, MemoryStore, type NewRun, type Owner, type RunStore } from "asimov-agents";
import { openEvent } from "#contract/store/seal";

const SOMEBODY: Owner = { id: "recorded", leaseMs: 60_000 };

export class RecordedStore extends MemoryStore {
  first: NewRun | undefined;
  readonly commits: Commit[] = [];

  override async create(run: NewRun, owner?: Owner) {
    this.first = run;
    return await super.create(run, owner);
  }

  override async commit(lease: Lease, commit: Commit) {
    const result = await super.commit(lease, commit);
    if (result.ok) this.commits.push(commit);
    return result;
  }

  /** Generations from 1 to the one before the end. */
  get unended(): number {
    return this.commits.length;
  }

  /** Brings a store to where this one stood after so many generations, when its owner was lost. */
  async replay(into: RunStore, generations: number): Promise<void> {
    const first = this.first as NewRun;
    const created = await into.create(first, SOMEBODY);
    if (!created.ok || created.lease === undefined) throw new Error("the store must be empty");
    let { lease } = created;
    for (const commit of this.commits.slice(0, generations - 1)) {
      // A run that had ended was claimed once more.
      const claimed =
        (await into.read(first.taskId))?.lease === null ? await into.claim(first.taskId, SOMEBODY, { ended: true }) : undefined;
      if (claimed?.ok) lease = claimed.lease;
      const made = await into.commit(lease, commit);
      if (!made.ok) throw new Error(`generation ${commit.generation} was not taken: ${made.why}`);
    }
    await into.renew(lease, 0);
  }

  /** What was told in so many generations. */
  told(generations: number): Record<string, unknown>[] {
    const { taskId, first } = this.first as NewRun;
    const events = [first, ...this.commits.slice(0, generations - 1)].flatMap((commit) => commit.events);
    return events.map((event) => JSON.parse(openEvent(taskId, event)) as Record<string, unknown>);
  }
}
