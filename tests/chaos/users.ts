/** Whoever uses the runs, without the agents' code: submits them, writes to them and answers what is asked, also while the store is away. */
import { AsimovError, type NodeView, type RunStore, Runs, Task } from "asimov-agents";
import type { WorkQueue } from "asimov-agents/worker";
import { all } from "../runs/stores.ts";
import { MAILBOX } from "./agents.ts";

const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

/** Does it again while the store is away: each call has its effect once. */
export async function insist<T>(work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof AsimovError) || !(error.retryable || error.code === "effect-timeout")) throw error;
      await pause(50);
    }
  }
}

const given = (nodes: Readonly<Record<string, NodeView>>): unknown =>
  Object.entries(nodes).map(([name, { status, visit, result, error, nodes: inner = {}, items = [] }]) => ({
    ...{ name, status, visit, result, error },
    inner: given(inner),
    items: given(Object.fromEntries(items.entries())),
  }));

/** Of a module that has ended, as the store tells it: once for each visit. */
export interface Ended {
  what: string;
  status: string;
  at: number;
}

/** Of a run and its child. */
const QUESTIONS = 5;

/** All that came of a run. */
export interface Story {
  task: string;
  /** What is the same however often it was interrupted: by its name, as text with the names of each object in order. */
  outcome: Readonly<Record<string, string>>;
  ended: readonly Ended[];
  /** By its name, how often a question was opened. */
  opened: ReadonlyMap<string, number>;
  ends: number;
  untold: boolean;
  /** Whether the numbers of its events, and those of its generations, count from 1 on without a gap. */
  isWhole: boolean;
}

export class Users {
  readonly #store: RunStore;
  readonly #runs: Runs;
  readonly ids: readonly string[];
  readonly #may: () => boolean;
  #answered = 0;
  #isOver = false;

  /** @param may whether one more question is answered now */
  constructor({ store, queue }: { store: RunStore; queue?: WorkQueue }, count: number, may: () => boolean = () => true) {
    this.#store = store;
    this.#runs = new Runs(store, queue === undefined ? {} : { queue });
    this.#may = may;
    this.ids = Array.from({ length: count }, (_, at) => `run-${at}`);
  }

  /** How much of all questions is answered. */
  get part(): number {
    return this.#answered / (QUESTIONS * this.ids.length);
  }

  /** Until each run has ended. */
  async work(): Promise<void> {
    const answering = this.#answer();
    try {
      for (const [n, id] of this.ids.entries()) {
        const task = (): Task => new Task({ id, type: "test", objective: "Work", params: { n } });
        await insist(() => this.#runs.submit(task(), { agent: "report" }));
        // As who does not know whether the first has come.
        for (const message of ["a", "a", "b", "b"])
          await insist(() => this.#runs.send(id, MAILBOX, { message, for: id }, { id: `${id}/${message}` }));
      }
      for (const id of this.ids) while (!this.#isOver && (await insist(() => this.#store.read(id)))?.status === "open") await pause(100);
    } finally {
      this.end();
      await answering;
    }
  }

  /** They lose interest in what is not over. */
  end(): void {
    this.#isOver = true;
  }

  async #answer(): Promise<void> {
    for (; !this.#isOver; await pause(50)) {
      for (const { id } of await insist(() => all(this.#runs.questions({ limit: 20 })))) {
        if (!this.#may()) break;
        this.#answered++;
        await insist(() => this.#runs.answer(id, { ok: true })).catch((error: { code?: string }) => {
          if (error.code !== "question-closed" && error.code !== "question-not-found") throw error;
        });
      }
    }
  }

  /** Of the runs that were submitted, each with its child. */
  async stories(): Promise<Story[]> {
    const stories: Story[] = [];
    for (const id of this.ids) {
      const child = (await insist(() => this.#runs.get(id))).nodes.child?.childTaskId;
      stories.push(await this.story(id));
      if (child !== undefined) stories.push(await this.story(child));
    }
    return stories;
  }

  /** Until nobody's end is left to be told. */
  async told(): Promise<void> {
    while ((await insist(() => this.#store.find({ untold: true, limit: 1 }))).length > 0) await pause(50);
  }

  async story(task: string): Promise<Story> {
    return await insist(async () => {
      const { status, errors, values, nodes, failedChains } = await this.#runs.get(task);
      const row = await this.#store.read(task);
      const events = await all(this.#runs.events(task));
      const generations = (await all(this.#runs.history(task))).map(({ generation }) => generation).reverse();
      const ended: Ended[] = [];
      const opened = new Map<string, number>();
      for (const event of events) {
        if (event.type === "question.opened") {
          const { node } = event.question;
          opened.set(node, (opened.get(node) ?? 0) + 1);
          // What its module did before it asked was stored before.
          if (node === "talk") ended.push({ what: "talk: before", status: "success", at: event.at });
        }
        if (event.type !== "module.ended") continue;
        const around = event.graph.at(-1);
        const what = around === "each" ? `each.1/${event.module}#${event.node}` : `${event.node}.${event.visit}/${event.module}`;
        if (event.status !== "aborted") ended.push({ what, status: event.status, at: event.at });
      }
      const executions = ended.map(({ what, status }) => `${what} ${status}`).sort();
      const messages = [];
      for (const name of Object.keys(nodes)) if (name === MAILBOX) messages.push(nodes[name]?.result);
      // That its store was away for long is told of a run, too, and is none of its own.
      const own = errors.filter(({ code }) => code !== "store-unavailable");
      const shape = { status, errors: own, values, failedChains, executions };
      return {
        task,
        // How many messages were posted is not of the outcome: each owner of a child tells its parent that the child is about to end.
        outcome: texts({ ...shape, nodes: given(nodes), messages, left: row?.inbox.count }),
        ended,
        opened,
        ends: row?.ends ?? 0,
        untold: row?.untold ?? false,
        isWhole: counts(events.map(({ seq }) => seq)) && counts(generations),
      };
    });
  }
}

const counts = (numbers: readonly number[]): boolean => numbers.every((number, at) => number === at + 1);

const texts = (values: object): Record<string, string> =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name, canonical(value ?? null)]));

/** As text, with the names of an object in order. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, each: unknown) =>
    typeof each === "object" && each !== null && !Array.isArray(each)
      ? Object.fromEntries(Object.entries(each).sort(([a], [b]) => (a < b ? -1 : 1)))
      : each,
  );
}
