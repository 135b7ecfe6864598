/** A node of a view while events are applied: fields that are written in place, since a live run has its picture drawn event by event. */
import { TaskStatus } from "#contract/base/vocabulary";
import { addUsage, type Usage } from "#contract/chat/usage";
import type { NodeView, Waiting } from "./run-view.ts";
import { shownValue } from "./shown-value.ts";

/** Where a result is read when the view is made: of a live run it is a text before. */
export interface Given {
  readonly result?: unknown;
}

export class NodeDraft {
  status: TaskStatus;
  visit: number;
  attempt: number;
  iteration: number;
  since: number;
  waiting: readonly Waiting[] | undefined;
  durationMs: number | undefined;
  error: string | undefined;
  code: string | undefined;
  usage: Usage | undefined;
  never: NodeView["never"];
  isAgain: boolean;
  items: NodeView["items"];
  childTaskId: NodeView["childTaskId"];
  nodes: NodeView["nodes"];
  /** Whether the present plan holds it, and it has not settled in it. */
  isOpen: boolean;
  /** The plan in which it has settled last, as they are counted. */
  settledIn: number;
  #given: Given | undefined;
  #result: unknown;

  constructor(view: NodeView, isOpen: boolean, settledIn: number) {
    this.status = view.status;
    this.visit = view.visit;
    this.attempt = view.attempt;
    this.iteration = view.iteration;
    this.since = view.since;
    this.waiting = view.waiting;
    this.durationMs = view.durationMs;
    this.error = view.error;
    this.code = view.code;
    this.usage = view.usage;
    this.never = view.never;
    this.isAgain = view.again === true;
    this.items = view.items;
    this.childTaskId = view.childTaskId;
    this.nodes = view.nodes;
    this.isOpen = isOpen;
    this.settledIn = settledIn;
    this.#given = undefined;
    this.#result = view.result;
  }

  /** What the visit before gave means nothing for the next, but for what was spent; a visit that goes on has the graph that it had. */
  start(visit: number, attempt: number, iteration: number, at: number): void {
    this.status = TaskStatus.EXECUTING;
    // Of a visit that is tried again, the run that it waits for is the same.
    if (visit !== this.visit) this.childTaskId = undefined;
    this.visit = visit;
    this.attempt = attempt;
    this.iteration = iteration;
    this.since = at;
    this.waiting = undefined;
    this.durationMs = undefined;
    this.error = undefined;
    this.code = undefined;
    this.never = undefined;
    this.isAgain = false;
    if (attempt === 1) {
      this.nodes = undefined;
      this.items = undefined;
    }
    this.give(undefined);
  }

  /** One that a jump has sent back meanwhile waits for the visit to come; where this one failed, it shows that until then. */
  settle(status: TaskStatus, at: number): void {
    this.status = this.isAgain && status === TaskStatus.COMPLETE ? TaskStatus.WAITING : status;
    this.isAgain = this.isAgain && (status === TaskStatus.FAILED || status === TaskStatus.PARTIAL);
    this.waiting = undefined;
    this.since = at;
  }

  give(given: Given | undefined): void {
    this.#given = given;
    this.#result = undefined;
  }

  spend(usage: Usage): void {
    this.usage = this.usage === undefined ? usage : addUsage(this.usage, usage);
  }

  toView(): NodeView {
    if (this.#given !== undefined) {
      this.#result = shownValue(this.#given.result);
      this.#given = undefined;
    }
    const { status, visit, attempt, iteration, since, waiting, durationMs, error, code, usage, never, isAgain, items, childTaskId, nodes } =
      this;
    return {
      status,
      ...(waiting === undefined ? {} : { waiting }),
      visit,
      attempt,
      iteration,
      since,
      ...(durationMs === undefined ? {} : { durationMs }),
      ...(this.#result === undefined ? {} : { result: this.#result }),
      ...(error === undefined ? {} : { error }),
      ...(code === undefined ? {} : { code }),
      ...(usage === undefined ? {} : { usage }),
      ...(never === undefined ? {} : { never }),
      ...(isAgain ? { again: true as const } : {}),
      ...(nodes === undefined ? {} : { nodes }),
      ...(items === undefined ? {} : { items }),
      ...(childTaskId === undefined ? {} : { childTaskId }),
    };
  }
}
