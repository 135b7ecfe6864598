/** The agent: a graph of nodes and what its runs share; every run is an actor of its own. */
import type { InspectionEvent, Snapshot } from "xstate";
import * as z from "zod/mini";
import { someMs, timerMs, wholeMs } from "#contract/base/durations";
import { MemoryCache } from "./cache/memory/cache.ts";
import { compilesByDefault } from "./compile/switch.ts";
import { luaConditions } from "./condition/lua.ts";
import { brand } from "./contract/base/brand.ts";
import { AsimovError, messageOf, SnapshotError } from "./contract/base/errors.ts";
import { lazily } from "./contract/base/lazily.ts";
import { clockSchema, isFunction, nonEmpty, parseOptions, signalSchema } from "./contract/base/options.ts";
import type { RedactOptions } from "./contract/base/redact.ts";
import { type Clock, systemServices } from "./contract/base/services.ts";
import { Task } from "./contract/base/task.ts";
import { threadTurns } from "./contract/base/turns.ts";
import { SnapshotControl } from "./contract/base/vocabulary.ts";
import { followCalls } from "./contract/chat/call-scope.ts";
import { type Graph, requireDistinctNames, withDescendants } from "./contract/graph/graph.ts";
import { type ExecutionPlan, type ExecutionState, planOf, requireNode, toExecutionPlan } from "./contract/graph/plan.ts";
import { Node } from "./contract/node/node.ts";
import { Permits } from "./contract/node/permits.ts";
import type { NodeResult } from "./contract/node/result.ts";
import { threadSuspects } from "./contract/node/suspects.ts";
import { type Budget, budgetSchema } from "./contract/run/budget.ts";
import { toExecutionState } from "./contract/run/order-view.ts";
import type { TaskOutcome } from "./contract/run/outcome.ts";
import type { ParkedRun } from "./contract/run/parked.ts";
import type { Question } from "./contract/run/question.ts";
import { Cache } from "./contract/store/cache.ts";
import type { SnapshotRef } from "./contract/store/run-commit.ts";
import type { RunStore } from "./contract/store/run-store.ts";
import { storeSchema } from "./contract/store/run-store-shape.ts";
import { safeInspector } from "./inspect/safe-inspector.ts";
import type { Migration } from "./keep/migrate.ts";
import { newOwner } from "./keep/owner.ts";
import { damaged } from "./keep/part-texts.ts";
import type { Runs } from "./runs/runs.ts";
import { type AgentHost, type AsChild, lendHost } from "./runtime/agent-host.ts";
import { type AgentRun, type Launch, launch } from "./runtime/agent-run.ts";
import { AgentRuns } from "./runtime/agent-runs.ts";
import type { AgentServices } from "./runtime/agent-services.ts";
import { type ForkOptions, forkRun } from "./runtime/fork-run.ts";
import { type ResumeOptions, resumeRun } from "./runtime/go-on.ts";
import { type DynamicNodes, dynamicNodesOf } from "./runtime/graph-nodes.ts";
import type { Keeping, WhenWaiting } from "./runtime/keeping.ts";
import { OwnRuns } from "./runtime/own-runs.ts";
import { type ResumeAllOptions, resumeAllRuns } from "./runtime/resume-all.ts";
import { type RetryOptions, retryRun } from "./runtime/retry-run.ts";
import { type AgentLogic, KEEPING, runLogic, takeTask } from "./runtime/run-logic.ts";
import { ownScope } from "./runtime/scopes.ts";
import { attachHere, attachRun, requireNamed } from "./runtime/start-or-attach.ts";
import { validGraph } from "./runtime/valid-graph.ts";
import { FileStore } from "./store/file/store.ts";
import { MemoryStore } from "./store/memory/store.ts";
import { openTelemetry } from "./telemetry/open-telemetry.ts";

export interface AgentOptions {
  /** What its runs are known by. Default `"agent"`. */
  name?: string;
  /** Of its graph and modules, as you count them. Default `"1"`. */
  version?: string;
  /** What its runs share, and share with other agents and processes. Default a `MemoryCache` with the agent's clock. */
  cache?: Cache;
  /** Where runs keep their values: each run its own, or all of them together in the cache. Default `"run"`. */
  valuesIn?: "run" | "cache";
  nodes?: Node[];
  /**
   * Nodes that runs may add themselves: a run that had added one is restored with the definition given here, or made here anew from its name
   * and that of the node whose result added it. What is unknown is refused with `snapshot-unknown-node`.
   */
  dynamicNodes?: Node[] | DynamicNodes;
  /**
   * Mends a stored run that does not fit the graph any more, before it goes on: renames, drops or visits again what it has visited, and changes its
   * values. What does not fit afterwards is refused with `snapshot-other-graph`.
   */
  migrate?: (run: Migration) => void;
  /**
   * Told of each question that a run in this process asks, once it is stored, and of each that somebody else is asked from now on; at least once. What it throws
   * is dropped.
   */
  onQuestion?: (question: Question) => void;
  /** Modules that run at a time, over all runs of this agent; at least 1, `Infinity` for no limit. Default 5. */
  maxConcurrentTasks?: number;
  /**
   * Iterations of one run; at least 1, `Infinity` for no limit. Default 100 more than the graph, with the nodes that the run added, has levels,
   * so that a graph without jumps never meets it.
   */
  maxTotalIterations?: number;
  /** The mailbox of the agent's cache where a run's end is published; `null` publishes none. Default `null`. */
  outputMailbox?: string | null;
  /** The mailbox of the agent's cache where errors are published as they happen; `null` publishes none. Default `null`. */
  errorMailbox?: string | null;
  /** Whether nodes that ask for snapshots get them. Default true. */
  autoSnapshot?: boolean;
  /** Where its runs live. Default a `FileStore` in its default place, made when it is first needed. */
  store?: RunStore;
  /** When runs are stored for the sake of nodes that say nothing. Default ALWAYS with a `store`, else NEVER. */
  snapshot?: SnapshotControl;
  /** Whether what depends on a commit waits for it; `async` may repeat what the last commits did not hold. Default `"sync"`. */
  durability?: "sync" | "async";
  /** Milliseconds for which a run is owned, renewed while its process lives; at least 100. Default 30,000. */
  leaseMs?: number;
  /**
   * Owners of a run that may be lost in a row, as by a crash, while one attempt of a module works, at least 1; `Infinity` for no limit. The attempt is not
   * begun again after that: its module fails with `module-lost`, and is not retried. What the attempt has kept meanwhile, as by a step, begins the
   * count anew. Default 10.
   */
  maxLost?: number;
  /** Receives XState's inspection events of the whole system, redacted and cut in size. One that throws breaks nothing. */
  inspect?: (event: InspectionEvent) => void;
  /** What `inspect` gets in place of secrets and long values; `false` gives it everything. */
  redact?: RedactOptions | false;
  /** Milliseconds that an aborted module gets to end by itself, before it is left behind. Default 1,000. */
  abortGraceMs?: number;
  /**
   * Milliseconds for one read or write of the cache or the store that a run itself does, or one of its verbs, at least 1; the run goes on
   * without it, and says so. A run that is cancelled waits no longer than `abortGraceMs`. Default 30,000.
   */
  effectTimeoutMs?: number;
  /** Time for all runs, such as `SimulatedClock` of `asimov-agents/testing`. Default the system's. */
  clock?: Clock;
  /** Makes ids, each unlike any other. Default UUIDs. */
  ids?: () => string;
  /**
   * Whether the charts of its runs are compiled to tables, which is all the same but faster, or left to XState's interpreter.
   * Default true, and false in a process with the environment variable `ASIMOV_COMPILE=off`, which also holds for tool chains.
   */
  compile?: boolean;
  /**
   * What one run may spend on models, nested graphs and restores included; no limit by default. A call that might go beyond is refused
   * with a NonRetryableError `budget-exceeded`, and the run ends as FAILED.
   */
  budget?: Budget;
}

export interface RunOptions {
  /** Cancels the run. */
  signal?: AbortSignal;
  /**
   * Keeps the run's values in the agent's cache, in a key space of this name under the cache's own prefix. Runs that name the same one share it,
   * and nothing of it is removed.
   */
  cachePrefix?: string;
  /** Set before the first node starts; of a run that is restored, beside what it had. The key `task` is the run's task. */
  values?: Record<string, unknown>;
  /** Milliseconds from its start until it fails with `run-deadline`, time in which nobody runs it included; at least 1. */
  deadlineMs?: number;
  /**
   * Of a task that is stored already, or runs in this process: `attach` gives the run that is there, resumed where nobody owns it; where its
   * task differs, `outcome` rejects with `run-differs`. The other options are those that it began with. Default `"refuse"`: `run-exists`.
   */
  ifExists?: "refuse" | "attach";
  /**
   * What becomes of the run when all that is unfinished of it waits for an answer, a message or a moment: it stays in memory, or is stored and let go of
   * (`park`), so that its outcome is a `ParkedRun`. Default `"hold"`.
   */
  whenWaiting?: WhenWaiting;
}

/** Of a run that stays in memory while it waits. */
type Holding<Options> = Options & { whenWaiting?: "hold" };

const mailbox = z.nullable(nonEmpty);
const limit = z.union([z.int().check(z.gte(1)), z.literal(Number.POSITIVE_INFINITY)], {
  message: "expected a whole number, at least 1, or Infinity",
});

const callback = () => z.custom<(...given: never[]) => unknown>((value) => typeof value === "function", { message: "expected a function" });

const agentSchema = lazily(() =>
  z.strictObject({
    name: z.optional(nonEmpty),
    version: z.optional(nonEmpty),
    valuesIn: z.optional(z.enum(["run", "cache"])),
    cache: z.optional(z.custom<Cache>((value) => value instanceof Cache, { message: "expected a Cache" })),
    nodes: z.optional(z.array(z.unknown())),
    dynamicNodes: z.optional(
      z.custom<Node[] | DynamicNodes>(
        (value) => isFunction(value) || (Array.isArray(value) && value.every((each) => each instanceof Node)),
        { message: "expected Nodes, or a function that makes one from its name" },
      ),
    ),
    migrate: z.optional(callback()),
    onQuestion: z.optional(callback()),
    maxConcurrentTasks: z.optional(limit),
    maxTotalIterations: z.optional(limit),
    outputMailbox: z.optional(mailbox),
    errorMailbox: z.optional(mailbox),
    autoSnapshot: z.optional(z.boolean()),
    store: z.optional(storeSchema()),
    snapshot: z.optional(z.enum(SnapshotControl)),
    durability: z.optional(z.enum(["sync", "async"])),
    leaseMs: z.optional(timerMs(100)),
    maxLost: z.optional(limit),
    inspect: z.optional(
      z.custom<(event: InspectionEvent) => void>((value) => typeof value === "function", { message: "expected a function" }),
    ),
    redact: z.optional(z.union([z.literal(false), z.custom<RedactOptions>((value) => typeof value === "object" && value !== null)])),
    abortGraceMs: z.optional(someMs(0)),
    effectTimeoutMs: z.optional(someMs(1)),
    clock: z.optional(clockSchema),
    ids: z.optional(z.custom<() => string>((value) => typeof value === "function", { message: "expected a function" })),
    compile: z.optional(z.boolean()),
    budget: z.optional(budgetSchema()),
  }),
);

const whenWaiting = () => z.optional(z.enum(["hold", "park"]));
const resumeSchema = lazily(() =>
  z.strictObject({ signal: z.optional(signalSchema), takeOver: z.optional(z.boolean()), whenWaiting: whenWaiting() }),
);
const retrySchema = lazily(() =>
  z.strictObject({
    nodes: z.optional(z.array(z.string())),
    keys: z.optional(z.enum(["same", "new"])),
    signal: z.optional(signalSchema),
    whenWaiting: whenWaiting(),
  }),
);
const forkSchema = lazily(() =>
  z.strictObject({
    generation: z.optional(z.int().check(z.gte(1))),
    taskId: z.optional(nonEmpty),
    values: z.optional(z.unknown()),
    params: z.optional(z.unknown()),
    rerun: z.optional(z.array(z.string())),
    signal: z.optional(signalSchema),
    whenWaiting: whenWaiting(),
  }),
);
const resumeAllSchema = lazily(() =>
  z.strictObject({ signal: z.optional(signalSchema), whenWaiting: whenWaiting(), onRefused: z.optional(callback()) }),
);

const asksToBeStored = ({ snapshot, nodes }: Node): boolean =>
  (snapshot ?? SnapshotControl.NEVER) !== SnapshotControl.NEVER || nodes.some(asksToBeStored);

const runSchema = lazily(() =>
  z.strictObject({
    signal: z.optional(signalSchema),
    cachePrefix: z.optional(nonEmpty),
    values: z.optional(z.unknown()),
    deadlineMs: z.optional(wholeMs(1)),
    ifExists: z.optional(z.enum(["refuse", "attach"])),
    whenWaiting: z.optional(z.enum(["hold", "park"])),
  }),
);

/**
 * Runs tasks through a graph of nodes.
 *
 * @example
 * const agent = new Agent({ nodes: [new Node({ name: "greet", modules: [greet] })] });
 * const { status, results } = await agent.runTask(new Task({ type: "demo", objective: "Say hello" }));
 */
export class Agent {
  readonly cache: Cache;
  #nodes = new Map<string, Node>();
  /** Runs hold the map that they started with. */
  #areNodesHeld = false;
  /** Checked and indexed once, for all runs until a node is added. */
  #graph: Graph | undefined;
  readonly #services: AgentServices;
  readonly #inspect: ((event: InspectionEvent) => void) | undefined;
  #maxConcurrentTasks: number;
  #latest: AgentRun | undefined;
  #store: RunStore | undefined;
  readonly #own = new OwnRuns();
  readonly #host: AgentHost;
  #runs: { of: RunStore | undefined; runs: Runs } | undefined;
  readonly #durability: "sync" | "async";
  readonly #leaseMs: number;
  /** The agent as XState logic: input `{ task }`, output `TaskOutcome`; for `setup({ actors })`, `invoke` and `createActor`. */
  readonly logic: AgentLogic;

  /** @throws AsimovError `invalid-options`, GraphError `graph-duplicate-node` */
  constructor(options: AgentOptions = {}) {
    const parsed = parseOptions(agentSchema(), options, "Agent");
    // A run that a module starts finds that module.
    followCalls();
    this.cache = parsed.cache ?? new MemoryCache(parsed.clock === undefined ? {} : { clock: parsed.clock });
    this.#maxConcurrentTasks = parsed.maxConcurrentTasks ?? 5;
    this.#store = parsed.store;
    this.#durability = parsed.durability ?? "sync";
    this.#leaseMs = parsed.leaseMs ?? 30_000;
    this.#inspect =
      parsed.inspect === undefined
        ? undefined
        : safeInspector(parsed.inspect, parsed.redact === undefined ? {} : { redact: parsed.redact });
    this.#services = {
      ...systemServices,
      ...(parsed.clock === undefined ? {} : { clock: parsed.clock }),
      ...(parsed.ids === undefined ? {} : { ids: parsed.ids }),
      name: parsed.name ?? "agent",
      version: parsed.version ?? "1",
      cache: this.cache,
      valuesIn: parsed.valuesIn ?? "run",
      turns: threadTurns,
      compile: parsed.compile !== false && compilesByDefault(),
      permits: new Permits(() => this.#maxConcurrentTasks),
      effectTimeoutMs: parsed.effectTimeoutMs ?? 30_000,
      suspects: threadSuspects,
      maxLost: parsed.maxLost ?? 10,
      conditions: luaConditions(),
      telemetry: openTelemetry(),
      abortGraceMs: parsed.abortGraceMs ?? 1_000,
      ...(parsed.maxTotalIterations === undefined ? {} : { maxTotalIterations: parsed.maxTotalIterations }),
      autoSnapshot: parsed.autoSnapshot ?? true,
      snapshot: parsed.snapshot ?? (parsed.store === undefined ? SnapshotControl.NEVER : SnapshotControl.ALWAYS),
      outputMailbox: parsed.outputMailbox ?? null,
      errorMailbox: parsed.errorMailbox ?? null,
      budget: (parsed.budget ?? {}) as Budget,
      dynamicNodes: dynamicNodesOf(parsed.dynamicNodes ?? []),
      ...(parsed.onQuestion === undefined ? {} : { onQuestion: parsed.onQuestion as (question: Question) => void }),
      ...(parsed.migrate === undefined ? {} : { migrate: parsed.migrate as (run: Migration) => void }),
    };
    this.#host = {
      services: this.#services,
      isNamed: parsed.name !== undefined,
      own: this.#own,
      graph: () => this.#validGraph(),
      keeping: () => this.#keeping(),
      launch: (input) => this.#launch({ input }),
      relaunch: (persisted) => this.#relaunch(persisted),
      adopt: (adopted) => this.#adopt(adopted, parsed.snapshot === undefined),
      store: () => this.#store ?? (this.#isKept() ? this.#keeping().store : undefined),
      start: (task, as) => this.#start(task, {}, as),
    };
    lendHost(this, this.#host);
    this.addNodes((options.nodes ?? []) as Node[]);
    this.logic = runLogic({ services: this.#services, nodes: () => this.#holdNodes(), graph: () => this.#validGraph() });
  }

  /** Read whenever a module wants to start. @throws AsimovError `invalid-options` */
  set maxConcurrentTasks(value: number) {
    this.#maxConcurrentTasks = parseOptions(limit, value, "maxConcurrentTasks");
    this.#services.permits.admit();
  }

  get maxConcurrentTasks(): number {
    return this.#maxConcurrentTasks;
  }

  /** For the runs that start from now on. @throws GraphError `graph-duplicate-node`, also for a node of the same shape */
  addNode(node: Node): this {
    return this.addNodes([node]);
  }

  /** All of them, or none. @throws GraphError `graph-duplicate-node`, also for a node of the same shape */
  addNodes(nodes: Node[]): this {
    for (const node of nodes) {
      if (node instanceof Node) continue;
      throw new AsimovError(`addNode: expected a Node, got ${node === null ? "null" : typeof node}.`, { code: "invalid-options" });
    }
    requireDistinctNames([...nodes.flatMap(({ name }) => this.#nodes.get(name) ?? []), ...nodes]);
    if (this.#areNodesHeld) this.#nodes = new Map(this.#nodes);
    this.#areNodesHeld = false;
    for (const node of nodes) this.#nodes.set(node.name, node);
    this.#graph = undefined;
    return this;
  }

  /** @throws GraphError */
  compileExecutionPlan(): ExecutionPlan {
    return toExecutionPlan(planOf(this.#validGraph()));
  }

  /** The plan of a jump to a node: the node and its descendants. @throws GraphError, AsimovError `unknown-node` */
  compileExecutionPlanFrom(node: string): ExecutionPlan {
    const graph = this.#validGraph();
    requireNode(graph, node);
    return toExecutionPlan(planOf(graph, withDescendants(graph, [node])));
  }

  /** Runs a task to its end. Rejects for misuse alone; see `start`. */
  runTask(task: Task<unknown>, options?: Holding<RunOptions>): Promise<TaskOutcome>;
  runTask(task: Task<unknown>, options: RunOptions): Promise<TaskOutcome | ParkedRun>;
  async runTask(task: Task<unknown>, options?: RunOptions): Promise<TaskOutcome | ParkedRun> {
    return this.#start(task, options).outcome;
  }

  /** @throws GraphError for a graph that cannot run, AsimovError `invalid-options`, `task-not-waiting` */
  start(task: Task<unknown>, options?: Holding<RunOptions>): AgentRun;
  start(task: Task<unknown>, options: RunOptions): AgentRun<TaskOutcome | ParkedRun>;
  start(task: Task<unknown>, options?: RunOptions): AgentRun {
    return this.#start(task, options);
  }

  #start(task: Task<unknown>, options: RunOptions = {}, as: AsChild = {}): AgentRun {
    const given = parseOptions(runSchema(), options, "start") as RunOptions;
    if (!(task instanceof Task)) {
      throw new AsimovError(
        `start: expected a Task, got ${task === null ? "null" : typeof task}; make one by new Task({ type, objective }).`,
        {
          code: "invalid-options",
        },
      );
    }
    // From here on, so that planning a large graph counts.
    this.#services.turns.isOver();
    const { ifExists, whenWaiting, ...more } = given;
    const there = ifExists === "attach" ? this.#own.get(task.id)?.run : undefined;
    if (there !== undefined) return attachHere(there, task);
    const isKept = this.#isKept();
    const store = this.#store;
    const kept = { [KEEPING]: { how: () => this.#keeping(), isKept, whenWaiting, ...as, ...(store === undefined ? {} : { store }) } };
    const launched = this.#launch({ input: { task, ...more, ...kept } });
    takeTask(launched.scope.run);
    if (ifExists === "attach" && (isKept || store !== undefined)) return attachRun(this.#host, launched, given.signal);
    // Not yet, so that whoever subscribes to the run's events at once misses nothing.
    this.#services.turns.soon(launched.begin);
    return launched.run;
  }

  /** Goes on with a stored run to its end; see `startFromSnapshot`. */
  runFromSnapshot(snapshot: string | SnapshotRef, options?: Holding<RunOptions>): Promise<TaskOutcome>;
  runFromSnapshot(snapshot: string | SnapshotRef, options: RunOptions): Promise<TaskOutcome | ParkedRun>;
  async runFromSnapshot(snapshot: string | SnapshotRef, options: RunOptions = {}): Promise<TaskOutcome | ParkedRun> {
    return (await this.startFromSnapshot(snapshot, options)).outcome;
  }

  /**
   * Goes on with a stored run, also with one that has ended, where an older generation is named. What came after that stays in the run's history.
   *
   * @param snapshot a generation, or, for the newest whole one, a task's id; of a `FileStore` the folder of either, too
   * @throws RunError `run-not-found`, `run-ended`, `run-owned`, `run-other-agent`; SnapshotError `snapshot-not-found`, `snapshot-damaged`, `snapshot-format`,
   * `snapshot-other-graph`, `snapshot-unknown-node`, `snapshot-other-values`
   */
  startFromSnapshot(snapshot: string | SnapshotRef, options?: Holding<RunOptions>): Promise<AgentRun>;
  startFromSnapshot(snapshot: string | SnapshotRef, options: RunOptions): Promise<AgentRun<TaskOutcome | ParkedRun>>;
  async startFromSnapshot(snapshot: string | SnapshotRef, options: RunOptions = {}): Promise<AgentRun> {
    return await resumeRun(this.#host, snapshot, parseOptions(runSchema(), options, "startFromSnapshot") as RunOptions);
  }

  /**
   * Goes on with a stored run, from its newest whole generation. Of one that has ended, the message of its end is told first where nobody
   * has told it yet, as after a cancel while nobody owned it.
   *
   * @throws RunError `run-not-found`, `run-ended`, `run-owned`, `run-other-agent`; SnapshotError as `startFromSnapshot`
   */
  resume(taskId: string, options?: Holding<ResumeOptions>): Promise<AgentRun>;
  resume(taskId: string, options: ResumeOptions): Promise<AgentRun<TaskOutcome | ParkedRun>>;
  async resume(taskId: string, options: ResumeOptions = {}): Promise<AgentRun> {
    return await resumeRun(this.#host, { taskId }, parseOptions(resumeSchema(), options, "resume") as ResumeOptions);
  }

  /**
   * After a restart: tells the ends of this agent's runs that nobody has told, then goes on with every stored run of its name that is READY,
   * newest first, each when the one before was taken from the iteration. Runs of a graph that did not fit are not tried again by this agent. @throws AsimovError `agent-unnamed`
   */
  resumeAll(options?: Holding<ResumeAllOptions>): AsyncGenerator<AgentRun, undefined>;
  resumeAll(options: ResumeAllOptions): AsyncGenerator<AgentRun<TaskOutcome | ParkedRun>, undefined>;
  async *resumeAll(options: ResumeAllOptions = {}): AsyncGenerator<AgentRun, undefined> {
    const given = parseOptions(resumeAllSchema(), options, "resumeAll") as ResumeAllOptions;
    requireNamed(this.#host, "resumeAll");
    yield* resumeAllRuns(this.#host, given);
  }

  /**
   * A stored run that is FAILED, PARTIAL or CANCELLED goes on: failed nodes are tried again, modules that succeeded are kept, what was blocked
   * runs, and a limit that ended it is granted once more. @throws RunError `run-not-found`, `run-not-ended`, `run-ended`, `run-owned`, `run-other-agent`; AsimovError `unknown-node`
   */
  retry(taskId: string, options?: Holding<RetryOptions>): Promise<AgentRun>;
  retry(taskId: string, options: RetryOptions): Promise<AgentRun<TaskOutcome | ParkedRun>>;
  async retry(taskId: string, options: RetryOptions = {}): Promise<AgentRun> {
    return await retryRun(this.#host, taskId, parseOptions(retrySchema(), options, "retry") as RetryOptions);
  }

  /**
   * Another run, from where a stored one stood: with its values, results, visits and untaken messages, and with an id and keys of its own. Failed
   * nodes stay failed unless they are among `rerun`. @throws RunError `run-not-found`, `run-exists`; SnapshotError `snapshot-not-found`; AsimovError `unknown-node`
   */
  fork(taskId: string, options?: Holding<ForkOptions>): Promise<AgentRun>;
  fork(taskId: string, options: ForkOptions): Promise<AgentRun<TaskOutcome | ParkedRun>>;
  async fork(taskId: string, options: ForkOptions = {}): Promise<AgentRun> {
    return await forkRun(this.#host, taskId, parseOptions(forkSchema(), options, "fork") as ForkOptions);
  }

  /** The runs of its store, and those of this process. */
  get runs(): Runs {
    const { clock, ids, effectTimeoutMs } = this.#services;
    // Without a store there is none until a run asks for one.
    if (this.#runs === undefined || this.#runs.of !== this.#store) {
      this.#runs = {
        of: this.#store,
        runs: new AgentRuns(this.#store ?? new MemoryStore({ clock }), { clock, ids, effectTimeoutMs }, this.#own),
      };
    }
    return this.#runs.runs;
  }

  /** Of the latest run; before the first, of a run that has not started. */
  get executionState(): ExecutionState {
    const pool = this.#latest === undefined ? undefined : ownScope(this.#latest.actor)?.pool();
    if (pool !== undefined) return toExecutionState(pool.order);
    return {
      executionIndex: 0,
      currentPlan: this.#nodes.size === 0 ? [] : this.compileExecutionPlan(),
      executionHistory: [],
      totalIterations: 0,
    };
  }

  /** Of the latest run, as far as it is. */
  get nodeResults(): Record<string, NodeResult> {
    return this.#latest === undefined ? {} : (ownScope(this.#latest.actor)?.effects.readNodes().nodes ?? {});
  }

  /** Whether a run is stored from its start: where the agent or a node asks for it. */
  #isKept(): boolean {
    const { autoSnapshot, snapshot } = this.#services;
    return autoSnapshot && (snapshot !== SnapshotControl.NEVER || [...this.#nodes.values()].some(asksToBeStored));
  }

  #keeping(): Keeping {
    this.#store ??= new FileStore({ clock: this.#services.clock });
    return { store: this.#store, owner: newOwner(this.#services.ids(), this.#leaseMs), durability: this.#durability };
  }

  /** An agent that was given no store gets that of whoever hosts it. */
  #adopt(store: RunStore, hasDefaults: boolean): RunStore {
    if (this.#store !== undefined) return this.#store;
    this.#store = store;
    if (hasDefaults) Object.assign(this.#services, { snapshot: SnapshotControl.ALWAYS });
    return store;
  }

  #holdNodes(): ReadonlyMap<string, Node> {
    this.#areNodesHeld = true;
    return this.#nodes;
  }

  #validGraph(): Graph {
    this.#graph ??= validGraph([...this.#nodes.values()]);
    return this.#graph;
  }

  #relaunch(snapshot: Snapshot<unknown>): ReturnType<typeof launch> {
    try {
      return this.#launch({ snapshot });
    } catch (error) {
      throw error instanceof SnapshotError ? error : damaged(messageOf(error), error);
    }
  }

  #launch(from: Launch["from"]): ReturnType<typeof launch> {
    const launched = launch({ logic: this.logic, inspect: this.#inspect, from });
    this.#latest = launched.run;
    this.#own.add(launched.run, launched.scope.run);
    return launched;
  }
}

brand(Agent, "Agent");
