/** The public names of `asimov-agents`, and nothing else. */
export { Agent, type AgentOptions, type RestoreOptions, type RunOptions } from "./agent.ts";
export { MemoryCache, type MemoryCacheOptions } from "./cache/memory.ts";
export {
  Cache,
  type CacheEntry,
  type CacheReadOptions,
  type CacheState,
  type CacheWriteOptions,
  type ReceiveOptions,
} from "./contract/cache.ts";
export {
  AsimovError,
  type AsimovErrorOptions,
  CacheKeyError,
  ConditionError,
  GraphError,
  NonRetryableError,
  SnapshotError,
} from "./contract/errors.ts";
export type { AgentEvent } from "./contract/events.ts";
export { type FlowControlConfig, FlowControlModule, type FlowDecision } from "./contract/flow-control.ts";
export {
  AgentModule,
  type AgentModuleInit,
  defineModule,
  type EmittedEvent,
  Middleware,
  type MiddlewareContext,
  type ModuleConfig,
  type ModuleContext,
  type ModuleProcess,
  type ModuleResult,
} from "./contract/module.ts";
export type { Backoff, NodeConfig, NodeInit } from "./contract/node.ts";
export { Node } from "./contract/node.ts";
export type { ErrorReport, NodeResult, TaskOutcome } from "./contract/outcome.ts";
export type { ExecutionPlan, ExecutionState, ExecutionStep } from "./contract/plan.ts";
export { SNAPSHOT_FORMAT, type Snapshot, type SnapshotRef, type SnapshotStore } from "./contract/snapshot.ts";
export { Task, type TaskEnd, type TaskJSON } from "./contract/task.ts";
export { ModuleType, SnapshotControl, TaskStatus } from "./contract/vocabulary.ts";
export type { RedactOptions } from "./inspect/redact.ts";
export type { AgentRun } from "./runtime/agent-run.ts";
export type { AgentLogic, AgentLogicInput } from "./runtime/run-logic.ts";
export { FileSnapshotStore, type FileSnapshotStoreOptions } from "./snapshot/file.ts";
export { MemorySnapshotStore, type MemorySnapshotStoreOptions } from "./snapshot/memory.ts";
