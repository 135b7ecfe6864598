/** The entry point `asimov-agents/worker`: processes that run what is stored and submitted, as it is due. */
export type { QueueConsumer, QueueConsumption, Reminded, TurnResult, WakeUp, WorkQueue } from "./contract/store/work-queue.ts";
export { AgentWorker } from "./worker/agent-worker.ts";
export type { BullQueueOptions } from "./worker/bull-options.ts";
export { type BullQueue, bullQueue } from "./worker/bull-queue.ts";
export type { WorkerHealth, WorkerState } from "./worker/health.ts";
export { type LocalQueueOptions, localQueue } from "./worker/local-queue.ts";
export type { LoopHeld } from "./worker/overload.ts";
export type { StopSignal } from "./worker/stop-signals.ts";
export type { AgentWorkerOptions } from "./worker/worker-options.ts";
