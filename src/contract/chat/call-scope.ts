/** Where a model is called from: the run that pays for the call, ends it, and traces it. Found by the module's signal, or by where it runs. */
import { inCommon } from "#contract/base/brand";
import type { Span } from "#contract/base/telemetry";
import type { Approvals } from "./approval.ts";
import type { StreamPart, ToolResultPart } from "./generation.ts";
import type { Usage } from "./usage.ts";

/** What a call may cost at most, told before it is made. Unknown prices are `undefined`. */
export interface CallEstimate {
  model: string;
  tokens: number;
  cost: number | undefined;
}

/** @param isUntold whether the call was answered, and its provider told no usage: then it counts as it was estimated */
export type SettleCall = (usage: Usage, isUntold?: boolean) => void;

/** Where a module keeps what it has reached, within its own persisted state. */
export interface Checkpoint {
  /** What was saved last, also before a restore; `undefined` at first. */
  load(): Promise<unknown>;
  /** Keeps a JSON value; settles when it would survive the end of the process, as far as the node's snapshots do. */
  save(state: unknown): Promise<void>;
}

/** One attempt of one module, as far as calls of models concern it. */
export interface CallScope {
  /** The module's, or the tool's that runs within it: what a chain there is called in traces. */
  readonly agentName: string;
  readonly signal: AbortSignal;
  readonly span: Span;
  readonly idempotencyKey: string;
  /** Where the chain of a key is kept; absent where nothing goes on from it, such as in a later visit of a generator. */
  readonly chains: ((key: string) => Checkpoint) | undefined;
  /** Whom calls of tools are decided by that need it. */
  readonly approvals?: Approvals | undefined;
  /** Tells whoever asked for it what a model answers, part by part, and what the tools of a chain give; absent while nobody asks. */
  readonly deltas?: ((part: StreamPart | ToolResultPart) => void) | undefined;
  /** Does what only waits: the scope gives its permit back meanwhile, and no time limit counts. */
  wait<T>(work: () => Promise<T>): Promise<T>;
  /** Books a call before it is made. @returns what settles it with its real usage. @throws NonRetryableError `budget-exceeded` */
  admit(estimate: CallEstimate): SettleCall;
}

/** The part of Node's `AsyncLocalStorage` that is used. */
interface Storage {
  run<T>(store: CallScope | undefined, work: () => T): T;
  getStore(): CallScope | undefined;
}

interface Calls {
  storage?: Storage;
}

/** On the signal itself: a WeakMap would keep both, as scopes hold their signals, until the next collection of everything. */
const SCOPE = Symbol.for("asimov-agents/call-scope");

type Scoped = AbortSignal & { [SCOPE]?: CallScope };

/** In common, since a client of one copy of the package may be called in a run of another. */
const calls = inCommon("calls", (): Calls => ({}));

/** Called by the first client: runs without models do not pay for it. In a browser a call is found by its signal alone. */
export function followCalls(): void {
  if (calls.storage !== undefined) return;
  const hooks = (
    globalThis as { process?: { getBuiltinModule?(id: string): { AsyncLocalStorage: new () => Storage } } }
  ).process?.getBuiltinModule?.("node:async_hooks");
  if (hooks !== undefined) calls.storage = new hooks.AsyncLocalStorage();
}

export function runInScope<T>(scope: CallScope, work: () => T): T {
  return calls.storage === undefined ? work() : calls.storage.run(scope, work);
}

/** What a module happens to cause, and is none of its doing: it neither pays for it nor ends it. */
export const runInNoScope = <T>(work: () => T): T => (calls.storage === undefined ? work() : calls.storage.run(undefined, work));

/** Makes the calls that are given this signal calls of the scope. */
export function bindScope(signal: AbortSignal, scope: CallScope): void {
  (signal as Scoped)[SCOPE] = scope;
}

export function currentScope(signal?: AbortSignal): CallScope | undefined {
  return (signal as Scoped | undefined)?.[SCOPE] ?? calls.storage?.getStore();
}
