/** What a worker is given, checked. */
import * as z from "zod/mini";
import type { Agent } from "#agent";
import { someMs, timerMs } from "#contract/base/durations";
import { lazily } from "#contract/base/lazily";
import { clockSchema, isFunction, parseOptions } from "#contract/base/options";
import type { Clock } from "#contract/base/services";
import type { Question } from "#contract/run/question";
import type { RunStore } from "#contract/store/run-store";
import { storeSchema } from "#contract/store/run-store-shape";
import { queueSchema, type WorkQueue } from "#contract/store/work-queue";
import type { LoopHeld } from "./overload.ts";
import { STOP_SIGNALS, type StopSignal } from "./stop-signals.ts";

export interface AgentWorkerOptions {
  /** Whose runs it takes: each has a name of its own, and no store or the worker's. */
  agents: readonly Agent[];
  /** Where the runs live. */
  store: RunStore;
  /** What wakes it. Default `localQueue()`. */
  queue?: WorkQueue;
  /** Runs that it has in memory at a time, at least 1. Default 10. */
  concurrency?: number;
  /** Of those, how many at most of one agent, by its name. Default all. */
  concurrencyOf?: Readonly<Record<string, number>>;
  /** Milliseconds for which a run is owned, renewed while the process lives; at least 100. Default 30,000. */
  leaseMs?: number;
  /** Told of each question that a run of this worker asks, once it is stored, and of each that somebody else is asked from now on; at least once. */
  onQuestion?: (question: Question) => void;
  /** Told of each run that this worker leaves as it is, and why; of runs whose graph or agent it does not have, of the first of each. Default: a warning. */
  onRefused?: (error: Error, taskId: string) => void;
  /** Told when the event loop was held for more than a third of `leaseMs`, and which runs are put down for it. Default: a warning. */
  onHeld?: (held: LoopHeld) => void;
  /** Milliseconds for which `stop` lets what works go on, where it is not told. Default 10,000. */
  graceMs?: number;
  /** Signals of the process on which it stops: on the first as by `stop()`, on the next one at once. The process is not ended. Default none. */
  stopOn?: readonly StopSignal[];
  /** For what is waited for; the same as its agents' and its store's. Default the system's. */
  clock?: Clock;
}

const callback = () => z.optional(z.custom<(...given: never[]) => unknown>(isFunction, { message: "expected a function" }));
const count = () => z.int().check(z.gte(1));

const schema = lazily(() =>
  z.strictObject({
    agents: z.array(z.unknown()).check(z.minLength(1)),
    store: storeSchema(),
    queue: z.optional(queueSchema()),
    concurrency: z.optional(count()),
    concurrencyOf: z.optional(z.record(z.string(), count())),
    leaseMs: z.optional(timerMs(100)),
    onQuestion: callback(),
    onRefused: callback(),
    onHeld: callback(),
    graceMs: z.optional(someMs(0)),
    stopOn: z.optional(z.array(z.enum(STOP_SIGNALS))),
    clock: z.optional(clockSchema),
  }),
);

const stopSchema = lazily(() => z.strictObject({ graceMs: z.optional(someMs(0)) }));

/** @throws AsimovError `invalid-options` */
export const takeOptions = (options: AgentWorkerOptions): AgentWorkerOptions =>
  parseOptions(schema(), options, "AgentWorker") as unknown as AgentWorkerOptions;
export const takeStop = (options: object): { graceMs?: number } => parseOptions(stopSchema(), options, "stop") as { graceMs?: number };
