/** A view while events are applied to it: the fold of the picture, in place, whether events come from afar or from a live run. */
import { AsimovError } from "#contract/base/errors";
import { TaskStatus } from "#contract/base/vocabulary";
import { addUsage, NO_USAGE } from "#contract/chat/usage";
import type { EventsDropped, RunEventBody } from "./events.ts";
import { GraphDraft, type NodeChange } from "./graph-draft.ts";
import { PlanDraft } from "./plan-draft.ts";
import type { NodeView, RunStatus, RunView } from "./run-view.ts";
import { shownText } from "./shown-value.ts";

type Body = RunEventBody | EventsDropped;
type Started = Extract<Body, { type: "run.started" }>;

/** Where and when an event was told. */
export interface Place {
  readonly seq: number;
  readonly at: number;
  readonly graph: readonly string[];
}

const ERROR_LIMIT = 1_000;

type Head = Omit<RunView, "graph" | "nodes" | "plan" | "failedChains" | "errors">;

export class RunDraft {
  #head: Head;
  #root: GraphDraft;
  #plan: PlanDraft;
  #errors: RunView["errors"];
  #ownsErrors = false;
  #shownGraph: RunView["graph"] | undefined;

  private constructor(head: Head, root: GraphDraft, plan: PlanDraft, errors: RunView["errors"]) {
    this.#head = head;
    this.#root = root;
    this.#plan = plan;
    this.#errors = errors;
  }

  static of(view: RunView): RunDraft {
    const { graph, nodes, plan, failedChains, errors, ...head } = view;
    const root = new GraphDraft(graph.nodes, view.startedAt, nodes);
    const draft = new RunDraft(head, root, PlanDraft.of(root, plan, failedChains), errors);
    draft.#shownGraph = graph;
    return draft;
  }

  /** @param seq 0 where it was not told yet */
  static start({ agent, version, task, nodes }: Started, taskId: string, { seq, at }: Omit<Place, "graph">): RunDraft {
    const head: Head = {
      taskId,
      agent,
      version,
      type: shownText(task.type),
      objective: shownText(task.objective),
      status: "RUNNING",
      generation: 0,
      seq,
      startedAt: at,
      updatedAt: at,
      questions: [],
      usage: NO_USAGE,
    };
    const root = new GraphDraft(nodes, at);
    return new RunDraft(head, root, PlanDraft.start(root), []);
  }

  /** @throws AsimovError `view-gap` */
  apply(event: Body, place: Place): void {
    const { seq, at } = place;
    // What has no number, such as what a model is saying, is no part of the picture.
    if (!(seq > this.#head.seq)) return;
    if (event.type === "events.dropped") throw gapOf(this.#head, seq);
    this.#head = { ...this.#head, seq, updatedAt: at };
    if (place.graph.length === 0) this.#applyToRun(event, at);
    const graph = this.#graphAt(place.graph, event, at);
    if (graph !== undefined) this.#applyToGraph(event, graph, place);
  }

  finish(): RunView {
    if (this.#errors.length > ERROR_LIMIT) this.#errors = this.#errors.slice(-ERROR_LIMIT);
    this.#ownsErrors = false;
    const { list, nodes } = this.#root.finish();
    const { plan, failedChains } = this.#plan.finish();
    this.#shownGraph = this.#shownGraph?.nodes === list ? this.#shownGraph : { nodes: list };
    return { ...this.#head, graph: this.#shownGraph, nodes, plan, failedChains, errors: this.#errors };
  }

  #applyToRun(event: Body, at: number): void {
    switch (event.type) {
      case "run.started":
        this.#head = { ...this.#head, status: "RUNNING", startedAt: at };
        this.#root = new GraphDraft(event.nodes, at);
        this.#plan = PlanDraft.start(this.#root);
        break;
      case "run.restored": {
        const { endedAt: _endedAt, ...head } = this.#head;
        this.#head = { ...head, status: "RUNNING", generation: event.generation };
        break;
      }
      case "jump.taken":
        this.#plan.jump(event.from, event.to);
        break;
      case "nodes.added":
        this.#plan.add(event.nodes.map(({ name }) => name));
        break;
      case "run.ended":
        this.#head = { ...this.#head, status: endOf(event), endedAt: at };
        break;
    }
  }

  #applyToGraph(event: Body, graph: GraphDraft, { at, graph: path }: Place): void {
    const settle = (node: string, status: NodeView["status"], change: NodeChange): void => {
      const isAgain = graph.view(node).again === true && status === TaskStatus.COMPLETE;
      graph.change(node, { ...change, waiting: undefined, again: undefined, status: isAgain ? TaskStatus.WAITING : status, since: at });
    };
    switch (event.type) {
      case "node.started": {
        const { node, visit, attempt, iteration } = event;
        graph.begin(node, { status: TaskStatus.EXECUTING, visit, attempt, iteration, since: at });
        break;
      }
      case "node.completed":
        settle(event.node, TaskStatus.COMPLETE, { visit: event.visit, durationMs: event.durationMs });
        graph.give(event.node, event);
        break;
      case "node.failed": {
        const { node, visit, status, durationMs, error, code } = event;
        graph.give(node, undefined);
        settle(node, status, { visit, result: undefined, error, code, ...(durationMs === undefined ? {} : { durationMs }) });
        break;
      }
      case "node.skipped":
        settle(event.node, TaskStatus.WAITING, { visit: event.visit, never: "skipped" });
        break;
      case "node.blocked":
        settle(event.node, TaskStatus.WAITING, { never: "blocked" });
        break;
      case "node.retrying": {
        const { node, attempt, until } = event;
        graph.change(node, { attempt: attempt + 1, waiting: until === undefined ? undefined : [{ for: "moment", until }] });
        break;
      }
      case "module.started":
        if (graph.view(event.node).waiting !== undefined) graph.change(event.node, { waiting: undefined });
        break;
      case "nodes.added":
        graph.extend(event.nodes);
        break;
      case "jump.taken":
        sendBack(graph, event.to, at);
        break;
      case "error.reported":
        this.#keepError(event.report);
        break;
      case "usage.recorded":
        this.#head = { ...this.#head, usage: addUsage(this.#head.usage, event.usage) };
        this.#spend([...path, event.node], event.usage);
        break;
      case "snapshot.saved":
        this.#head = { ...this.#head, generation: event.ref.generation };
        break;
    }
    if (path.length === 0) this.#plan.follow(event);
  }

  /** The graph that tells it; a nested one begins by its first event. */
  #graphAt(path: readonly string[], event: Body, at: number): GraphDraft | undefined {
    let graph: GraphDraft | undefined = this.#root;
    for (const [depth, name] of path.entries()) {
      if (event.type === "run.started" && depth === path.length - 1) {
        graph.nest(name, event.nodes, at);
        if (graph.view(name).waiting !== undefined) graph.change(name, { waiting: undefined });
      }
      graph = graph.nested(name);
      if (graph === undefined) return undefined;
    }
    return graph;
  }

  #spend(path: readonly string[], usage: NonNullable<NodeView["usage"]>): void {
    let graph: GraphDraft | undefined = this.#root;
    for (const name of path) {
      graph?.spend(name, usage);
      graph = graph?.nested(name);
    }
  }

  #keepError(report: RunView["errors"][number]): void {
    if (!this.#ownsErrors) this.#errors = [...this.#errors];
    this.#ownsErrors = true;
    const errors = this.#errors as RunView["errors"][number][];
    // Not at each: to cut an array costs its length.
    if (errors.push(report) > 2 * ERROR_LIMIT) errors.splice(0, errors.length - ERROR_LIMIT);
  }
}

/** What a jump leads to waits again, with all that descends from it; what executes goes on, and is visited once more. */
function sendBack(graph: GraphDraft, to: string, at: number): void {
  for (const name of graph.region([to])) {
    const { status, never } = graph.view(name);
    if (status === TaskStatus.EXECUTING) graph.change(name, { again: true });
    else if (status !== TaskStatus.WAITING || never !== undefined) {
      graph.change(name, { status: TaskStatus.WAITING, never: undefined, waiting: undefined, since: at });
    }
  }
}

function endOf({ status, code }: { status: TaskStatus; code?: string }): RunStatus {
  return code === "cancelled" ? "CANCELLED" : (status as RunStatus);
}

const gapOf = ({ taskId, seq: seen }: Head, seq: number): AsimovError =>
  new AsimovError(
    `Events ${seen + 1} to ${seq} of run "${taskId}" are gone; ask for its view anew, and go on with the events behind the view's \`seq\`.`,
    { code: "view-gap" },
  );
