/** One run as whoever started it sees it: events, messages, cancelling and snapshots; its outcome always settles. */
import { type Actor, createActor, type InspectionEvent, type Snapshot } from "xstate";
import * as z from "zod/mini";
import { AsimovError, type RunError } from "#contract/base/errors";
import { toJsonText } from "#contract/base/json";
import { lazily } from "#contract/base/lazily";
import { requireName } from "#contract/base/names";
import { parseOptions } from "#contract/base/options";
import type { Task } from "#contract/base/task";
import type { AgentEvent } from "#contract/run/events";
import type { ModelDelta } from "#contract/run/model-delta";
import type { TaskOutcome } from "#contract/run/outcome";
import type { ParkedRun } from "#contract/run/parked";
import type { RunView } from "#contract/run/run-view";
import type { Cache } from "#contract/store/cache";
import type { SnapshotRef } from "#contract/store/run-commit";
import type { GraphScope } from "./graph-scope.ts";
import type { AgentLogic, AgentLogicInput } from "./run-logic.ts";
import { ownScope } from "./scopes.ts";

export interface EventsOptions {
  /**
   * The number of the first event to give. What came before is there as far as its store keeps it (`keepEvents`), of a run that is not
   * stored the newest 1,000; `events.dropped` tells what is gone. Default: from now on.
   */
  from?: number;
  /** Events that wait for their reader; at least 1, `Infinity` for no limit. Default 10,000. */
  maxBuffered?: number;
  /** Whether what models answer is told, too, while they answer: `model.delta`. Their calls are streamed while somebody asks for that. Default false. */
  deltas?: boolean;
}

const eventsSchema = lazily(() =>
  z.strictObject({
    from: z.optional(z.int().check(z.gte(1))),
    maxBuffered: z._default(
      z.union([z.int().check(z.gte(1)), z.literal(Number.POSITIVE_INFINITY)], {
        message: "expected a whole number, at least 1, or Infinity",
      }),
      10_000,
    ),
    deltas: z.optional(z.boolean()),
  }),
);

/** @typeParam Outcome `TaskOutcome`, or `TaskOutcome | ParkedRun` with `whenWaiting: "park"` */
export interface AgentRun<Outcome extends TaskOutcome | ParkedRun = TaskOutcome> {
  /** Stable over restores. */
  readonly id: string;
  readonly task: Task;
  /**
   * The run's own values and mailboxes: there to be read as long as somebody holds the run. What is set here is settled at once; a run that
   * has ended, or was put down, takes nothing more (`run-ended`, `run-parked`), where its values are its own.
   */
  readonly values: Cache;
  /** The agent's actor, to inspect and to send events to. */
  readonly actor: Actor<AgentLogic>;
  /** Rejects only for misuse, such as a condition with a syntax error; what fails inside the run is in the outcome. */
  readonly outcome: Promise<Outcome>;
  /**
   * Events from now on, or from a number on; ends with the run. Whoever reads slower than the run tells loses the oldest, and gets `events.dropped` in their
   * place. What its store cannot give rejects `next`. @throws AsimovError `invalid-options`
   */
  events(options?: EventsOptions & { deltas?: false }): AsyncIterable<AgentEvent>;
  events(options: EventsOptions): AsyncIterable<AgentEvent | ModelDelta>;
  /** The run's picture as it stands, plain JSON: what `applyEvents` of `asimov-agents/view` makes of all its events so far; of a stored run, of those that are stored. */
  view(): RunView;
  /**
   * Publishes a message; settles when it is in its mailbox. Where nodes declare `inputMailboxes`, it must be one of theirs.
   * Where the run's store does not answer within `effectTimeoutMs`, the message is taken all the same, and not stored yet (`send-unstored`).
   * @throws AsimovError `unknown-mailbox`, `run-ended`, `not-json`, `publish-failed`, `part-too-large`; RunError `send-unstored`
   */
  send(mailbox: string, message: unknown): Promise<void>;
  /**
   * Aborts what runs, waits for it, and ends the run as FAILED. Where its store does not take the end in time, the outcome says so by the
   * error `end-unstored`, and this process goes on until it does.
   */
  cancel(reason?: string): Promise<Outcome>;
  /**
   * Stores the run, aborts what works, which repeats under the same keys when the run is resumed, and gives its lease back. The
   * outcome rejects with `run-parked`, or with `whenWaiting: "park"` is a `ParkedRun`. Where the store does not answer within `effectTimeoutMs`, the run goes on
   * (`run-not-parked`), or stands still until the store has answered (`run-parking`). @throws RunError those two; AsimovError `run-ended`, and what the store threw
   */
  park(): Promise<void>;
  /**
   * Stores the run as it stands now, also one that is not stored yet, which is from then on; what is unfinished runs again when it is restored.
   * @throws AsimovError `effect-timeout`, `run-ended`, and what the store threw
   */
  snapshot(hint?: string): Promise<SnapshotRef>;
}

export interface Launch {
  logic: AgentLogic;
  inspect: ((event: InspectionEvent) => void) | undefined;
  /** A task to start, or a stored run to go on with. */
  from: { input: AgentLogicInput } | { snapshot: Snapshot<unknown> };
}

/**
 * A run whose actor has not started yet. Its functions are made apart from the object that holds them: V8 takes one that is written in an object for
 * a method, makes it old at once, and with it keeps the whole run until the next collection of everything.
 *
 * @throws what creating or restoring it threw, such as a GraphError
 */
export function launch({ logic, inspect, from }: Launch): { run: AgentRun; scope: GraphScope; begin(): void } {
  const actor = createActor(logic, { id: "agent", ...from, ...(inspect === undefined ? {} : { inspect }) } as never) as Actor<AgentLogic>;
  const scope = ownScope(actor);
  const initial = actor.getSnapshot();
  if (initial.status === "error" || scope === undefined) {
    scope?.run.finish("the run could not start");
    throw initial.error;
  }
  const { run } = scope;
  run.startScope.launched();
  const { promise: ended, resolve, reject } = Promise.withResolvers<TaskOutcome | ParkedRun>();
  const giveUp = (lost: RunError): void => {
    if (run.parked === undefined) reject(lost);
    else resolve(run.parked);
  };
  const complete = (): void => {
    const snapshot = actor.getSnapshot();
    if (snapshot.status === "done") resolve(snapshot.output);
    else if (run.lost !== undefined) giveUp(run.lost);
    else reject(new AsimovError("The run's actor was stopped before the run ended; to end a run, cancel it.", { code: "run-stopped" }));
  };
  actor.subscribe({ error: reject, complete });
  // Which of both may come, whoever started it knows.
  const outcome = (async () => {
    try {
      return (await ended) as TaskOutcome;
    } finally {
      await run.startScope.released;
    }
  })();
  // Whoever listens to events alone must not lose the process to an unhandled rejection.
  outcome.catch(() => {});
  const events = ((options: EventsOptions = {}) =>
    run.events.subscribe(parseOptions(eventsSchema(), options, "events"))) as AgentRun["events"];
  const view: AgentRun["view"] = () => run.view();
  const send: AgentRun["send"] = async (mailbox, message) => {
    requireName(mailbox, "mailbox");
    run.inputMailboxes.require(mailbox);
    await run.send(mailbox, JSON.parse(toJsonText(message, `message to mailbox "${mailbox}"`)));
  };
  const cancel: AgentRun["cancel"] = (reason) => {
    run.cancel(reason);
    return outcome;
  };
  const snapshot: AgentRun["snapshot"] = (hint) => run.snapshot(hint);
  const park: AgentRun["park"] = () => run.park();
  const begin = (): void => {
    if (run.lost === undefined) actor.start();
    // An actor that is stopped before its start tells nobody.
    else {
      run.finish(run.lost.message);
      giveUp(run.lost);
    }
  };
  return {
    run: { id: run.runId, task: run.task, values: run.values, actor, outcome, events, view, send, cancel, park, snapshot },
    scope,
    begin,
  };
}
