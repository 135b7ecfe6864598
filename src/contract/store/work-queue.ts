/** The port that wakes workers. What is submitted, and who owns it, only the store says: a queue that loses a wake-up delays a run, and loses none. */
import * as z from "zod/mini";
import type { Clock } from "#contract/base/services";
import type { RunStatus, StoredRun } from "./run-record.ts";
import type { RunStore } from "./run-store.ts";

/** A run that is to be looked at. */
export interface WakeUp {
  taskId: string;
  agent: string;
  /** Milliseconds from now on. */
  delayMs: number;
  /** Of several whose moment has come, a higher one is first. */
  priority: number;
}

/** Where a run stands after its turn; `"full"` where the worker had no room for it, so that it is another's turn, or a later one. */
export type TurnResult = RunStatus | "not-found" | "full";

/** What a queue is to watch, and whom it wakes. */
export interface QueueConsumer {
  store: RunStore;
  clock: Clock;
  /** Milliseconds for which a run is owned. */
  leaseMs: number;
  /** Those whose runs this process may take. */
  agents: readonly string[];
  /** Some run may be READY, or was left by a lost owner: the worker looks for itself. */
  wake(): void;
  /** How many more runs of an agent this process takes now. */
  room(agent: string): number;
  /** It is that run's turn. Settles when this process is done with it; rejects with what kept it from going on. */
  take(taskId: string): Promise<TurnResult>;
  /** What went wrong in the queue itself. */
  refused(error: Error): void;
}

/** What a worker holds of a queue that it consumes. */
export interface QueueConsumption {
  /** There may be other room than before; of a worker that stops there is none. */
  roomed?(): void;
  /** No run is in the worker any more. */
  end(): Promise<void>;
}

/**
 * `"unknown"`: it was not told of the run, or has lost it. `"given"`: somebody has the run's turn, and has not begun it; whoever that is may be lost,
 * so that the run is taken without one.
 */
export type Reminded = "unknown" | "waits" | "given";

export interface WorkQueue {
  /**
   * Whether a run that nobody has begun is taken when the queue gives it its turn, and then only. Else a worker that is woken takes what is READY.
   * What lost owners have left it takes by itself in any case. Default false.
   */
  readonly givesTurns?: boolean;
  /** The run is stored. A queue that watches the store needs none. */
  tell?(run: WakeUp): Promise<void>;
  /** The run has been READY for a while: it is told again, and what the queue knew of it is said. */
  remind?(run: WakeUp): Promise<Reminded>;
  /** Wakes until its end, at once when something changes, and also by itself, for owners that were lost. */
  consume(consumer: QueueConsumer): QueueConsumption;
}

/** On the row of a run that was submitted with a priority of its own. */
export const PRIORITY = "asimov.priority";

export const priorityOf = ({ labels }: Pick<StoredRun, "labels">): number => Number(labels[PRIORITY] ?? 0) || 0;

/** What a queue is told of a run that goes on at its `dueAt`, or now. @param now by the store's clock */
export const wakeUpOf = (run: Pick<StoredRun, "taskId" | "agent" | "dueAt" | "labels">, now: number): WakeUp => ({
  taskId: run.taskId,
  agent: run.agent,
  delayMs: Math.max(0, (run.dueAt ?? now) - now),
  priority: priorityOf(run),
});

const isQueue = (value: unknown): boolean => {
  const queue = value as Partial<WorkQueue> | null | undefined;
  return typeof queue?.consume === "function" && ["function", "undefined"].includes(typeof queue.tell);
};

/** For the options of whoever is given one. */
export const queueSchema = () =>
  z.custom<WorkQueue>(isQueue, { message: "expected a queue, such as localQueue() of asimov-agents/worker" });
