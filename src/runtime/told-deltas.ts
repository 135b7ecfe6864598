/** Whom a run tells what its models answer: its readers in this process, and those in others while any of them wants to hear it. */
import type { Clock } from "#contract/base/services";
import type { ModelDelta, ToldDelta } from "#contract/run/model-delta";
import type { DeltaPublisher } from "./delta-publisher.ts";
import type { Subscription } from "./subscription.ts";

export class ToldDeltas {
  readonly #taskId: string;
  readonly #clock: Clock;
  readonly #readers = new Set<Subscription>();
  #publisher: DeltaPublisher | undefined;

  constructor(taskId: string, clock: Clock) {
    this.#taskId = taskId;
    this.#clock = clock;
  }

  get areWanted(): boolean {
    return this.#readers.size > 0 || this.#publisher?.isWanted === true;
  }

  /** At once, also to who is told the events when they are stored. */
  tell(delta: ToldDelta, graph: readonly string[]): void {
    const told: ModelDelta = { type: "model.delta", taskId: this.#taskId, at: this.#clock.now(), graph, ...delta };
    for (const reader of this.#readers) reader.pushDelta(told);
    this.#publisher?.tell(told);
  }

  add(reader: Subscription): void {
    this.#readers.add(reader);
  }

  remove(reader: Subscription): void {
    this.#readers.delete(reader);
  }

  /** Who tells other processes. */
  publishBy(publisher: DeltaPublisher): void {
    this.#publisher = publisher;
  }

  /** To other processes, now. */
  flush(): void {
    this.#publisher?.flush();
  }

  /** Other processes hear no more. */
  unpublish(): void {
    this.#publisher?.end();
    this.#publisher = undefined;
  }

  end(): void {
    this.#readers.clear();
    this.unpublish();
  }
}
