/** What the tests of a run share: short ways to make nodes and tasks, a promise that a test settles, and a run with its events. */
import {
  Agent,
  type AgentEvent,
  type AgentModule,
  type AgentModuleInit,
  type AgentOptions,
  defineModule,
  type ModuleContext,
  type ModuleProcess,
  type ModuleResult,
  Node,
  type NodeInit,
  Task,
  type TaskOutcome,
} from "asimov-agents";

export const newTask = (params: Record<string, unknown> = {}): Task => new Task({ type: "test", objective: "Be run", params });

export const success = (result?: unknown): ModuleResult => ({ status: "success", ...(result === undefined ? {} : { result }) });
export const failure = (error: string): ModuleResult => ({ status: "error", error });

type Work = (context: ModuleContext) => unknown;

/** A module that gives what its work gives, whatever that is. */
export const moduleOf = (name: string, work: Work = () => success(name), init: Partial<AgentModuleInit> = {}): AgentModule =>
  defineModule({ ...init, name, process: work as ModuleProcess });

/** A node of one module, named as it is. */
export const nodeOf = (name: string, dependencies: string[] = [], work?: Work, init: Partial<NodeInit> = {}): Node =>
  new Node({ name, dependencies, modules: [moduleOf(name, work)], ...init });

/** A node that fails at its only attempt. */
export const failing = (name: string, dependencies: string[] = [], error = `${name} failed`): Node =>
  nodeOf(name, dependencies, () => failure(error), { nodeConfig: { retryOnFailure: false } });

/** A node that decides for another one each time, or falls through by null. */
export const deciding = (name: string, dependencies: string[], decide: () => string | null): Node =>
  nodeOf(name, dependencies, () => ({ ...success(), decision: decide() }), { nodeConfig: { maxVisits: 0 } });

/** A node that notes its visits in a log. */
export const logging = (log: string[], name: string, dependencies: string[] = [], init: Partial<NodeInit> = {}): Node =>
  nodeOf(
    name,
    dependencies,
    () => {
      log.push(name);
      return success(name);
    },
    init,
  );

/** As that, and it decides by a function of its visit. */
export const loggingDecision = (log: string[], name: string, dependencies: string[], decide: (visit: number) => string | null): Node =>
  nodeOf(
    name,
    dependencies,
    ({ node }) => {
      log.push(name);
      return { ...success(), decision: decide(node.visit) };
    },
    { nodeConfig: { maxVisits: 0 } },
  );

export interface Deferred<T> {
  promise: Promise<T>;
  resolve(value: T): void;
  reject(reason: unknown): void;
}

export const deferred = <T = void>(): Deferred<T> => Promise.withResolvers<T>();

/** Settles when the signal is aborted, with its reason. */
export const aborted = (signal: AbortSignal): Promise<unknown> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve(signal.reason);
    signal.addEventListener("abort", () => resolve(signal.reason), { once: true });
  });

/** A node that works until it is told to go on, or is aborted. */
export function held(name: string, dependencies: string[] = []): { node: Node; entered: Promise<void>; go(): void } {
  const [entered, go] = [deferred(), deferred()];
  const node = nodeOf(name, dependencies, async ({ signal }) => {
    entered.resolve();
    await Promise.race([go.promise, aborted(signal)]);
    signal.throwIfAborted();
    return success(name);
  });
  return { node, entered: entered.promise, go: () => go.resolve() };
}

export const runNodes = (nodes: Node[], options: AgentOptions = {}, task = newTask()): Promise<TaskOutcome> =>
  new Agent({ ...options, nodes }).runTask(task);

/** A run to its end, with everything it told. */
export async function runWithEvents(
  nodes: Node[],
  options: AgentOptions = {},
): Promise<{ outcome: TaskOutcome; events: AgentEvent[]; agent: Agent }> {
  const agent = new Agent({ ...options, nodes });
  const run = agent.start(newTask());
  const events: AgentEvent[] = [];
  for await (const event of run.events()) events.push(event);
  return { outcome: await run.outcome, events, agent };
}

/** Options of an agent whose cache holds all that a run writes and says. */
export const inCache = { valuesIn: "cache", outputMailbox: "agent_output", errorMailbox: "agent_error" } as const;

export const namesOf = (levels: readonly { nodes: string[] }[]): string[][] => levels.map(({ nodes }) => nodes);

/** What was left unhandled while the work ran; also what comes late, as far as it came within a turn of the event loop. */
export async function unhandledDuring(work: () => Promise<unknown>): Promise<unknown[]> {
  const seen: unknown[] = [];
  const note = (reason: unknown): void => {
    seen.push(reason);
  };
  process.on("unhandledRejection", note);
  process.on("uncaughtException", note);
  try {
    await work();
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
  } finally {
    process.off("unhandledRejection", note);
    process.off("uncaughtException", note);
  }
  return seen;
}

/** The node itself, or within so many graphs, each a node named `around N`, the outermost with the lowest number. */
export function within(depth: number, node: Node, init: Partial<NodeInit> = {}): Node {
  let outer = node;
  for (let level = depth; level > 0; level--) outer = new Node({ name: `around ${level}`, nodes: [outer], ...init });
  return outer;
}

/** The path of a node within so many graphs. */
export const pathWithin = (depth: number, name: string): string[] => [
  ...Array.from({ length: depth }, (_, level) => `around ${level + 1}`),
  name,
];
