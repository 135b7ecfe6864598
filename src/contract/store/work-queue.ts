/** The port that wakes workers. What is submitted, and who owns it, only the store says: a queue that loses a wake-up delays a run, and loses none. */
import * as z from "zod/mini";
import type { Clock } from "#contract/base/services";
import type { RunStore } from "./run-store.ts";

/** What a queue is to watch, and whom it wakes. */
export interface QueueConsumer {
  store: RunStore;
  clock: Clock;
  /** Those whose runs this process may take. */
  agents: readonly string[];
  /** Some run may be READY. */
  wake(): void;
}

export interface WorkQueue {
  /** The run is stored, and is to be looked at at that moment, in milliseconds since 1970. */
  tell(run: { taskId: string; agent: string; dueAt: number }): Promise<void>;
  /** Wakes until the function that it gives is called, at once when something changes, and also by itself, for owners that were lost. */
  consume(consumer: QueueConsumer): () => Promise<void>;
}

const isQueue = (value: unknown): boolean => {
  const queue = value as Partial<WorkQueue> | null | undefined;
  return typeof queue?.tell === "function" && typeof queue.consume === "function";
};

/** For the options of whoever is given one. */
export const queueSchema = () =>
  z.custom<WorkQueue>(isQueue, { message: "expected a queue, such as localQueue() of asimov-agents/worker" });
