/** The public names of `asimov-agents`, and nothing else. */
export { Agent, type AgentOptions, type RunOptions } from "./agent.ts";
export { agentModule, type ChildRunInit, type ChildTask } from "./agent-module.ts";
export { MemoryCache, type MemoryCacheOptions } from "./cache/memory/cache.ts";
export { fencedToolParser } from "./chain/tool-parser.ts";
export { FallbackInferenceClient, type FallbackOptions } from "./clients/fallback.ts";
export { type ClientInit, InferenceClient } from "./clients/inference-client.ts";
export type { Compiled } from "./compile/compile.ts";
export { compileMachine } from "./compile/switch.ts";
export type { ErrorCause, ErrorDetails } from "./contract/base/error-details.ts";
export {
  AsimovError,
  type AsimovErrorOptions,
  CacheKeyError,
  ConditionError,
  GraphError,
  NonRetryableError,
  QuestionError,
  RunError,
  SnapshotError,
} from "./contract/base/errors.ts";
export type { RedactOptions } from "./contract/base/redact.ts";
export type { Clock, Services } from "./contract/base/services.ts";
export { Task, type TaskEnd, type TaskJSON } from "./contract/base/task.ts";
export { ChatRole, ModuleType, SnapshotControl, TaskStatus } from "./contract/base/vocabulary.ts";
export type { Approval, ApprovalRequest, ShownCall } from "./contract/chat/approval.ts";
export type { CallScope, Checkpoint } from "./contract/chat/call-scope.ts";
export {
  ContextLengthExceededError,
  FinalInferenceError,
  InferenceError,
  type InferenceFacts,
  RetriesExceededError,
} from "./contract/chat/errors.ts";
export type {
  FinishReason,
  GenerateOptions,
  Generation,
  InferenceStream,
  ProviderLimit,
  StreamPart,
  Thinking,
  ToolChoice,
  ToolInputDelta,
  ToolResultPart,
} from "./contract/chat/generation.ts";
export type {
  ChatMessage,
  Citation,
  ContentBlock,
  FileBlock,
  ImageBlock,
  NativeData,
  ProviderBlock,
  TextBlock,
  ThinkingBlock,
  ToolResultBlock,
  ToolUseBlock,
} from "./contract/chat/message.ts";
export type { EnumsAsText, InProviderWords, ProviderOptions } from "./contract/chat/provider-options.ts";
export type { Checked, JsonSchema, Schema, StandardSchema } from "./contract/chat/schema.ts";
export { defineTool, providerTool, type Tool, type ToolContext, type ToolInit } from "./contract/chat/tool.ts";
export type {
  ChainPart,
  ChainProgress,
  ChainStream,
  StepOptions,
  ToolChainOptions,
  ToolChainResult,
  ToolMode,
  ToolParser,
} from "./contract/chat/tool-chain.ts";
export { addUsage, type Usage } from "./contract/chat/usage.ts";
export type { Fault, GenerationSink, ModelRequest, Wire, WireCall, WireMessage, WireTool } from "./contract/chat/wire.ts";
export type { ExecutionPlan, ExecutionState, ExecutionStep } from "./contract/graph/plan.ts";
export { type FlowControlConfig, FlowControlModule, type FlowDecision } from "./contract/node/flow-control.ts";
export {
  AgentModule,
  type AgentModuleInit,
  type Answered,
  type Ask,
  defineModule,
  type EmittedEvent,
  Middleware,
  type MiddlewareContext,
  type ModuleConfig,
  type ModuleContext,
  type ModuleProcess,
  type ModuleResult,
  type ReceiveWaitOptions,
  type SleepOptions,
  type StepContext,
} from "./contract/node/module.ts";
export type { Backoff, NodeConfig, NodeInit } from "./contract/node/node.ts";
export { Node } from "./contract/node/node.ts";
export type { OutputMailbox } from "./contract/node/output-mailbox.ts";
export type { ErrorReport, NodeResult } from "./contract/node/result.ts";
export { type AskContext, defineQuestion, type QuestionInit, sleepFor, sleepUntil } from "./contract/node/waiting-modules.ts";
export type { Budget } from "./contract/run/budget.ts";
export type { AgentEvent } from "./contract/run/events.ts";
export type { DeltaPart, ModelDelta } from "./contract/run/model-delta.ts";
export type { TaskOutcome } from "./contract/run/outcome.ts";
export type { ParkedRun } from "./contract/run/parked.ts";
export type { Question } from "./contract/run/question.ts";
export type { NodeView, RunView, ViewNode, Waiting } from "./contract/run/run-view.ts";
export {
  Cache,
  type CacheReadOptions,
  type CacheWriteOptions,
  type ReceiveOptions,
  type ReceivePermit,
} from "./contract/store/cache.ts";
export type {
  Asked,
  CancelOrder,
  ClaimOptions,
  ClaimResult,
  Commit,
  CommitResult,
  CreateResult,
  FindQuery,
  GenerationEntry,
  MessageOrder,
  NewRun,
  PostRequest,
  PostResult,
  PruneQuery,
  RenewResult,
  SnapshotRef,
  StoredEvent,
  StoredGeneration,
  StoredMessage,
} from "./contract/store/run-commit.ts";
export type { Codec, RunStoreOptions, RunStoreSettings } from "./contract/store/run-options.ts";
export type { CancelRequest, Lease, Owner, OwnerProcess, RunEnd, RunStatus, Sealed, StoredRun } from "./contract/store/run-record.ts";
export { statusOf } from "./contract/store/run-status.ts";
export { RunStore } from "./contract/store/run-store.ts";
export type { NewQuestion, QuestionClosed, QuestionEnd, QuestionQuery, StoredQuestion } from "./contract/store/stored-question.ts";
export type { CallPause, CallRecord, ClientOptions } from "./inference/call/call-settings.ts";
export type { RetryPolicy } from "./inference/faults/retry.ts";
export type { ModelPrice, PriceTable, TokenPrice } from "./inference/prices/model-price.ts";
export { DEFAULT_PRICES } from "./inference/prices/price-table.ts";
export { costOf, type Prices } from "./inference/prices/prices.ts";
export type { Capabilities } from "./inference/request/capabilities.ts";
export {
  AgentDirectedFlowControl,
  type AgentDirectedFlowInit,
  type Voter,
  type VotingClient,
} from "./inference/votes/agent-directed-flow-control.ts";
export type { Ballot, BallotPaper, Tally, VoteExample } from "./inference/votes/ballot.ts";
export type { Migration } from "./keep/migrate.ts";
export type { KeyedStart, KeyLimit, KeyOptions } from "./runs/key-options.ts";
export type { AnswerOptions } from "./runs/questions.ts";
export type { FindQuestions, FindRuns } from "./runs/run-queries.ts";
export { type FollowOptions, type RunHistoryEntry, Runs, type RunsOptions } from "./runs/runs.ts";
export type { ScheduleOptions } from "./runs/schedules.ts";
export type { SubmitOptions, Submitted, SubmittedTask } from "./runs/submit.ts";
export type { AgentRun, EventsOptions } from "./runtime/agent-run.ts";
export type { ForkOptions } from "./runtime/fork-run.ts";
export type { ResumeOptions } from "./runtime/go-on.ts";
export type { DynamicNodes } from "./runtime/graph-nodes.ts";
export type { WhenWaiting } from "./runtime/keeping.ts";
export type { ResumeAllOptions } from "./runtime/resume-all.ts";
export type { RetryOptions } from "./runtime/retry-run.ts";
export type { AgentLogic, AgentLogicEvent, AgentLogicInput } from "./runtime/run-logic.ts";
export { FileStore, type FileStoreOptions } from "./store/file/store.ts";
export { MemoryStore, type MemoryStoreOptions } from "./store/memory/store.ts";
