/**
 * One run of one task over a graph: it opens, has the nodes executed, and settles; it routes every message, keeps and tells what went wrong.
 *
 *     opening ─▶ executing ─▶ closing ─▶ COMPLETE | FAILED | PARTIAL
 *                 ▲ │  │          ▲
 *                 │ ▼  └▶ stopping┘   run.cancel, or a limit of the whole run
 *               waiting               nothing works, and nothing will before something outside happens
 *
 * Its children: `task` (its status), `nodes` (the nodes' supervisor), `outbox` (messages on their way to a mailbox).
 */
import { assign, emit, enqueueActions, sendTo, setup } from "xstate";
import type { EffectLogic } from "#contract/base/effect-logic";
import { endTask, type TaskJSON } from "#contract/base/task";
import { TaskStatus } from "#contract/base/vocabulary";
import { addUsage, type Usage } from "#contract/chat/usage";
import type { GraphKeys } from "#contract/node/attempt";
import { type OutputMailbox, shownMailbox } from "#contract/node/output-mailbox";
import { type ErrorReport, type Failure, type Fault, faultOf, type NodeReport, withoutFinality } from "#contract/node/result";
import type { AgentMachineTold } from "#contract/run/agent-told";
import { NOTHING_SPENT, type Spending } from "#contract/run/budget";
import { type EndedGraph, endMessage, endOfRun, endStatusOf, NOTHING_ENDED, outcomeOfRun } from "#contract/run/end";
import type { TaskOutcomeJSON } from "#contract/run/outcome";
import { taskMachine } from "./task.ts";

export interface AgentMachineInput {
  /** Stable over restores; every idempotency key starts with it. */
  runId: string;
  task: TaskJSON;
  keys: GraphKeys;
  /** The path of nodes whose nested graph this is; empty for a whole run. */
  path: string[];
  outputMailbox: string | null;
  errorMailbox: string | null;
  /** The key space of the agent's cache that holds the run's values; absent where they are its own. */
  cachePrefix?: string;
  /** Of a graph whose nodes are the items of one: what one that fails does to the others. */
  onItemError?: "fail" | "keep";
  /** Of a whole run: the moment at which it fails, in milliseconds since 1970, and how long that was from its start. */
  deadline?: number;
  deadlineMs?: number;
}

export interface AgentMachineContext extends AgentMachineInput {
  /** Why the whole run fails, whatever its nodes did. */
  failure?: Failure;
  /** Messages on their way. */
  unpublished: number;
  /** The newest 1,000. */
  errors: readonly ErrorReport[];
  /** All of them, so far. */
  reported: number;
  /** What the nodes did, once none runs any more. */
  ended: EndedGraph;
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
  /** The node that gave it, which waits for it to be there. */
  node?: string;
}

export type AgentMachineEvent =
  | { type: "run.cancel"; reason?: string; code?: string }
  /** No node runs any more, and none will. */
  | { type: "nodes.ended" }
  /** A node would begin an iteration more than the run may have. */
  | { type: "nodes.exhausted"; limit: number }
  /** All that is unfinished waits for something outside; or something works again. */
  | { type: "nodes.waiting"; waits: boolean }
  | { type: "nodes.faulted"; faults: Fault[] }
  | { type: "node.failed"; report: NodeReport }
  | PublishEvent
  | { type: "message.published"; node?: string }
  | { type: "message.failed"; mailbox: OutputMailbox; error: string; node?: string }
  /** `spent` is the run's whole spending by now. */
  | { type: "usage.recorded"; node: string; usage: Usage; spent: Spending }
  | { type: "snapshot.failed"; fault: Fault }
  /** A graph nested in this one tells what it has told; it is published already. */
  | { type: "nested.reported"; report: ErrorReport };

/** What the agent asks of its nodes' supervisor. */
export type NodesCommand =
  | { type: "nodes.begin" }
  | { type: "nodes.abort"; reason: string; code: string }
  | { type: "node.published"; node: string };

const ERROR_LIMIT = 1_000;

interface Enqueue {
  emit(event: AgentMachineTold): void;
  sendTo(target: "outbox", event: PublishEvent): void;
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

const exhaustion = (context: AgentMachineContext, { limit }: { limit: number }): Failure => ({
  error: `${graphOf(context)} is over its limit of ${limit} iterations (maxTotalIterations).`,
  code: "max-iterations",
  final: true,
});

const withErrors = (
  { errors, reported }: AgentMachineContext,
  more: readonly ErrorReport[],
): Pick<AgentMachineContext, "errors" | "reported"> => ({
  errors: more.length === 0 ? errors : [...errors, ...more].slice(-ERROR_LIMIT),
  reported: reported + more.length,
});

const graphOf = ({ path }: AgentMachineContext): string => (path.length === 0 ? "The run" : `The graph of node "${path.at(-1)}"`);

/** Keeps, tells and publishes what went wrong: the context that follows from it. */
function tellFaults(
  enqueue: Enqueue,
  context: AgentMachineContext,
  faults: readonly Fault[],
): Pick<AgentMachineContext, "errors" | "reported" | "unpublished"> {
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
  return { ...withErrors(context, reports), unpublished: unpublished + (errorMailbox === null ? 0 : reports.length) };
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
    emitted: {} as AgentMachineTold,
  },
  actors: {
    task: taskMachine,
    /** Has the node machines run in their order, and tells the agent when none will any more. */
    nodes: {} as EffectLogic<{ keys: GraphKeys }, never, NodesCommand>,
    /** Publishes messages in the order they came; tells the agent of each. */
    outbox: {} as EffectLogic<undefined, never, PublishEvent>,
    /** Fails for misuse; what may go wrong in a sound program is its output. */
    openRun: {} as EffectLogic<{ task: TaskJSON }, { failure?: Failure }>,
    /** Closes what the nodes hold, and gives what they did. */
    closeNodes: {} as EffectLogic<undefined, EndedGraph>,
    /** Stores the ended task, then publishes the end; gives what it could not do. */
    closeRun: {} as EffectLogic<{ task: TaskJSON; message: unknown }, { faults: Fault[] }>,
  },
  guards: {
    isFailed: ({ context }) => context.failure !== undefined,
    /** A report that it cannot take would be another message for it, without end. */
    isErrorMailbox: ({ context }, { mailbox }: { mailbox: OutputMailbox }) =>
      typeof mailbox === "object" && mailbox.shared === context.errorMailbox,
    waits: (_, { waits }: { waits: boolean }) => waits,
    isFirstFailedItem: ({ context }) => context.onItemError === "fail" && context.failure === undefined,
    /** It is a result among others, or was aborted for the first that failed. */
    isItem: ({ context }) => context.onItemError !== undefined,
    isPublished: ({ context }) => context.unpublished === 0,
    isComplete: ({ context }) => endStatusOf(context) === TaskStatus.COMPLETE,
    isPartial: ({ context }) => endStatusOf(context) === TaskStatus.PARTIAL,
  },
  actions: {
    startTask: sendTo("task", { type: "task.start" }),
    endTask: sendTo("task", ({ context }) => ({ type: "task.end", end: endOfRun(context) })),
    tellStarted: emit(({ context }) => ({ type: "run.started", runId: context.runId, graph: context.path })),
    tellWaiting: emit(({ context }, { waits }: { waits: boolean }) => ({ type: "run.waiting", waits, graph: context.path })),
    tellEnded: emit(({ context }) => ({ type: "run.ended", status: endStatusOf(context), graph: context.path })),
    beginNodes: sendTo("nodes", { type: "nodes.begin" }),
    /** Keeps, tells and publishes reports. */
    report: enqueueActions(({ context, enqueue }, { faults }: { faults: Fault[] }) => {
      enqueue.assign(tellFaults(enqueue, context, faults));
    }),
    /** Nobody publishes any more. */
    reportUnpublished: enqueueActions(({ context, enqueue }, { faults }: { faults: Fault[] }) => {
      enqueue.assign(tellFaults(enqueue, { ...context, errorMailbox: null }, faults));
    }),
    keepReport: assign(({ context }, { report }: { report: ErrorReport }) => withErrors(context, [report])),
    publish: enqueueActions(({ context, enqueue }, event: PublishEvent) => {
      enqueue.assign({ unpublished: context.unpublished + 1 });
      enqueue.sendTo("outbox", event);
    }),
    recordUsage: assign(({ context }, { node, usage, spent }: { node: string; usage: Usage; spent: Spending }) => {
      const before = Object.hasOwn(context.usage, node) ? context.usage[node] : undefined;
      return { usage: { ...context.usage, [node]: before === undefined ? usage : addUsage(before, usage) }, spent };
    }),
    /** Whichever way it ended: the node that gave the message goes on. */
    countPublished: enqueueActions(({ context, enqueue }, { node }: { node?: string }) => {
      enqueue.assign({ unpublished: context.unpublished - 1 });
      if (node !== undefined) enqueue.sendTo("nodes", { type: "node.published", node });
    }),
    /** The run fails whatever its nodes did; a nested graph that is aborted leaves it to whoever aborts it to say so. */
    recordFailure: enqueueActions(({ context, enqueue }, failure: Failure) => {
      const isAborted = context.path.length > 0 && failure.code !== "max-iterations";
      enqueue.assign({
        failure,
        ...tellFaults(enqueue, context, isAborted ? [] : [{ status: "error", ...withoutFinality(failure) }]),
      });
    }),
    recordItemFailure: assign((_, { report }: { report: NodeReport }) => {
      const { error, ...failure } = report.failure ?? { error: "failed", code: "module-failed" };
      return { failure: { ...failure, error: `item ${report.node}: ${error}` } };
    }),
    recordNodes: assign((_, { ended }: { ended: EndedGraph }) => ({ ended })),
    abortNodes: sendTo("nodes", ({ context }) => {
      const { error, code } = context.failure ?? cancellation({});
      return { type: "nodes.abort", reason: error, code };
    }),
  },
}).createMachine({
  id: "agent",
  context: ({ input }) => ({
    ...input,
    unpublished: 0,
    errors: [],
    reported: 0,
    ended: NOTHING_ENDED,
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
    "message.published": { actions: { type: "countPublished", params: ({ event }) => event } },
    "message.failed": [
      {
        guard: { type: "isErrorMailbox", params: ({ event }) => event },
        actions: [
          { type: "countPublished", params: ({ event }) => event },
          { type: "reportUnpublished", params: ({ event }) => ({ faults: [unpublished(event)] }) },
        ],
      },
      {
        actions: [
          { type: "countPublished", params: ({ event }) => event },
          { type: "report", params: ({ event }) => ({ faults: [unpublished(event)] }) },
        ],
      },
    ],
    "node.failed": [
      {
        guard: "isFirstFailedItem",
        target: "#agent.running.stopping",
        actions: { type: "recordItemFailure", params: ({ event }) => event },
      },
      { guard: "isItem" },
      { actions: { type: "report", params: ({ event }) => ({ faults: [faultOf(event.report)] }) } },
    ],
    "nodes.faulted": { actions: { type: "report", params: ({ event }) => event } },
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
              { guard: "isFailed", target: "#agent.closing", actions: ["startTask", "tellStarted"] },
              {
                guard: ({ event }) => event.output.failure !== undefined,
                target: "#agent.closing",
                actions: ["startTask", { type: "recordFailure", params: ({ event }) => event.output.failure as Failure }],
              },
              { target: "executing", actions: ["startTask", "tellStarted", "beginNodes"] },
            ],
          },
        },
        executing: {
          on: {
            "nodes.ended": "#agent.closing",
            "nodes.waiting": { guard: { type: "waits", params: ({ event }) => event }, target: "waiting" },
            "nodes.exhausted": {
              target: "stopping",
              actions: { type: "recordFailure", params: ({ context, event }) => exhaustion(context, event) },
            },
            "run.cancel": {
              target: "stopping",
              actions: { type: "recordFailure", params: ({ event }) => cancellation(event) },
            },
          },
        },
        waiting: {
          entry: { type: "tellWaiting", params: { waits: true } },
          exit: { type: "tellWaiting", params: { waits: false } },
          on: {
            // Of a restored run, it waits still.
            "nodes.waiting": [
              { guard: { type: "waits", params: ({ event }) => event }, actions: { type: "tellWaiting", params: { waits: true } } },
              { target: "executing" },
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
          on: { "run.cancel": {}, "nodes.ended": "#agent.closing" },
        },
      },
    },
    closing: {
      initial: "nodes",
      states: {
        nodes: {
          invoke: {
            src: "closeNodes",
            onDone: { target: "messages", actions: { type: "recordNodes", params: ({ event }) => ({ ended: event.output }) } },
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
