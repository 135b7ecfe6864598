/**
 * A run store as callers meet it: each answer about one run comes in time, or is an error of ours that names the run. What a store looks for
 * among all its runs takes as long as it takes. An answer that nobody could go on with is such an error, too.
 */
import { dropping } from "#contract/base/dropping";
import type { EffectLimits } from "#contract/base/effect-limits";
import { requireAnswer } from "#contract/store/run-answers";
import type * as port from "#contract/store/run-commit";
import { inOurs } from "#contract/store/run-errors";
import type { Lease, Owner, StoredRun } from "#contract/store/run-record";
import { RunStore } from "#contract/store/run-store";
import { type QuestionQuery, type StoredQuestion, taskOfQuestion } from "#contract/store/stored-question";

type Call = Parameters<typeof requireAnswer>[0];

export class AnsweredStore extends RunStore {
  readonly #store: RunStore;
  readonly #limits: Pick<EffectLimits, "run">;

  constructor(store: RunStore, limits: Pick<EffectLimits, "run">) {
    super(store.settings);
    this.#store = store;
    this.#limits = limits;
  }

  create(run: port.NewRun, owner?: Owner): Promise<port.CreateResult> {
    return this.#of("create", run.taskId, "create", (store) => store.create(run, owner));
  }

  claim(taskId: string, owner: Owner, options?: port.ClaimOptions): Promise<port.ClaimResult> {
    return this.#of("claim", taskId, "claim", (store) => store.claim(taskId, owner, options));
  }

  renew(lease: Lease, leaseMs: number): Promise<port.RenewResult> {
    return this.#of("renew", lease.taskId, "renew", (store) => store.renew(lease, leaseMs));
  }

  commit(lease: Lease, commit: port.Commit): Promise<port.CommitResult> {
    return this.#of("commit", lease.taskId, "commit", (store) => store.commit(lease, commit));
  }

  read(taskId: string): Promise<StoredRun | undefined> {
    return this.#of("read", taskId, "read", (store) => store.read(taskId));
  }

  load(taskId: string, generation?: number): Promise<port.StoredGeneration | undefined> {
    return this.#of("load", taskId, "load", (store) => store.load(taskId, generation));
  }

  override locate(place: string): ReturnType<RunStore["locate"]> {
    return this.#limits.run(`locating ${place}`, () => this.#ask("locate", `locate ${place}`, (store) => store.locate(place)));
  }

  generations(taskId: string, query: { before?: number; limit: number }): Promise<port.GenerationEntry[]> {
    return this.#of("generations", taskId, "list the generations of", (store) => store.generations(taskId, query));
  }

  inbox(taskId: string, after: number): Promise<port.StoredMessage[]> {
    return this.#of("inbox", taskId, "read the inbox of", (store) => store.inbox(taskId, after));
  }

  post(taskId: string, request: port.PostRequest): Promise<port.PostResult> {
    return this.#of("post", taskId, request.kind === "cancel" ? "cancel" : "take a message to", (store) => store.post(taskId, request));
  }

  endTold(taskId: string, end: number): Promise<boolean> {
    return this.#of("endTold", taskId, "note that somebody was told of the end of", (store) => store.endTold(taskId, end));
  }

  questions(query: QuestionQuery): Promise<StoredQuestion[]> {
    const ask = (store: RunStore): Promise<StoredQuestion[]> => store.questions(query);
    const { taskId = query.id === undefined ? undefined : taskOfQuestion(query.id) } = query;
    return taskId === undefined
      ? this.#ask("questions", "list questions", ask)
      : this.#of("questions", taskId, "list the questions of", ask);
  }

  find(query: port.FindQuery): Promise<StoredRun[]> {
    return this.#ask("find", "find runs", (store) => store.find(query));
  }

  events(taskId: string, query: { from: number; limit: number }): Promise<port.StoredEvent[]> {
    return this.#of("events", taskId, "read the events of", (store) => store.events(taskId, query));
  }

  remove(taskId: string): Promise<boolean> {
    return this.#of("remove", taskId, "remove", (store) => store.remove(taskId));
  }

  prune(query: port.PruneQuery): Promise<number> {
    return this.#ask("prune", "prune runs", (store) => store.prune(query));
  }

  override publish(taskId: string, text: string): void {
    dropping(() => this.#store.publish(taskId, text));
  }

  override hear(taskId: string, listener: (text: string) => void): () => void {
    try {
      return requireAnswer("hear", this.#store.hear(taskId, listener));
    } catch {
      return () => {};
    }
  }

  subscribe(listener: (taskId: string | null, isCommit?: boolean) => void): () => void {
    try {
      return requireAnswer("subscribe", this.#store.subscribe(listener));
    } catch (error) {
      throw inOurs("tell of its changes", error);
    }
  }

  now(): Promise<number> {
    return this.#limits.run("asking for the store's time", () => this.#ask("now", "tell its time", (store) => store.now()));
  }

  close(): Promise<void> {
    return this.#store.close();
  }

  #of<T>(call: Call, taskId: string, what: string, ask: (store: RunStore) => Promise<T>): Promise<T> {
    const whole = `${what} run ${taskId}`;
    return this.#limits.run(`the request to ${whole}`, () => this.#ask(call, whole, ask, taskId));
  }

  async #ask<T>(call: Call, what: string, ask: (store: RunStore) => Promise<T>, taskId?: string): Promise<T> {
    try {
      return requireAnswer(call, await ask(this.#store), taskId);
    } catch (error) {
      throw inOurs(what, error, taskId);
    }
  }
}
