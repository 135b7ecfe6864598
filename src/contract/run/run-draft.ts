/** A view while events are applied to it: the fold of the picture, in place, whether events come from afar or from a live run. */
import { TaskStatus } from "#contract/base/vocabulary";
import { addUsage, NO_USAGE, type Usage } from "#contract/chat/usage";
import type { ErrorReport } from "#contract/node/result";
import type { RunStatus } from "#contract/store/run-record";
import type { EventsDropped, RunEventBody } from "./events.ts";
import { GraphDraft } from "./graph-draft.ts";
import { PlanDraft, type PlanMark } from "./plan-draft.ts";
import { type Question, renamedQuestion } from "./question.ts";
import type { NodeView, RunView, ViewNode } from "./run-view.ts";
import { shownText } from "./shown-value.ts";

type Body = RunEventBody | EventsDropped;
type Started = Extract<Body, { type: "run.started" }>;

/** What is no list, graph or number of an event. */
type Head = Omit<RunView, "seq" | "updatedAt" | "graph" | "nodes" | "plan" | "failedChains" | "errors">;

/** A node as it is kept, with what its plan and the failed chains are told by. */
export type KeptNode = Omit<NodeView, "items"> & PlanMark & { readonly itemsFrom?: ItemsFrom };

/** How many items there are, and when they began: those of which nothing was told. */
export interface ItemsFrom {
  readonly count: number;
  readonly since: number;
}

/** A view that was kept, with the number of its plan, which what is kept of its nodes goes by. */
export type KeptView = RunView & { readonly planNumber?: number };

/** What has changed of a view, to be written; its plan and failed chains follow from it, and its errors and questions are known elsewhere. */
export interface ViewChanges {
  head: Omit<RunView, "graph" | "nodes" | "plan" | "failedChains" | "errors" | "questions"> & { readonly planNumber: number };
  /** Absent where it has not. */
  graph?: RunView["graph"];
  nodes: Iterable<readonly [name: string, node: KeptNode]>;
  /** Of nodes with items, by place; undefined for one that is no more. */
  items: Iterable<readonly [name: string, index: number, item: NodeView | undefined]>;
}

const ERROR_LIMIT = 1_000;

export class RunDraft {
  #head: Head;
  #seq: number;
  #updatedAt: number;
  #root: GraphDraft;
  #plan: PlanDraft;
  #errors: readonly ErrorReport[];
  /** Those that are open, since the first change of them; absent while they are as the head has them. */
  #questions: Map<string, Question> | undefined;
  #ownsErrors = false;
  #graph: RunView["graph"] | undefined;
  /** What was written of its nodes before is another graph's. */
  #hasBegunAnew = false;
  /** The graph as it was written last. */
  #written: readonly ViewNode[] | undefined;

  private constructor(head: Head, { seq, updatedAt }: Pick<RunView, "seq" | "updatedAt">, root: GraphDraft, plan: PlanDraft) {
    this.#head = head;
    this.#seq = seq;
    this.#updatedAt = updatedAt;
    this.#root = root;
    this.#plan = plan;
    this.#errors = [];
  }

  static of(view: KeptView): RunDraft {
    const { seq, updatedAt, graph, nodes, plan, failedChains, errors, planNumber: number = 0, ...head } = view;
    const root = new GraphDraft(graph.nodes, view.startedAt, nodes, { names: new Set(plan.flat()), number });
    const failed = failedChains.flatMap(([first]) => first ?? []);
    const draft = new RunDraft(head, view, root, new PlanDraft(root, { number, failed, shown: view }));
    draft.#errors = errors;
    draft.#graph = graph;
    return draft;
  }

  /** @param seq 0 where it was not told yet */
  static start(started: Started, taskId: string, { seq, at }: { seq: number; at: number }): RunDraft {
    const { agent, version, task } = started;
    const { type, objective } = task;
    const about = { taskId, agent, version, type: shownText(type), objective: shownText(objective) };
    const head: Head = { ...about, status: "RUNNING", generation: 0, startedAt: at, questions: [], usage: NO_USAGE };
    const root = new GraphDraft(() => started.nodes, at);
    return new RunDraft(head, { seq, updatedAt: at }, root, new PlanDraft(root));
  }

  get taskId(): string {
    return this.#head.taskId;
  }

  /** The last event that it holds. */
  get seq(): number {
    return this.#seq;
  }

  /**
   * @param seq the next one
   * @param path the nodes whose nested graph tells it
   */
  apply(event: Body, seq: number, at: number, path: readonly string[]): void {
    this.#seq = seq;
    this.#updatedAt = at;
    if (path.length === 0) this.#applyToRun(event, at);
    const graph = path.length === 0 ? this.#root : this.#graphAt(path, event, at);
    if (graph !== undefined) this.#applyToGraph(event, graph, at, path.length === 0 ? this.#plan : undefined);
    switch (event.type) {
      case "error.reported":
        this.#keepError(event.report);
        break;
      case "usage.recorded":
        this.#spend([...path, event.node], event.usage);
        break;
      case "question.opened":
        this.#ask(event.question);
        break;
      case "question.reopened":
        this.#close(event.instead);
        this.#ask(event.question);
        break;
      case "question.escalated":
        this.#escalate(event.id, event.to);
        break;
      case "question.closed":
        this.#close(event.id);
        break;
      case "snapshot.saved": {
        const { status } = this.#head;
        // Where somebody's cancel came first, one that was to be put down goes on to its end.
        const isOwned = status === "READY" || status === "PARKED";
        this.#head = { ...this.#head, status: isOwned ? "RUNNING" : status, generation: event.ref.generation };
        break;
      }
    }
  }

  /** @param isWhole whether all is to be written */
  takeChanges(isWhole: boolean): ViewChanges {
    const isAll = isWhole || this.#hasBegunAnew;
    const nodes = this.#root.takeChanged(isAll).map(([name, node]) => {
      const { items: _items, ...view } = node.toView();
      const itemsFrom = this.#root.itemsFrom(name);
      return [name, { ...view, ...(itemsFrom === undefined ? {} : { itemsFrom }), ...this.#plan.markOf(name, node) }] as const;
    });
    const items = [...this.#root.takeItems(isAll)];
    const { list } = this.#root;
    const isSame = !isWhole && this.#written === list;
    this.#written = list;
    this.#hasBegunAnew = false;
    const { questions: _questions, ...own } = this.#head;
    const head = { ...own, seq: this.#seq, updatedAt: this.#updatedAt, planNumber: this.#plan.number };
    return { head, nodes, items, ...(isSame ? {} : { graph: { nodes: list } }) };
  }

  /** It is stored as it is: changes are what follows. */
  isStored(): void {
    this.#root.takeChanged();
    for (const _ of this.#root.takeItems(false));
    this.#written = this.#root.list;
  }

  finish(): RunView {
    if (this.#errors.length > ERROR_LIMIT) this.#errors = this.#errors.slice(-ERROR_LIMIT);
    this.#ownsErrors = false;
    const { list, nodes } = this.#root.finish();
    const { plan, failedChains } = this.#plan.finish();
    if (this.#graph?.nodes !== list) this.#graph = { nodes: list };
    const numbers = { seq: this.#seq, updatedAt: this.#updatedAt };
    if (this.#questions !== undefined) this.#head = { ...this.#head, questions: [...this.#questions.values()] };
    this.#questions = undefined;
    return { ...this.#head, ...numbers, graph: this.#graph, nodes, plan, failedChains, errors: this.#errors };
  }

  #applyToRun(event: Body, at: number): void {
    switch (event.type) {
      case "run.started":
        this.#head = { ...this.#head, status: "RUNNING", startedAt: at };
        this.#root = new GraphDraft(() => event.nodes, at);
        this.#plan = new PlanDraft(this.#root);
        this.#hasBegunAnew = true;
        break;
      case "run.restored": {
        const { endedAt: _endedAt, ...head } = this.#head;
        this.#head = { ...head, status: "RUNNING", version: event.version };
        break;
      }
      case "graph.changed":
        this.#head = { ...this.#head, version: event.version };
        break;
      case "run.parked":
        this.#head = { ...this.#head, status: event.dueAt !== null && event.dueAt <= at ? "READY" : "PARKED" };
        break;
      case "run.ended":
        this.#head = { ...this.#head, status: endOf(event), endedAt: at, questions: [] };
        this.#questions = undefined;
        break;
    }
  }

  /** @param plan of the run's own graph */
  #applyToGraph(event: Body, graph: GraphDraft, at: number, plan: PlanDraft | undefined): void {
    switch (event.type) {
      case "node.started":
        graph.start(event.node, event, at);
        plan?.open(graph.node(event.node));
        break;
      case "node.completed": {
        const node = graph.node(event.node);
        const isAgain = node.isAgain;
        node.settle(TaskStatus.COMPLETE, at);
        node.visit = event.visit;
        node.durationMs = event.durationMs;
        node.give(event);
        plan?.complete(event.node);
        // One that a jump sent back is still to be visited in the new plan.
        if (!isAgain) plan?.settle(node);
        break;
      }
      case "node.failed": {
        const node = graph.node(event.node);
        const isAgain = node.isAgain;
        node.settle(event.status, at);
        node.visit = event.visit;
        node.durationMs = event.durationMs ?? node.durationMs;
        node.error = event.error;
        node.code = event.code;
        node.give(undefined);
        plan?.fail(event.node);
        if (!isAgain) plan?.settle(node);
        break;
      }
      case "node.withdrawn": {
        const node = graph.node(event.node);
        node.settle(TaskStatus.WAITING, at);
        node.isAgain = false;
        node.visit = event.visit;
        break;
      }
      case "node.skipped":
      case "node.blocked": {
        const node = graph.node(event.node);
        node.settle(TaskStatus.WAITING, at);
        if (event.type === "node.skipped") node.visit = event.visit;
        node.never = event.type === "node.skipped" ? "skipped" : "blocked";
        plan?.settle(node);
        break;
      }
      case "items.started":
        graph.nestItems(event.node, event.count, at);
        break;
      case "item.ended": {
        const item = graph.nested(event.node)?.node(String(event.index));
        if (item === undefined) break;
        item.settle(event.status === "success" ? TaskStatus.COMPLETE : TaskStatus.FAILED, at);
        item.durationMs = event.durationMs;
        if (event.status === "success") item.give(event);
        else {
          item.error = event.error;
          item.code = event.code;
        }
        break;
      }
      case "node.retrying": {
        const node = graph.node(event.node);
        node.attempt = event.attempt + 1;
        node.waiting = event.until === undefined ? undefined : [{ for: "moment", until: event.until }];
        break;
      }
      case "node.waiting":
        graph.node(event.node).waiting = event.waiting.length === 0 ? undefined : event.waiting;
        break;
      case "child.started":
        graph.node(event.node).childTaskId = event.childTaskId;
        break;
      case "module.started":
        if (event.attempt > 1) graph.node(event.node).waiting = undefined;
        break;
      case "nodes.added":
        graph.extend(event.nodes);
        plan?.add(event.nodes.map(({ name }) => name));
        break;
      case "graph.changed":
        plan?.change(graph.replace(event.nodes, event.renamed ?? {}), event.renamed ?? {});
        if (event.renamed !== undefined) this.#rename(event.renamed);
        break;
      case "jump.taken": {
        const region = graph.region([event.to]);
        sendBack(graph, region, at);
        plan?.jump(event.from, region);
        break;
      }
    }
  }

  /** The graph that tells it; a nested one begins by its first event. */
  #graphAt(path: readonly string[], event: Body, at: number): GraphDraft | undefined {
    let graph: GraphDraft | undefined = this.#root;
    for (const [depth, name] of path.entries()) {
      if (event.type === "run.started" && depth === path.length - 1) graph.nest(name, event.nodes, at);
      // One that goes on from where another attempt left it does not begin.
      if (event.type === "node.started") graph.node(name).waiting = undefined;
      graph = graph.nested(name);
      if (graph === undefined) return undefined;
    }
    return graph;
  }

  #spend(path: readonly string[], usage: Usage): void {
    this.#head = { ...this.#head, usage: addUsage(this.#head.usage, usage) };
    let graph: GraphDraft | undefined = this.#root;
    for (const name of path) {
      graph?.node(name).spend(usage);
      graph = graph?.nested(name);
    }
  }

  /** By their ids, to be changed: thousands may be open, and one that is closed must not cost the others. */
  #openQuestions(): Map<string, Question> {
    this.#questions ??= new Map(this.#head.questions.map((question) => [question.id, question]));
    return this.#questions;
  }

  #ask(question: Question): void {
    const questions = this.#openQuestions();
    questions.delete(question.id);
    questions.set(question.id, question);
  }

  #close(id: string): void {
    this.#openQuestions().delete(id);
  }

  #escalate(id: string, to: string): void {
    const questions = this.#openQuestions();
    const question = questions.get(id);
    if (question !== undefined) questions.set(id, { ...question, to });
  }

  #rename(renamed: Readonly<Record<string, string>>): void {
    const questions = this.#openQuestions();
    for (const [from, to] of Object.entries(renamed))
      for (const [id, question] of questions) questions.set(id, renamedQuestion(question, from, to));
  }

  #keepError(report: ErrorReport): void {
    if (!this.#ownsErrors) this.#errors = [...this.#errors];
    this.#ownsErrors = true;
    const errors = this.#errors as ErrorReport[];
    // Not at each: to cut an array costs its length.
    if (errors.push(report) > 2 * ERROR_LIMIT) errors.splice(0, errors.length - ERROR_LIMIT);
  }
}

/** What a jump leads to waits again, with all that descends from it; what executes goes on, and is visited once more. */
function sendBack(graph: GraphDraft, region: Iterable<string>, at: number): void {
  for (const name of region) {
    const node = graph.node(name);
    if (node.status === TaskStatus.EXECUTING) node.isAgain = true;
    else if (node.status !== TaskStatus.WAITING || node.never !== undefined) {
      node.settle(TaskStatus.WAITING, at);
      node.never = undefined;
    }
  }
}

function endOf({ status, code }: { status: TaskStatus; code?: string }): RunStatus {
  return code === "cancelled" ? "CANCELLED" : (status as RunStatus);
}
