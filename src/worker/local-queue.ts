/** A queue that is nothing but the store: it listens for changes, and sleeps until the soonest moment, with one timer for all runs. */
import * as z from "zod/mini";
import { timerMs } from "#contract/base/durations";
import { lazily } from "#contract/base/lazily";
import { parseOptions } from "#contract/base/options";
import type { QueueConsumer, QueueConsumption, WorkQueue } from "#contract/store/work-queue";

export interface LocalQueueOptions {
  /** Milliseconds after which a worker looks for what lost owners have left, though nothing told of it; at least 10. Default 1,000. */
  pollMs?: number;
}

const schema = lazily(() => z.strictObject({ pollMs: z.optional(timerMs(10)) }));

/** What comes within so many milliseconds moves the timer once. */
const SETTLE_MS = 20;

/**
 * Wakes a worker when its store says that something changed, at the soonest moment that a run waits for, and after `pollMs`.
 *
 * @throws AsimovError `invalid-options`
 * @example
 * const queue = localQueue({ pollMs: 250 });
 */
export function localQueue(options: LocalQueueOptions = {}): WorkQueue {
  const { pollMs = 1_000 } = parseOptions(schema(), options, "localQueue") as LocalQueueOptions;
  return {
    consume: (consumer) => new Watch(consumer, pollMs),
  };
}

class Watch implements QueueConsumption {
  readonly #consumer: QueueConsumer;
  readonly #pollMs: number;
  readonly #unsubscribe: () => void;
  #timer: unknown;
  #settling: unknown;
  #arming: Promise<void> | undefined;
  #isOver = false;

  constructor(consumer: QueueConsumer, pollMs: number) {
    this.#consumer = consumer;
    this.#pollMs = pollMs;
    this.#unsubscribe = consumer.store.subscribe((_taskId, isCommit) => {
      // What its owner wrote made nothing READY that the owner does not know of.
      if (isCommit !== true) consumer.wake();
      this.#settle();
    });
    this.#rearm();
  }

  async end(): Promise<void> {
    this.#isOver = true;
    this.#unsubscribe();
    const { clock } = this.#consumer;
    clock.clearTimeout(this.#timer);
    clock.clearTimeout(this.#settling);
  }

  #settle(): void {
    this.#settling ??= this.#consumer.clock.setTimeout(() => {
      this.#settling = undefined;
      this.#rearm();
    }, SETTLE_MS);
  }

  #rearm(): void {
    this.#arming ??= this.#arm().finally(() => {
      this.#arming = undefined;
    });
  }

  async #arm(): Promise<void> {
    const left = await this.#left().catch(() => this.#pollMs);
    if (this.#isOver) return;
    const { clock, wake } = this.#consumer;
    clock.clearTimeout(this.#timer);
    this.#timer = clock.setTimeout(
      () => {
        wake();
        this.#rearm();
      },
      Math.max(1, Math.min(left, this.#pollMs)),
    );
  }

  /** Milliseconds until the soonest moment. */
  async #left(): Promise<number> {
    const { store, agents } = this.#consumer;
    let soonest = Number.POSITIVE_INFINITY;
    for (const agent of agents) {
      const [run] = await store.find({ agent, statuses: ["PARKED"], order: "due", limit: 1 });
      soonest = Math.min(soonest, run?.dueAt ?? soonest);
    }
    return soonest - (await store.now());
  }
}
