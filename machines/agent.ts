/**
 * One run of one task over a graph: it plans, has each step executed, decides, and settles; it routes every message.
 *
 *     opening ─▶ deciding ─▶ executing ─▶ deciding …  ─▶ closing ─▶ COMPLETE | FAILED | PARTIAL
 *                  │  ▲          │
 *                  ▼  │          └─ run.cancel ─▶ stopping ─▶ deciding
 *        saving, routing, cleaning
 *
 * Its children: `task` (its status), `nodes` (the nodes' supervisor), `outbox` (messages on their way to a mailbox).
 */
import { assign, emit, enqueueActions, sendTo, setup } from "xstate";
import type { EffectLogic } from "#contract/base/effect-logic";
import { endTask, type TaskJSON } from "#contract/base/task";
import { TaskStatus } from "#contract/base/vocabulary";
import { addUsage, type Usage } from "#contract/chat/usage";
import type { Graph } from "#contract/graph/graph";
import type { GraphKeys } from "#contract/node/attempt";
import { type OutputMailbox, shownMailbox } from "#contract/node/output-mailbox";
import {
  type ErrorReport,
  type Failure,
  type Fault,
  faultOf,
  type NodeReport,
  type NodeResult,
  withoutFinality,
} from "#contract/node/result";
import { NOTHING_SPENT, type Spending } from "#contract/run/budget";
import { endMessage, endOfRun, endStatusOf, outcomeOfRun } from "#contract/run/end";
import type { RunEvent } from "#contract/run/events";
import { isOverIterations, iterationLimit } from "#contract/run/limit";
import type { TaskOutcomeJSON } from "#contract/run/outcome";
import { beginStep, markSaved, nodesToSave, type RunState, runnable, settleStep, startState, withErrors } from "#contract/run/state";
import type { SnapshotRef } from "#contract/store/snapshot";
import { taskMachine } from "./task.ts";

export interface AgentMachineInput {
  /** Stable over restores; every idempotency key starts with it. */
  runId: string;
  task: TaskJSON;
  graph: Graph;
  keys: GraphKeys;
  /** The path of nodes whose nested graph this is; empty for a whole run. */
  path: string[];
  /** See `iterationLimit`; null for the default. */
  maxTotalIterations: number | null;
  autoSnapshot: boolean;
  outputMailbox: string | null;
  errorMailbox: string | null;
  /** The key space of the agent's cache that holds the run's values; absent where they are its own. */
  cachePrefix?: string;
}

export interface AgentMachineContext extends Omit<AgentMachineInput, "graph"> {
  state: RunState;
  /** Why the whole run fails, whatever its nodes did. */
  failure?: Failure;
  /** Messages on their way. */
  unpublished: number;
  /** Nodes whose generators a jump closes before the next step. */
  cleanup: string[];
  nodes: Record<string, NodeResult>;
  results: Record<string, unknown>;
  executions: Record<string, number>;
  /** Of a whole run: what each node spent on models, by `pathKey`. Nested graphs book here too, so that nothing is counted twice. */
  usage: Record<string, Usage>;
  /** What a budget is held against. */
  spent: Spending;
}

export interface PublishEvent {
  type: "message.publish";
  mailbox: OutputMailbox;
  /** JSON. */
  message: unknown;
  /** Given by whoever waits for the message to be there. */
  id?: string;
}

export type AgentMachineEvent =
  | { type: "run.cancel"; reason?: string; code?: string }
  | { type: "step.completed"; reports: NodeReport[] }
  | { type: "node.failed"; report: NodeReport }
  | PublishEvent
  | { type: "message.published" }
  | { type: "message.failed"; mailbox: OutputMailbox; error: string }
  /** `spent` is the run's whole spending by now. */
  | { type: "usage.recorded"; node: string; usage: Usage; spent: Spending }
  | { type: "snapshot.failed"; fault: Fault }
  /** A graph nested in this one tells what it has told; it is published already. */
  | { type: "nested.reported"; report: ErrorReport };

/** What the agent asks of its nodes' supervisor. */
export type NodesCommand =
  | { type: "step.execute"; nodes: readonly string[]; iteration: number }
  | { type: "nodes.abort"; reason: string; code: string }
  | { type: "node.refuse"; node: string; error: string; code: string };

interface Enqueue {
  emit(event: RunEvent): void;
  sendTo(target: "outbox", event: PublishEvent): void;
}

let asked: { before: RunState; reports: readonly NodeReport[]; after: ReturnType<typeof settleStep> } | undefined;

/** Guards ask, and the action after them takes the same answer: it is kept from one to the other. */
function askSettled(before: RunState, reports: readonly NodeReport[]): ReturnType<typeof settleStep> {
  if (asked?.before !== before || asked.reports !== reports) asked = { before, reports, after: settleStep(before, reports) };
  return asked.after;
}

function takeSettled(before: RunState, reports: readonly NodeReport[]): ReturnType<typeof settleStep> {
  const after = askSettled(before, reports);
  asked = undefined;
  return after;
}

const isPlanFinished = ({ index, levels }: RunState): boolean => index >= levels.length;
const wantsSnapshot = ({ autoSnapshot }: AgentMachineContext, state: RunState): boolean => autoSnapshot && nodesToSave(state).length > 0;

/** Nothing follows from the step but the next one, be it by a jump. */
function isQuiet(context: AgentMachineContext, reports: readonly NodeReport[]): boolean {
  const { state, effects } = askSettled(context.state, reports);
  if (effects.errors.length + effects.added.length + effects.cleanup.length + context.unpublished > 0) return false;
  return !isPlanFinished(state) && !isOverIterations(state, context.maxTotalIterations) && !wantsSnapshot(context, state);
}

const cancellation = ({ reason = "The run was cancelled.", code = "cancelled" }: { reason?: string; code?: string }): Failure => ({
  error: reason,
  code,
});

const unpublished = ({ mailbox, error }: { mailbox: OutputMailbox; error: string }): Fault => ({
  status: "error",
  error: `Not published to ${shownMailbox(mailbox)}: ${error}`,
  code: "publish-failed",
});

const graphOf = ({ path }: AgentMachineContext): string => (path.length === 0 ? "The run" : `The graph of node "${path.at(-1)}"`);

/** Keeps, tells and publishes what went wrong: the context that follows from it. */
function tellFaults(
  enqueue: Enqueue,
  context: AgentMachineContext,
  faults: readonly Fault[],
  before: RunState = context.state,
): Pick<AgentMachineContext, "state" | "unpublished"> {
  const { errorMailbox, path, task, unpublished } = context;
  const reports = faults.map(({ node, ...fault }): ErrorReport => {
    // What no node of this graph did is told of the node that the graph is nested in.
    const place = node === undefined ? path : [...path, node];
    const last = place.at(-1);
    return { taskId: task.id, ...(last === undefined ? {} : { node: last, path: [...place] }), ...fault };
  });
  for (const report of reports) {
    enqueue.emit({ type: "error.reported", report, graph: path });
    if (errorMailbox !== null) enqueue.sendTo("outbox", { type: "message.publish", mailbox: { shared: errorMailbox }, message: report });
  }
  return { state: withErrors(before, reports), unpublished: unpublished + (errorMailbox === null ? 0 : reports.length) };
}

/**
 * The agent's chart alone. Its actors are supplied by `Agent`, whose `agent.logic` is this machine with all of them.
 *
 * @example
 * const chart = createActor(agentMachine.provide({ actors: myActors }), { input });
 */
export const agentMachine = setup({
  types: {
    context: {} as AgentMachineContext,
    input: {} as AgentMachineInput,
    events: {} as AgentMachineEvent,
    output: {} as TaskOutcomeJSON,
    emitted: {} as RunEvent,
  },
  actors: {
    task: taskMachine,
    /** Spawns the node machines and tells the agent when a step's nodes have all settled. */
    nodes: {} as EffectLogic<{ keys: GraphKeys }, never, NodesCommand>,
    /** Publishes messages in the order they came; tells the agent of each. */
    outbox: {} as EffectLogic<undefined, never, PublishEvent>,
    /** Fails for misuse; what may go wrong in a sound program is its output. */
    openRun: {} as EffectLogic<{ task: TaskJSON }, { failure?: Failure }>,
    /** Stores a snapshot before a step; the same `cut` is stored once, also after a restore. */
    saveSnapshot: {} as EffectLogic<{ cut: string; nodes: string[] }, { ref?: SnapshotRef; fault?: Fault }>,
    closeGenerators: {} as EffectLogic<{ nodes: string[] }, void>,
    /** Closes what the nodes hold, and gives what they did. */
    closeNodes: {} as EffectLogic<undefined, Pick<AgentMachineContext, "nodes" | "results" | "executions">>,
    /** Stores the ended task, then publishes the end; gives what it could not do. */
    closeRun: {} as EffectLogic<{ task: TaskJSON; message: unknown }, { faults: Fault[] }>,
  },
  guards: {
    isFailed: ({ context }) => context.failure !== undefined,
    /** A report that it cannot take would be another message for it, without end. */
    isErrorMailbox: ({ context }, { mailbox }: { mailbox: OutputMailbox }) =>
      typeof mailbox === "object" && mailbox.shared === context.errorMailbox,
    hasCleanup: ({ context }) => context.cleanup.length > 0,
    hasUnpublished: ({ context }) => context.unpublished > 0,
    isPublished: ({ context }) => context.unpublished === 0,
    isPlanFinished: ({ context }) => isPlanFinished(context.state),
    isOverIterations: ({ context }) => isOverIterations(context.state, context.maxTotalIterations),
    wantsSnapshot: ({ context }) => wantsSnapshot(context, context.state),
    isPlainStep: ({ context }, { reports }: { reports: NodeReport[] }) =>
      isQuiet(context, reports) && askSettled(context.state, reports).effects.jump === undefined,
    isPlainJump: ({ context }, { reports }: { reports: NodeReport[] }) => isQuiet(context, reports),
    isComplete: ({ context }) => endStatusOf(context) === TaskStatus.COMPLETE,
    isPartial: ({ context }) => endStatusOf(context) === TaskStatus.PARTIAL,
  },
  actions: {
    startTask: sendTo("task", { type: "task.start" }),
    endTask: sendTo("task", ({ context }) => ({ type: "task.end", end: endOfRun(context) })),
    tellStarted: emit(({ context }) => ({ type: "run.started", runId: context.runId, graph: context.path })),
    tellEnded: emit(({ context }) => ({ type: "run.ended", status: endStatusOf(context), graph: context.path })),
    beginStep: assign(({ context }) => ({ state: beginStep(context.state) })),
    /** What `settleStep` and `beginStep` do, at once: most steps of a run end so. */
    beginNextStep: assign(({ context }, { reports }: { reports: NodeReport[] }) => ({
      state: beginStep(takeSettled(context.state, reports).state),
    })),
    executeStep: sendTo("nodes", ({ context: { state } }) => ({
      type: "step.execute",
      nodes: runnable(state),
      iteration: state.totalIterations,
    })),
    tellJump: emit(({ context }, { reports }: { reports: NodeReport[] }) => ({
      type: "jump.taken",
      ...(askSettled(context.state, reports).effects.jump as { from: string; to: string }),
      graph: context.path,
    })),
    settleStep: enqueueActions(({ context, enqueue }, { reports }: { reports: NodeReport[] }) => {
      const { state, effects } = takeSettled(context.state, reports);
      for (const { node, error, code } of effects.refused) enqueue.sendTo("nodes", { type: "node.refuse", node, error, code });
      if (effects.added.length > 0) enqueue.emit({ type: "nodes.added", nodes: effects.added, graph: context.path });
      if (effects.jump !== undefined) enqueue.emit({ type: "jump.taken", ...effects.jump, graph: context.path });
      enqueue.assign({ cleanup: effects.cleanup, ...tellFaults(enqueue, context, effects.errors, state) });
    }),
    /** Keeps, tells and publishes reports. */
    report: enqueueActions(({ context, enqueue }, { faults }: { faults: Fault[] }) => {
      enqueue.assign(tellFaults(enqueue, context, faults));
    }),
    /** Nobody publishes any more. */
    reportUnpublished: enqueueActions(({ context, enqueue }, { faults }: { faults: Fault[] }) => {
      enqueue.assign(tellFaults(enqueue, { ...context, errorMailbox: null }, faults));
    }),
    keepReport: assign(({ context }, { report }: { report: ErrorReport }) => ({ state: withErrors(context.state, [report]) })),
    recordSnapshot: enqueueActions(({ context, enqueue }, { ref, fault }: { ref?: SnapshotRef; fault?: Fault }) => {
      const nodes = nodesToSave(context.state);
      if (ref !== undefined) enqueue.emit({ type: "snapshot.saved", ref, nodes, graph: context.path });
      enqueue.assign(tellFaults(enqueue, context, fault === undefined ? [] : [fault], markSaved(context.state, nodes)));
    }),
    publish: enqueueActions(({ context, enqueue }, { mailbox, message, id }: Omit<PublishEvent, "type">) => {
      enqueue.assign({ unpublished: context.unpublished + 1 });
      enqueue.sendTo("outbox", { type: "message.publish", mailbox, message, ...(id === undefined ? {} : { id }) });
    }),
    recordUsage: assign(({ context }, { node, usage, spent }: { node: string; usage: Usage; spent: Spending }) => {
      const before = Object.hasOwn(context.usage, node) ? context.usage[node] : undefined;
      return { usage: { ...context.usage, [node]: before === undefined ? usage : addUsage(before, usage) }, spent };
    }),
    countPublished: assign({ unpublished: ({ context }) => context.unpublished - 1 }),
    /** The run fails whatever its nodes did; a nested graph that is aborted leaves it to whoever aborts it to say so. */
    recordFailure: enqueueActions(({ context, enqueue }, failure: Failure) => {
      const isAborted = context.path.length > 0 && failure.code !== "max-iterations";
      enqueue.assign({
        failure,
        ...tellFaults(enqueue, context, isAborted ? [] : [{ status: "error", ...withoutFinality(failure) }]),
      });
    }),
    recordNodes: assign((_, done: Pick<AgentMachineContext, "nodes" | "results" | "executions">) => done),
    clearCleanup: assign({ cleanup: [] }),
    abortNodes: sendTo("nodes", ({ context }) => {
      const { error, code } = context.failure ?? cancellation({});
      return { type: "nodes.abort", reason: error, code };
    }),
  },
}).createMachine({
  id: "agent",
  context: ({ input: { graph, ...input } }) => ({
    ...input,
    state: startState(graph),
    unpublished: 0,
    cleanup: [],
    nodes: {},
    results: {},
    executions: {},
    usage: {},
    spent: NOTHING_SPENT,
  }),
  invoke: [
    { src: "task", id: "task", input: ({ context }) => ({ task: context.task }) },
    { src: "nodes", id: "nodes", input: ({ context }) => ({ keys: context.keys }) },
    { src: "outbox", id: "outbox" },
  ],
  on: {
    "message.publish": { actions: { type: "publish", params: ({ event }) => event } },
    "message.published": { actions: "countPublished" },
    "message.failed": [
      {
        guard: { type: "isErrorMailbox", params: ({ event }) => event },
        actions: ["countPublished", { type: "reportUnpublished", params: ({ event }) => ({ faults: [unpublished(event)] }) }],
      },
      { actions: ["countPublished", { type: "report", params: ({ event }) => ({ faults: [unpublished(event)] }) }] },
    ],
    "node.failed": { actions: { type: "report", params: ({ event }) => ({ faults: [faultOf(event.report)] }) } },
    "snapshot.failed": { actions: { type: "report", params: ({ event }) => ({ faults: [event.fault] }) } },
    "nested.reported": { actions: { type: "keepReport", params: ({ event }) => event } },
    "usage.recorded": { actions: { type: "recordUsage", params: ({ event }) => event } },
  },
  initial: "running",
  states: {
    running: {
      initial: "opening",
      on: {
        "run.cancel": [{ guard: "isFailed" }, { actions: { type: "recordFailure", params: ({ event }) => cancellation(event) } }],
      },
      states: {
        opening: {
          invoke: {
            src: "openRun",
            input: ({ context }) => ({ task: { ...context.task, status: TaskStatus.EXECUTING } }),
            onDone: [
              {
                guard: ({ context, event }) => context.failure === undefined && event.output.failure !== undefined,
                target: "deciding",
                actions: ["startTask", { type: "recordFailure", params: ({ event }) => event.output.failure as Failure }],
              },
              { target: "deciding", actions: ["startTask", "tellStarted"] },
            ],
          },
        },
        deciding: {
          always: [
            { guard: "hasUnpublished", target: "routing" },
            { guard: "hasCleanup", target: "cleaning" },
            { guard: "isFailed", target: "#agent.closing" },
            { guard: "isPlanFinished", target: "#agent.closing" },
            {
              guard: "isOverIterations",
              actions: {
                type: "recordFailure",
                params: ({ context }) => ({
                  error: `${graphOf(context)} is over its limit of ${iterationLimit(context.state, context.maxTotalIterations)} iterations (maxTotalIterations).`,
                  code: "max-iterations",
                  final: true,
                }),
              },
              target: "#agent.closing",
            },
            { guard: "wantsSnapshot", target: "saving" },
            { target: "executing" },
          ],
        },
        /** What a step published is there before the next step runs. */
        routing: { always: { guard: "isPublished", target: "deciding" } },
        cleaning: {
          invoke: {
            src: "closeGenerators",
            input: ({ context }) => ({ nodes: context.cleanup }),
            onDone: { target: "deciding", actions: "clearCleanup" },
          },
        },
        saving: {
          invoke: {
            src: "saveSnapshot",
            input: ({ context }) => ({
              cut: `${context.keys.attempt}#${context.state.totalIterations}`,
              nodes: nodesToSave(context.state),
            }),
            onDone: [
              { guard: "isFailed", target: "deciding", actions: { type: "recordSnapshot", params: ({ event }) => event.output } },
              { target: "executing", actions: { type: "recordSnapshot", params: ({ event }) => event.output } },
            ],
          },
        },
        executing: {
          entry: ["beginStep", "executeStep"],
          on: {
            "step.completed": [
              {
                guard: { type: "isPlainStep", params: ({ event }) => event },
                actions: [{ type: "beginNextStep", params: ({ event }) => event }, "executeStep"],
              },
              {
                guard: { type: "isPlainJump", params: ({ event }) => event },
                actions: [
                  { type: "tellJump", params: ({ event }) => event },
                  { type: "beginNextStep", params: ({ event }) => event },
                  "executeStep",
                ],
              },
              { target: "deciding", actions: { type: "settleStep", params: ({ event }) => event } },
            ],
            "run.cancel": {
              target: "stopping",
              actions: { type: "recordFailure", params: ({ event }) => cancellation(event) },
            },
          },
        },
        /** Waits until no module runs any more. */
        stopping: {
          entry: "abortNodes",
          on: {
            "run.cancel": {},
            "step.completed": { target: "deciding", actions: { type: "settleStep", params: ({ event }) => event } },
          },
        },
      },
    },
    closing: {
      initial: "nodes",
      states: {
        nodes: {
          invoke: {
            src: "closeNodes",
            onDone: { target: "messages", actions: { type: "recordNodes", params: ({ event }) => event.output } },
          },
        },
        messages: { always: { guard: "isPublished", target: "run" } },
        run: {
          entry: "endTask",
          invoke: {
            src: "closeRun",
            input: ({ context }) => ({
              task: endTask(context.task, endOfRun(context)),
              message: context.outputMailbox === null ? null : endMessage(context),
            }),
            onDone: [
              {
                guard: "isComplete",
                target: "#agent.COMPLETE",
                actions: { type: "reportUnpublished", params: ({ event }) => event.output },
              },
              { guard: "isPartial", target: "#agent.PARTIAL", actions: { type: "reportUnpublished", params: ({ event }) => event.output } },
              { target: "#agent.FAILED", actions: { type: "reportUnpublished", params: ({ event }) => event.output } },
            ],
          },
        },
      },
    },
    COMPLETE: { type: "final", entry: "tellEnded" },
    FAILED: { type: "final", entry: "tellEnded" },
    PARTIAL: { type: "final", entry: "tellEnded" },
  },
  output: ({ context }) => outcomeOfRun(context),
});
