/** The public names of `asimov-agents`, and nothing else. */
export { Agent, type AgentOptions, type RestoreOptions, type RunOptions } from "./agent.ts";
export { MemoryCache, type MemoryCacheOptions } from "./cache/memory.ts";
export type { Budget } from "./contract/budget.ts";
export {
  Cache,
  type CacheEntry,
  type CacheReadOptions,
  type CacheState,
  type CacheWriteOptions,
  type ReceiveOptions,
} from "./contract/cache.ts";
export type { CallScope, Checkpoint } from "./contract/call-scope.ts";
export type {
  ChatMessage,
  ContentBlock,
  ImageBlock,
  NativeData,
  TextBlock,
  ThinkingBlock,
  ToolResultBlock,
  ToolUseBlock,
} from "./contract/chat.ts";
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
export type {
  FinishReason,
  GenerateOptions,
  Generation,
  InferenceStream,
  StreamPart,
  Thinking,
  ToolChoice,
  ToolInputDelta,
} from "./contract/generation.ts";
export {
  ContextLengthExceededError,
  FinalInferenceError,
  InferenceError,
  type InferenceFacts,
  RetriesExceededError,
} from "./contract/inference-errors.ts";
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
export type { JsonSchema, Schema, StandardSchema } from "./contract/schema.ts";
export { SNAPSHOT_FORMAT, type Snapshot, type SnapshotRef, type SnapshotStore } from "./contract/snapshot.ts";
export { Task, type TaskEnd, type TaskJSON } from "./contract/task.ts";
export { defineTool, type Tool, type ToolContext, type ToolInit } from "./contract/tool.ts";
export type { ToolChainOptions, ToolChainResult, ToolMode, ToolParser } from "./contract/tool-chain.ts";
export { fencedToolParser } from "./contract/tool-parser.ts";
export { addUsage, type Usage } from "./contract/usage.ts";
export { ChatRole, ModuleType, SnapshotControl, TaskStatus } from "./contract/vocabulary.ts";
export type { Fault, GenerationSink, ModelRequest, Wire, WireCall, WireMessage, WireTool } from "./contract/wire.ts";
export {
  AgentDirectedFlowControl,
  type AgentDirectedFlowInit,
  type Voter,
  type VotingClient,
} from "./inference/agent-directed-flow-control.ts";
export type { Ballot, BallotPaper, Tally, VoteExample } from "./inference/ballot.ts";
export type { CallRecord, ClientOptions } from "./inference/call-settings.ts";
export type { Capabilities } from "./inference/capabilities.ts";
export { type ClientInit, InferenceClient } from "./inference/client.ts";
export { DEFAULT_PRICES } from "./inference/price-table.ts";
export { costOf, type ModelPrice, type Prices, type PriceTable, type TokenPrice } from "./inference/prices.ts";
export type { RetryPolicy } from "./inference/retry.ts";
export type { RedactOptions } from "./inspect/redact.ts";
export type { AgentRun } from "./runtime/agent-run.ts";
export type { AgentLogic, AgentLogicInput } from "./runtime/run-logic.ts";
export { FileSnapshotStore, type FileSnapshotStoreOptions } from "./snapshot/file.ts";
export { MemorySnapshotStore, type MemorySnapshotStoreOptions } from "./snapshot/memory.ts";
