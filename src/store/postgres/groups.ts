/** Steps in groups: what comes in one turn of the event loop, of whatever runs, is one transaction. */
import { afterThisTurn } from "#contract/base/turns";
import type { RunStoreSettings } from "#contract/store/run-options";
import { unmatched } from "#contract/store/store-errors";
import type { Change, Decide, Seen, Wanted } from "#store/stepped-store";
import { given } from "./given.ts";
import { untakenOf } from "./history.ts";
import { Plan } from "./plan.ts";
import { lockRuns } from "./run-rows.ts";
import { type Server, Undone } from "./server.ts";
import type { Run } from "./statement.ts";
import { keyOf, plainKey } from "./texts.ts";

interface Job {
  taskId: string;
  key: string;
  wanted: Wanted;
  decide: Decide<unknown>;
  resolve(answer: unknown): void;
  reject(error: unknown): void;
}

/** What came of a job, once the transaction is made. */
type End = { job: Job; change?: Change | undefined } & ({ answer: unknown } | { error: unknown });

export interface GroupsOptions {
  settings: RunStoreSettings;
  /** In the transaction, of all that is changed. */
  notify(run: Run, changes: readonly Change[]): Promise<void>;
  /** After it. */
  told(change: Change): void;
}

/** One is on its way while the next is made. */
const MOST_AT_ONCE = 2;
const MOST_JOBS = 500;
/** More is written by another statement. */
const MOST_BYTES = 32 * 1024 * 1024;

export class Groups {
  readonly #server: Server;
  readonly #options: GroupsOptions;
  #jobs: Job[] = [];
  #isScheduled = false;
  #running = 0;

  constructor(server: Server, options: GroupsOptions) {
    this.#server = server;
    this.#options = options;
  }

  step<T>(taskId: string, wanted: Wanted, decide: Decide<T>): Promise<T> {
    this.#server.requireOpen();
    return new Promise<T>((resolve, reject) => {
      this.#jobs.push({ taskId, key: keyOf(taskId), wanted, decide, resolve: resolve as (answer: unknown) => void, reject });
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    afterThisTurn(() => {
      this.#isScheduled = false;
      this.#start();
    });
  }

  #start(): void {
    if (this.#jobs.length === 0 || this.#running >= MOST_AT_ONCE) return;
    const jobs = this.#jobs.splice(0, MOST_JOBS);
    this.#running++;
    void this.#make(jobs).finally(() => {
      this.#running--;
      this.#start();
    });
    if (this.#jobs.length > 0) this.#start();
  }

  async #make(jobs: readonly Job[]): Promise<void> {
    try {
      const ends = await this.#server.transaction((run) => this.#decideAll(run, jobs));
      for (const end of ends) {
        if (end.change !== undefined) this.#options.told(end.change);
        if ("error" in end) end.job.reject(end.error);
        else end.job.resolve(end.answer);
      }
    } catch (error) {
      // What one of them met is not the others' fault.
      if (jobs.length === 1 || (error as { retryable?: boolean }).retryable === true) for (const job of jobs) job.reject(error);
      else for (const job of jobs) await this.#make([job]);
    }
  }

  /** Several of one run one after the other. */
  async #decideAll(run: Run, jobs: readonly Job[]): Promise<End[]> {
    const ends: End[] = [];
    for (let left = jobs; left.length > 0; ) {
      const round = new Map<string, Job>();
      const later: Job[] = [];
      for (const job of left) {
        if (round.has(job.key)) later.push(job);
        else round.set(job.key, job);
      }
      ends.push(...(await this.#decideEach(run, [...round.values()])));
      left = later;
    }
    const changes = ends.flatMap(({ change }) => (change === undefined ? [] : [change]));
    if (changes.length > 0) await this.#options.notify(run, changes);
    return ends;
  }

  /** Each of another run. */
  async #decideEach(run: Run, jobs: readonly Job[]): Promise<End[]> {
    const { now, runs } = await lockRuns(
      run,
      jobs.map(({ key }) => key),
    );
    const [known, closed] = [await knownOf(run, jobs), await closedOf(run, jobs)];
    const seenOf = ({ key }: Job): Seen => ({ run: runs.get(key), hasMessage: known.has(key), isClosed: closed.has(key) });
    const ends = jobs.map((job): End => {
      try {
        return { job, ...job.decide(seenOf(job), now) };
      } catch (error) {
        return { job, error };
      }
    });
    const checked = await checkedOf(run, ends);
    let plan = new Plan(this.#options.settings);
    const write = async (): Promise<void> => {
      if (!(await plan.write(run))) throw new Undone("somebody else made the run meanwhile");
      plan = new Plan(this.#options.settings);
    };
    for (const { job, change } of checked) {
      if (change === undefined) continue;
      plan.add(runs.get(job.key), change);
      if (plan.bytes > MOST_BYTES) await write();
    }
    await write();
    return checked;
  }
}

/** The runs that were sent before what they are sent now. */
async function knownOf(run: Run, jobs: readonly Job[]): Promise<Set<string>> {
  const wanted = jobs.flatMap(({ key, wanted: { message } }) => (message === undefined ? [] : [{ key, id: keyOf(message) }]));
  if (wanted.length === 0) return new Set();
  const { from, values } = given(wanted, { run: ["uuid", ({ key }) => key], key: ["uuid", ({ id }) => id] });
  const { rows } = await run(`select given.run from ${from} join :messages as messages using (run, key)`, values);
  return new Set(rows.map((row) => plainKey(row.run as string)));
}

/** The runs whose question is closed. */
async function closedOf(run: Run, jobs: readonly Job[]): Promise<Set<string>> {
  const wanted = jobs.flatMap(({ key, wanted: { question } }) => (question === undefined ? [] : [{ key, id: keyOf(question) }]));
  if (wanted.length === 0) return new Set();
  const { from, values } = given(wanted, { run: ["uuid", ({ key }) => key], key: ["uuid", ({ id }) => id] });
  const { rows } = await run(
    `select given.run from ${from} join :questions as questions using (run, key) where closed is not null`,
    values,
  );
  return new Set(rows.map((row) => plainKey(row.run as string)));
}

/** Refuses those that consume what is not there, before anything is written. */
async function checkedOf(run: Run, ends: readonly End[]): Promise<End[]> {
  const consumed = ends.flatMap(({ job, change }) => (change?.taken?.commit.consumed ?? []).map((n) => ({ run: job.key, n })));
  if (consumed.length === 0) return [...ends];
  const untaken = new Set((await untakenOf(run, consumed)).map((each) => `${plainKey(each.run)} ${each.n}`));
  return ends.map((end): End => {
    const { job, change } = end;
    const wrong = change?.taken?.commit.consumed.find((n) => !untaken.delete(`${job.key} ${n}`));
    return wrong === undefined ? end : { job, error: unmatched(job.taskId, wrong) };
  });
}
