/**
 * A node's life over its visits; its state names are those of `TaskStatus`.
 *
 *     WAITING ─ node.execute ─▶ EXECUTING ──▶ COMPLETE | FAILED | PARTIAL ─ node.execute, node.retry ─▶ EXECUTING …
 *        ▲                        │  checking ─▶ starting ─▶ ordered | parallel | nested ─▶ verifying
 *        └────── skipped ─────────┘                 ▲            ▲ │    │
 *                                                   │            │ ▼    │
 *                                                   │          waiting  │
 *                                                   └── backingOff ◀────┴──▶ stopping
 *
 * An attempt ends only when each of its modules has ended: `stopping` aborts those that still run, and waits for them.
 * In `waiting` each of its modules that has not ended waits for something outside: nothing works, and no time limit counts.
 */
import {
  type AnyActorRef,
  assign,
  type DoneActorEvent,
  type ErrorActorEvent,
  enqueueActions,
  sendTo,
  setup,
  spawnChild,
  stopChild,
} from "xstate";
import type { EffectLogic } from "#contract/base/effect-logic";
import { errorDetailsOf, shownMessageOf } from "#contract/base/error-details";
import { asimovErrorOf } from "#contract/base/errors";
import {
  type Attempt,
  failureOf,
  type GraphKeys,
  isPartial,
  type ModuleCommand,
  type ModuleOrder,
  type ModuleOutcome,
  modulesToStart,
  NOTHING,
  newAttempt,
  reasonToStop,
  retriedAttempt,
  standingAfter,
  type Verdict,
  withNext,
  withOutcome,
} from "#contract/node/attempt";
import { backoffMs, type NodeDefinition } from "#contract/node/definition";
import { type MailboxMessage, messagesOf, reportOf } from "#contract/node/report";
import type { Failure, NodeReport } from "#contract/node/result";

export interface NodeMachineInput {
  definition: NodeDefinition;
  keys: GraphKeys;
}

export interface NodeMachineContext extends NodeMachineInput {
  visits: number;
  /** Of this visit, from 1. */
  attempt: number;
  /** Milliseconds since 1970, as the latest event told it; a machine has no clock. */
  now: number;
  /** The modules of this attempt. */
  modules: Attempt;
  /** Of those that run, the ones that wait; absent while none does. */
  waiting?: readonly number[] | undefined;
  /** Why the visit failed; set on the way to FAILED and PARTIAL. */
  failure?: Failure | undefined;
  /** Of a node that was retried: its attempts of this visit and its visits before, which its limits do not count. */
  attemptsBefore?: number;
  visitsBefore?: number;
}

export type NodeMachineEvent =
  | { type: "node.execute"; at: number }
  /** The failed visit goes on with another attempt, under the same keys. */
  | { type: "node.retry"; at: number }
  /** A jump has sent the node back while it waits: the visit comes to nothing, and another one follows. */
  | { type: "node.withdraw"; at: number }
  /** Ends the visit as FAILED once all its modules have ended. */
  | { type: "node.abort"; reason: string; code: string; at: number }
  /** From a module, or the graph nested in the node: from now on it waits, or works again. */
  | { type: "module.waiting"; module: number; waits: boolean }
  /** The agent refuses the jump that the completed node asked for. */
  | { type: "node.refuse"; error: string; code: string }
  | DoneActorEvent<ModuleOutcome, string>
  | ErrorActorEvent<unknown, string>;

/** What a node tells its parent. */
export type NodeMachineReport =
  | { type: "node.settled"; report: NodeReport; messages: MailboxMessage[] }
  | { type: "node.retrying"; node: string; attempt: number; error: string; until?: number }
  /** Nothing in it works, and it goes on by itself only at a moment, an answer or a message; or something does again. */
  | { type: "node.waiting"; node: string; waits: boolean };

/** Of a visit that came to nothing. */
const WITHDRAWN = "superseded";

type Parts = { context: NodeMachineContext; event: NodeMachineEvent };

function outcomeOf({ context, event }: Parts): ModuleOutcome {
  if ("output" in event) return event.output;
  if (event.type === "node.abort") return outside(event.reason, event.code, event.at, false);
  if (event.type === "node.withdraw") return outside("A jump has sent the node back while it waited", WITHDRAWN, event.at, false);
  const error = "error" in event ? event.error : event.type;
  const { code, retryable } = asimovErrorOf(error) ?? { code: "actor-failed", retryable: true };
  return { ...outside(shownMessageOf(error), code, context.now, retryable), details: errorDetailsOf(error) };
}

function outside(error: string, code: string, endedAt: number, retryable: boolean): ModuleOutcome {
  return { module: -1, status: "error", error, code, retryable, endedAt };
}

const after = (parts: Parts): { verdict: Verdict; active: number } =>
  standingAfter(parts.context.definition, parts.context.modules, outcomeOf(parts));

const attemptAfter = (parts: Parts): Attempt => withOutcome(parts.context.definition, parts.context.modules, outcomeOf(parts));

/** All modules have ended, and the attempt has succeeded. */
function isSuccess(parts: Parts): boolean {
  const { verdict, active } = after(parts);
  return verdict === "success" && active === 0;
}

/** Those that wait when this event has been heard. */
function waitingAfter({ context, event }: Parts): readonly number[] {
  const { waiting = [] } = context;
  if (event.type === "module.waiting") {
    const others = waiting.filter((module) => module !== event.module);
    return event.waits ? [...others, event.module] : others;
  }
  return "output" in event ? waiting.filter((module) => module !== event.output.module) : waiting;
}

/** Where an event of a module leaves the others: whether all that run wait. */
const allWait = (parts: Parts): boolean => waitingAfter(parts).length === parts.context.modules.active.length;

const TIME_LIMIT = "timeLimit";
const childOf = (module: number): string => `module.${module}`;

const orderOf = ({ definition, keys, visits: visit, attempt }: NodeMachineContext, module: number): ModuleOrder => ({
  keys,
  node: definition.name,
  visit,
  attempt,
  module,
});

const hasVisitsLeft = ({ definition, visits, visitsBefore = 0 }: NodeMachineContext): boolean =>
  definition.maxVisits === 0 || visits - visitsBefore < definition.maxVisits;

const hasAttemptsLeft = (parts: Parts): boolean =>
  parts.context.attempt - (parts.context.attemptsBefore ?? 0) < parts.context.definition.attempts &&
  failureOf(attemptAfter(parts), parts.context.definition).final !== true;

/** Of the backoff before the next attempt. */
const deadlineOf = ({ definition, attempt, now }: NodeMachineContext): number => now + backoffMs(definition.backoff, attempt);

/** A node that runs on its own tells itself, and does not listen. */
const parentOf = ({ self }: { self: AnyActorRef }): AnyActorRef => self._parent ?? self;

const machine = setup({
  types: {
    context: {} as NodeMachineContext,
    events: {} as NodeMachineEvent,
    input: {} as NodeMachineInput,
  },
  actors: {
    /** Runs one module: input `ModuleOrder`, output `ModuleOutcome`; ends soon after `module.abort`. */
    runModule: {} as EffectLogic<ModuleOrder, ModuleOutcome, ModuleCommand>,
    /** Runs the graph of a SUBGRAPH: input, output and `module.abort` as `runModule`. */
    runSubgraph: {} as EffectLogic<ModuleOrder, ModuleOutcome, ModuleCommand>,
    /** Evaluates the condition; where it holds, the inputs must be there: input the order of the visit to come, output whether to run. */
    checkNode: {} as EffectLogic<ModuleOrder, boolean>,
    /** Fails when an output is missing: input `{ node }`. */
    verifyOutputs: {} as EffectLogic<{ node: string }, void>,
    /** Ends at `input.deadline`, milliseconds since 1970, with that moment as output. */
    sleepUntil: {} as EffectLogic<{ deadline: number }, number>,
    /** Ends when something in the node has worked for `input.ms`, with that moment as output; what ran before a restore counts. */
    timeLimit: {} as EffectLogic<{ node: string; ms: number }, number, { type: "xstate.stop" }>,
  },
  guards: {
    isPlain: ({ context }) => {
      const { mode, checks, timeoutMs } = context.definition;
      return mode === "ordered" && !checks && timeoutMs === 0 && hasVisitsLeft(context);
    },
    wasOverVisits: ({ context }) => context.failure?.code === "max-visits",
    isOverVisits: ({ context }) => !hasVisitsLeft(context),
    hasChecks: ({ context }) => context.definition.checks,
    isEmpty: ({ context }) => context.definition.mode === "empty",
    isParallel: ({ context }) => context.definition.mode === "parallel",
    isNested: ({ context }) => context.definition.mode === "nested",
    /** Of a composite that is retried: its middlewares failed alone. */
    isGiven: ({ context }) => context.modules.given !== undefined,
    shouldRunOnceMore: ({ context, event }) => (event as unknown as DoneActorEvent<boolean>).output && hasVisitsLeft(context),
    shouldRun: ({ event }) => (event as unknown as DoneActorEvent<boolean>).output,
    isDone: (parts) => isSuccess(parts) && !parts.context.definition.verifies,
    isDoneButVerify: isSuccess,
    isUndecided: (parts) => after(parts).verdict === "undecided",
    isUnfiltered: (parts) => parts.context.definition.filters && isSuccess(parts),
    allWait,
    /** One of several in parallel has ended, and all others wait. */
    isLeftWaiting: (parts) => {
      const { context } = parts;
      if (context.waiting === undefined || after(parts).verdict !== "undecided") return false;
      const { active, ready } = attemptAfter(parts);
      return ready.length === 0 && active.length > 0 && waitingAfter(parts).length === active.length;
    },
    hasActiveModules: (parts) => after(parts).active > 0,
    hasAttemptsLeft: (parts) => hasAttemptsLeft(parts),
    hasAttemptsAndBackoff: (parts) => parts.context.definition.backoff.initialMs > 0 && hasAttemptsLeft(parts),
    isWithdrawn: (parts) => failureOf(attemptAfter(parts), parts.context.definition).code === WITHDRAWN,
    isPartial: (parts) => isPartial(parts.context.definition, attemptAfter(parts)),
  },
  actions: {
    beginVisit: assign(({ context, event }) => ({
      visits: context.visits + 1,
      attempt: 1,
      attemptsBefore: 0,
      now: "at" in event ? event.at : context.now,
      modules: withNext(context.definition, newAttempt(context.definition)),
      failure: undefined,
    })),
    beginRetry: assign(({ context, event }) => ({
      attempt: context.attempt + 1,
      attemptsBefore: context.attempt,
      now: "at" in event ? event.at : context.now,
      modules: withNext(context.definition, retriedAttempt(context.definition, context.modules)),
      failure: undefined,
    })),
    grantVisits: assign(({ context }) => ({ visitsBefore: context.visits })),
    /** A skip is no visit: until it is known that the node runs, all stays as the visit before left it. */
    beginCheck: assign(({ context, event }) => ({
      attempt: 1,
      attemptsBefore: 0,
      now: event.type === "node.execute" ? event.at : context.now,
    })),
    passCheck: assign(({ context }) => ({
      visits: context.visits + 1,
      modules: withNext(context.definition, newAttempt(context.definition)),
      failure: undefined,
    })),
    failCheck: assign(({ context }) => ({ visits: context.visits + (hasVisitsLeft(context) ? 1 : 0), modules: NOTHING })),
    /** In a visit that was retried, what had succeeded stands in each of its attempts. */
    beginAttempt: assign(({ context: { definition, attempt, attemptsBefore = 0, modules } }) => ({
      attempt: attempt + 1,
      modules: withNext(definition, attemptsBefore > 0 ? retriedAttempt(definition, modules) : newAttempt(definition)),
    })),
    recordOutcome: assign((parts) => {
      const outcome = outcomeOf(parts);
      const modules = withOutcome(parts.context.definition, parts.context.modules, outcome);
      const left = parts.context.waiting === undefined ? undefined : waitingAfter(parts);
      return { modules, now: outcome.endedAt, ...(left === undefined ? {} : { waiting: left.length === 0 ? undefined : left }) };
    }),
    recordWaiting: assign((parts) => {
      const waiting = waitingAfter(parts);
      return { waiting: waiting.length === 0 ? undefined : waiting };
    }),
    markNext: assign(({ context: { definition, modules } }) => ({ modules: withNext(definition, modules) })),
    /** An ended child would stay among the children, and in every snapshot. */
    dropModule: stopChild(({ event }) => (event as DoneActorEvent<ModuleOutcome>).actorId),
    recordFailure: assign(({ context }) => ({ failure: failureOf(context.modules, context.definition) })),
    recordOverVisits: assign(({ context: { definition } }) => ({
      modules: NOTHING,
      failure: {
        error: `Node "${definition.name}" is over its limit of ${definition.maxVisits} visits (maxVisits).`,
        code: "max-visits",
        final: true,
      },
    })),
    recordRefusal: assign(({ event }) => (event.type === "node.refuse" ? { failure: { error: event.error, code: event.code } } : {})),
    recordTimeout: assign(({ context: { definition, modules, now } }) => ({
      modules: withOutcome(
        definition,
        modules,
        outside(`Node "${definition.name}" timed out after ${definition.timeoutMs} ms`, "timeout", now, true),
      ),
    })),
    recordWakeUp: assign(({ event }) => ({ now: (event as unknown as DoneActorEvent<number>).output })),
    /** The module that is marked as the next. */
    startNext: spawnChild("runModule", {
      id: ({ context }) => childOf(context.modules.active[0] as number),
      input: ({ context }) => orderOf(context, context.modules.active[0] as number),
    }),
    /** All at once, since each action that spawns copies the children. */
    startAll: assign(({ context, spawn }) => {
      for (const module of context.modules.active) spawn("runModule", { id: childOf(module), input: orderOf(context, module) });
      return {};
    }),
    /** In parallel: those whose dependencies have all succeeded by now. */
    startReady: assign(({ context, spawn }) => {
      const { definition, modules } = context;
      for (const module of modulesToStart(definition, modules)) {
        spawn("runModule", { id: childOf(module), input: orderOf(context, module) });
      }
      return { modules: withNext(definition, modules) };
    }),
    /** What it goes on from is its own from here on. */
    startGraph: assign(({ context, spawn }) => {
      const { left, ...modules } = context.modules;
      spawn("runSubgraph", { id: childOf(0), input: { ...orderOf(context, 0), ...(left === undefined ? {} : { left }) } });
      return { modules };
    }),
    startFilter: assign(({ context, event, spawn }) => {
      const given = context.modules.given ?? ((event as DoneActorEvent<ModuleOutcome>).output.json as string);
      spawn("runModule", { id: childOf(0), input: { ...orderOf(context, 0), given } });
      return { modules: { ...context.modules, given } };
    }),
    startTimeLimit: enqueueActions(({ context: { definition }, enqueue }) => {
      if (definition.timeoutMs > 0) {
        enqueue.spawnChild("timeLimit", { id: TIME_LIMIT, input: { node: definition.name, ms: definition.timeoutMs } });
      }
    }),
    dropTimeLimit: enqueueActions(({ context, enqueue }) => {
      if (context.definition.timeoutMs > 0) enqueue.stopChild(TIME_LIMIT);
    }),
    abortModules: enqueueActions(({ context: { modules, definition }, enqueue }) => {
      const told = reasonToStop(modules, definition);
      for (const module of modules.active) enqueue.sendTo(childOf(module), { type: "module.abort", ...told });
    }),
    tellRetry: sendTo(parentOf, ({ context }) => {
      const { definition, attempt, modules } = context;
      const waits = definition.backoff.initialMs > 0;
      return {
        type: "node.retrying",
        node: definition.name,
        attempt,
        error: failureOf(modules, definition).error,
        ...(waits ? { until: deadlineOf(context) } : {}),
      };
    }),
    tellWaiting: sendTo(parentOf, ({ context }, { waits }: { waits: boolean }) => ({
      type: "node.waiting",
      node: context.definition.name,
      waits,
    })),
    tellSkipped: sendTo(parentOf, ({ context }) => ({
      type: "node.settled",
      report: { node: context.definition.name, status: "SKIPPED" },
      messages: [],
    })),
    tellWithdrawn: sendTo(parentOf, ({ context }) => ({
      type: "node.settled",
      report: { node: context.definition.name, status: "SKIPPED", withdrawn: true },
      messages: [],
    })),
    tellSettled: sendTo(parentOf, ({ context }, { status }: { status: "COMPLETE" | "FAILED" | "PARTIAL" }) => ({
      type: "node.settled",
      report: reportOf(context, status),
      messages: messagesOf(context),
    })),
  },
});

const execute = {
  "node.execute": [
    { guard: "isPlain", target: "#node.EXECUTING.ordered", actions: ["beginVisit", "startNext"] },
    { guard: "hasChecks", target: "#node.EXECUTING.checking", actions: "beginCheck" },
    // Entered again also by a node that is FAILED already: it has to tell so.
    { guard: "isOverVisits", target: "#node.FAILED", reenter: true, actions: "recordOverVisits" },
    { target: "#node.EXECUTING.starting", actions: "beginVisit" },
  ],
} as const;

const retry = {
  "node.retry": [
    { guard: "wasOverVisits", target: "#node.EXECUTING.starting", actions: ["grantVisits", "beginVisit"] },
    { target: "#node.EXECUTING.starting", actions: "beginRetry" },
  ],
} as const;

/** The ways out of an attempt whose modules have all ended: where it has succeeded, and where it has failed. */
const waysOut = <T extends string>(drop: readonly T[]) =>
  ({
    success: [
      { guard: "isDone", target: "#node.COMPLETE", actions: ["recordOutcome", ...drop] },
      { guard: "isDoneButVerify", target: "#node.EXECUTING.verifying", actions: ["recordOutcome", ...drop] },
    ],
    failure: [
      { guard: "hasAttemptsAndBackoff", target: "#node.EXECUTING.backingOff", actions: ["recordOutcome", ...drop] },
      { guard: "hasAttemptsLeft", target: "#node.EXECUTING.starting", actions: ["recordOutcome", ...drop, "tellRetry", "beginAttempt"] },
      { guard: "isPartial", target: "#node.PARTIAL", actions: ["recordOutcome", ...drop, "recordFailure"] },
      { target: "#node.FAILED", actions: ["recordOutcome", ...drop, "recordFailure"] },
    ],
  }) as const;

const whenRunning = waysOut(["dropModule", "dropTimeLimit"]);
const whenStopping = waysOut(["dropModule"]);
const withdrawn = {
  guard: "isWithdrawn",
  target: "#node.WAITING",
  actions: ["recordOutcome", "dropModule", "recordFailure", "tellWithdrawn"],
} as const;

/** What ends an attempt whose modules have not ended. */
const fromOutside = {
  "xstate.done.actor.timeLimit": { target: "#node.EXECUTING.stopping", actions: ["recordWakeUp", "recordTimeout"] },
  "node.abort": { target: "#node.EXECUTING.stopping", actions: "recordOutcome" },
} as const;

/** What may happen while modules run; `goOn` starts those that come next. */
const whileRunning = <T extends string>(goOn: readonly T[]) =>
  ({
    ...fromOutside,
    "module.waiting": [{ guard: "allWait", target: "#node.EXECUTING.waiting", actions: "recordWaiting" }, { actions: "recordWaiting" }],
    "xstate.done.actor.*": [
      ...whenRunning.success,
      { guard: "isLeftWaiting", target: "#node.EXECUTING.waiting", actions: ["recordOutcome", "dropModule"] },
      { guard: "isUndecided", actions: ["recordOutcome", "dropModule", ...goOn] },
      { guard: "hasActiveModules", target: "#node.EXECUTING.stopping", actions: ["recordOutcome", "dropModule"] },
      ...whenRunning.failure,
    ],
  }) as const;

const failedCheck = { target: "#node.FAILED", actions: ["failCheck", "recordOutcome", "recordFailure"] } as const;
const failed = { target: "#node.FAILED", actions: ["recordOutcome", "recordFailure"] } as const;

/**
 * @example
 * const actor = createActor(nodeMachine.provide({ actors: { runModule: myRunner } }), { input: { definition: defineNode(node), keys: { visit: "run-1", attempt: "run-1" } } });
 * actor.start();
 * actor.send({ type: "node.execute", at: Date.now() });
 */
export const nodeMachine = machine.createMachine({
  id: "node",
  context: ({ input }) => ({ ...input, visits: 0, attempt: 0, now: 0, modules: NOTHING }),
  initial: "WAITING",
  states: {
    WAITING: { on: execute },
    EXECUTING: {
      initial: "starting",
      states: {
        checking: {
          invoke: {
            src: "checkNode",
            input: ({ context }) => orderOf({ ...context, visits: context.visits + 1 }, 0),
            onDone: [
              { guard: "shouldRunOnceMore", target: "starting", actions: "passCheck" },
              { guard: "shouldRun", target: "#node.FAILED", actions: "recordOverVisits" },
              { target: "#node.WAITING", actions: "tellSkipped" },
            ],
            onError: failedCheck,
          },
          on: { "node.abort": failedCheck },
        },
        starting: {
          entry: "startTimeLimit",
          always: [
            { guard: "isEmpty", target: "verifying" },
            { guard: "isGiven", target: "nested.filtering", actions: "startFilter" },
            { guard: "isNested", target: "nested", actions: "startGraph" },
            { guard: "isParallel", target: "parallel", actions: "startAll" },
            { target: "ordered", actions: "startNext" },
          ],
        },
        ordered: { on: whileRunning(["markNext", "startNext"]) },
        parallel: { on: whileRunning(["startReady"]) },
        /** The graph, then what its middlewares make of its result: a run of a module that is given that result. */
        nested: {
          initial: "graph",
          on: whileRunning([]),
          states: {
            graph: {
              on: { "xstate.done.actor.module.0": { guard: "isUnfiltered", target: "filtering", actions: ["dropModule", "startFilter"] } },
            },
            filtering: {},
          },
        },
        /** Back where it was as soon as one works again; each says so before it ends. */
        waiting: {
          entry: { type: "tellWaiting", params: { waits: true } },
          exit: { type: "tellWaiting", params: { waits: false } },
          on: {
            ...fromOutside,
            "node.withdraw": { target: "stopping", actions: "recordOutcome" },
            "module.waiting": [
              // Of a restored run, its graph waits still.
              { guard: "allWait", actions: ["recordWaiting", { type: "tellWaiting", params: { waits: true } }] },
              { guard: "isParallel", target: "parallel", actions: "recordWaiting" },
              { guard: "isNested", target: "nested", actions: "recordWaiting" },
              { target: "ordered", actions: "recordWaiting" },
            ],
          },
        },
        stopping: {
          entry: ["dropTimeLimit", "abortModules"],
          on: {
            "xstate.done.actor.*": [
              { guard: "hasActiveModules", actions: ["recordOutcome", "dropModule"] },
              withdrawn,
              ...whenStopping.success,
              ...whenStopping.failure,
            ],
            "node.abort": { actions: "recordOutcome" },
            "module.waiting": { actions: "recordWaiting" },
          },
        },
        verifying: {
          invoke: {
            src: "verifyOutputs",
            input: ({ context }) => ({ node: context.definition.name }),
            onDone: "#node.COMPLETE",
            onError: failed,
          },
          on: { "node.abort": failed },
        },
        backingOff: {
          entry: ["tellRetry", { type: "tellWaiting", params: { waits: true } }],
          exit: { type: "tellWaiting", params: { waits: false } },
          invoke: {
            src: "sleepUntil",
            input: ({ context }) => ({ deadline: deadlineOf(context) }),
            onDone: { target: "starting", actions: ["recordWakeUp", "beginAttempt"] },
          },
          on: {
            "node.abort": failed,
            "node.withdraw": { target: "#node.WAITING", actions: ["recordOutcome", "recordFailure", "tellWithdrawn"] },
          },
        },
      },
    },
    COMPLETE: {
      entry: { type: "tellSettled", params: { status: "COMPLETE" } },
      on: { ...execute, "node.refuse": { target: "FAILED", actions: "recordRefusal" } },
    },
    FAILED: { entry: { type: "tellSettled", params: { status: "FAILED" } }, on: { ...execute, ...retry } },
    PARTIAL: { entry: { type: "tellSettled", params: { status: "PARTIAL" } }, on: { ...execute, ...retry } },
  },
});
