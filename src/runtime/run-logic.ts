/** A whole run as actor logic: input a task, output its outcome; the same for `runTask` and for a machine that embeds the agent. */
import type { AnyActorRef, Snapshot } from "xstate";
import { inCommon } from "#contract/base/brand";
import type { EffectLogic } from "#contract/base/effect-logic";
import { errorDetailsOf, shownMessageOf } from "#contract/base/error-details";
import { AsimovError } from "#contract/base/errors";
import { copyJson } from "#contract/base/json";
import { Task, type TaskJSON } from "#contract/base/task";
import { TaskStatus } from "#contract/base/vocabulary";
import type { Graph } from "#contract/graph/graph";
import type { Node } from "#contract/node/node";
import type { Spending } from "#contract/run/budget";
import type { AgentEvent } from "#contract/run/events";
import type { TaskOutcome } from "#contract/run/outcome";
import type { Answer } from "#contract/run/question";
import type { PersistedAgent } from "#keep/persisted";
import { partOfKey } from "#values/value-parts";
import { boundAgentLogic } from "./agent-logic.ts";
import { type AgentServices, mailboxesOf } from "./agent-services.ts";
import { boundAgent } from "./bound-machines.ts";
import { GraphScope } from "./graph-scope.ts";
import type { KeepingOf } from "./keeping.ts";
import { RunHost } from "./run-host.ts";
import { firstValues, requireSamePlace } from "./values-place.ts";

/** What an agent's logic starts with. */
export interface AgentLogicInput {
  task: Task<unknown> | TaskJSON;
  /** Cancels the run. */
  signal?: AbortSignal;
  /** Keeps the run's values in the agent's cache, in the key space of that name: runs that name the same one share it. */
  cachePrefix?: string;
  /** The run's values at its start, besides the task. */
  values?: Record<string, unknown>;
  /** Milliseconds from its start until it fails, time in which nobody runs it included; at least 1. */
  deadlineMs?: number;
}

interface RestoredContext {
  runId: string;
  cachePrefix?: string;
  spent: Spending;
  deadline?: number;
}

const storedValue = (text: string | undefined): unknown =>
  text === undefined ? undefined : (JSON.parse(text) as { value: unknown }).value;

/** By this name a run is told that it is kept, and how: of what an agent starts itself. */
export const KEEPING = Symbol("asimov.keeping");

type Kept = { [KEEPING]?: KeepingOf };

interface QuestionAnswer {
  type: "question.answer";
  /** The question's. */
  id: string;
  value: unknown;
  /** Whoever answers, as they say. */
  by?: string;
}

/** What a run's actor is told: how a machine that embeds an agent cancels it, or answers what it asks. */
export type AgentLogicEvent =
  | {
      type: "run.cancel";
      /** The run's error. Default `"The run was cancelled."` */
      reason?: string;
    }
  | QuestionAnswer;

const answerOf = ({ value, by }: QuestionAnswer): Answer => ({
  why: "answered",
  value: copyJson(value, "answer"),
  ...(by === undefined ? {} : { by }),
});

/** An agent as logic for `createActor`, `invoke` and `setup({ actors })`. Cancelled by `{ type: "run.cancel", reason }`; it emits all events of its run. */
export type AgentLogic = EffectLogic<AgentLogicInput, TaskOutcome, AgentLogicEvent, Snapshot<TaskOutcome>, AgentEvent>;

/** By task the run that has taken it: until its end no other may. */
const takers = inCommon("tasks that are taken", () => new WeakMap<Task, object>());

/** @throws AsimovError `task-not-waiting` */
function requireWaiting(task: Task): void {
  if (task.status === TaskStatus.WAITING && !takers.has(task)) return;
  const stands = takers.has(task) ? "runs already" : `is ${task.status}`;
  throw new AsimovError(`Task ${task.id} ${stands}; a task runs once. Make a new Task, or go on by \`runFromSnapshot\`.`, {
    code: "task-not-waiting",
  });
}

/** An actor takes its task when it starts; whoever starts it later, but says so now, before. @throws AsimovError `task-not-waiting` */
export function takeTask(run: RunHost): void {
  if (takers.get(run.task) === run) return;
  requireWaiting(run.task);
  takers.set(run.task, run);
}

/** Whoever took it is over: another run may take it, where it still waits. */
export function leaveTask(run: RunHost): void {
  if (takers.get(run.task) === run) takers.delete(run.task);
}

/** @param source the agent, read when a run starts */
export function runLogic(source: { services: AgentServices; nodes(): ReadonlyMap<string, Node>; graph(): Graph }): AgentLogic {
  const scopeOf = (self: AnyActorRef, run: RunHost, graph?: Graph): GraphScope => {
    run.root = self;
    return new GraphScope(run, [], source.nodes(), { graph });
  };
  return boundAgentLogic<TaskOutcome>(
    {
      create(self, input) {
        const { task: given, signal, cachePrefix, values, deadlineMs } = input as AgentLogicInput;
        const task = given instanceof Task ? (given as Task) : Task.fromJSON(given);
        requireWaiting(task);
        const graph = source.graph();
        const { services } = source;
        // The same in every process, before the first snapshot too.
        const runId = task.id;
        const placed = { cachePrefix, given: firstValues(values) };
        const run = new RunHost(services, { runId, task, values: placed, keeping: (input as Kept)[KEEPING] });
        const scope = scopeOf(self, run, graph);
        run.listen(signal);
        const deadline = deadlineMs === undefined ? undefined : services.clock.now() + deadlineMs;
        run.endBy(deadline);
        return {
          scope,
          input: {
            runId,
            task: task.toJSON(),
            keys: { visit: runId, attempt: runId },
            path: [],
            ...mailboxesOf(services, false),
            ...(cachePrefix === undefined ? {} : { cachePrefix }),
            ...(deadline === undefined ? {} : { deadline, deadlineMs }),
          },
        };
      },
      restore(self, persisted) {
        const { values: stored, view, replay, ...machine } = persisted;
        const { runId, cachePrefix, spent, deadline } = machine.context as unknown as RestoredContext;
        const { task } = persisted.children.task.snapshot.context as { task: TaskJSON };
        const placed = { cachePrefix, stored };
        const run = new RunHost(source.services, {
          runId,
          task: Task.fromJSON(task),
          values: placed,
          restored: { spent, view, replay },
          keeping: (persisted as Kept)[KEEPING],
        });
        run.endBy(deadline);
        const scope = scopeOf(self, run);
        try {
          requireSamePlace(source.services, placed);
          scope.fit(machine as PersistedAgent, { graph: source.graph(), read: (key) => storedValue(stored?.[partOfKey(key)]) });
        } catch (error) {
          run.finish(shownMessageOf(error), errorDetailsOf(error));
          throw error;
        }
        return { scope, persisted: { ...machine, context: { ...machine.context, ...mailboxesOf(source.services, false) } } };
      },
      persist: ({ run }) => ({ view: run.view(), ...run.place.persisted(), replay: Object.fromEntries(run.replayLog.parts()) }),
      outputOf({ failure, ...outcome }, { run }) {
        run.failure = failure;
        return { ...outcome, task: run.task };
      },
      eventOf(event, { run }) {
        // Of whoever embeds the run: it is in no store, where others would answer.
        if (event.type === "question.answer") run.answered(event.id, answerOf(event as unknown as QuestionAnswer));
        if (event.type !== "run.cancel") return event;
        run.hasten();
        // Of whoever embeds the run: told masked and cut, as any error is.
        const { reason, ...rest } = event;
        return reason === undefined || reason === "" ? rest : { ...rest, reason: shownMessageOf(reason) };
      },
      failsAtStart: (self) => self._parent !== undefined,
      onStart({ run }) {
        try {
          // A restored run has its task for itself.
          if (!run.isRestored) takeTask(run);
        } catch (error) {
          run.finish(shownMessageOf(error), errorDetailsOf(error));
          throw error;
        }
        run.begin();
      },
      onTask: (scope, task) => scope.run.followTask(task),
      onWaiting({ run }, waits) {
        run.waiting(waits);
      },
      onEnd({ run }, error, details) {
        leaveTask(run);
        run.finish(error, details);
      },
    },
    () => boundAgent(source.services.compile),
  ) as AgentLogic;
}
