/** A store before another one: each call goes through, for those that want to see some of them. */
import type * as port from "./run-commit.ts";
import type { Lease, Owner, StoredRun } from "./run-record.ts";
import { RunStore } from "./run-store.ts";
import type { QuestionQuery, StoredQuestion } from "./stored-question.ts";

export class ForwardingStore extends RunStore {
  protected readonly store: RunStore;

  constructor(store: RunStore) {
    super(store.settings);
    this.store = store;
  }

  create(run: port.NewRun, owner?: Owner): Promise<port.CreateResult> {
    return this.store.create(run, owner);
  }

  claim(taskId: string, owner: Owner, options?: port.ClaimOptions): Promise<port.ClaimResult> {
    return this.store.claim(taskId, owner, options);
  }

  renew(lease: Lease, leaseMs: number): Promise<port.RenewResult> {
    return this.store.renew(lease, leaseMs);
  }

  commit(lease: Lease, commit: port.Commit): Promise<port.CommitResult> {
    return this.store.commit(lease, commit);
  }

  read(taskId: string): Promise<StoredRun | undefined> {
    return this.store.read(taskId);
  }

  load(taskId: string, generation?: number): Promise<port.StoredGeneration | undefined> {
    return this.store.load(taskId, generation);
  }

  override locate(place: string): ReturnType<RunStore["locate"]> {
    return this.store.locate(place);
  }

  generations(taskId: string, query: { before?: number; limit: number }): Promise<port.GenerationEntry[]> {
    return this.store.generations(taskId, query);
  }

  inbox(taskId: string, after: number): Promise<port.StoredMessage[]> {
    return this.store.inbox(taskId, after);
  }

  post(taskId: string, request: port.PostRequest): Promise<port.PostResult> {
    return this.store.post(taskId, request);
  }

  endTold(taskId: string, end: number): Promise<boolean> {
    return this.store.endTold(taskId, end);
  }

  questions(query: QuestionQuery): Promise<StoredQuestion[]> {
    return this.store.questions(query);
  }

  find(query: port.FindQuery): Promise<StoredRun[]> {
    return this.store.find(query);
  }

  events(taskId: string, query: { from: number; limit: number }): Promise<port.StoredEvent[]> {
    return this.store.events(taskId, query);
  }

  remove(taskId: string): Promise<boolean> {
    return this.store.remove(taskId);
  }

  prune(query: port.PruneQuery): Promise<number> {
    return this.store.prune(query);
  }

  subscribe(listener: (taskId: string | null, isCommit?: boolean) => void): () => void {
    return this.store.subscribe(listener);
  }

  override publish(taskId: string, text: string): void {
    this.store.publish(taskId, text);
  }

  override hear(taskId: string, listener: (text: string) => void): () => void {
    return this.store.hear(taskId, listener);
  }

  now(): Promise<number> {
    return this.store.now();
  }

  close(): Promise<void> {
    return this.store.close();
  }
}
