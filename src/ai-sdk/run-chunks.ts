/** A run as chunks: how it and its nodes stand as data parts, what its models answer as text, thoughts and calls, and what it asks. */
import { AsimovError } from "#contract/base/errors";
import type { ShownCall } from "#contract/chat/approval";
import { addUsage, NO_USAGE, pathKey, type Usage } from "#contract/chat/usage";
import type { AgentEvent } from "#contract/run/events";
import type { ModelDelta } from "#contract/run/model-delta";
import type { Question } from "#contract/run/question";
import type { UiMessageChunk, UiNode, UiRun } from "./chunks.ts";
import type { ErrorWords } from "./error-words.ts";
import { MessageIds, ShownAnswer } from "./shown-answer.ts";

/** How a run ended, or was put down. */
export type RunEnd = Pick<UiRun, "status" | "code">;

export class RunChunks {
  readonly #tell: (chunk: UiMessageChunk) => void;
  readonly #words: ErrorWords;
  /** Of the agent's own nodes that failed. */
  readonly #codes = new Set<string>();
  readonly #ids: MessageIds;
  readonly #answers = new Map<string, ShownAnswer>();
  /** Those in the middle of an answer. */
  readonly #talking = new Set<ShownAnswer>();
  readonly #nodes = new Map<string, UiNode>();
  readonly #questions = new Map<string, Question>();
  /** Calls that the page was shown. */
  readonly #calls = new Map<string, string>();
  #run: UiRun | undefined;
  #isInStep = false;
  usage: Usage = NO_USAGE;
  end: RunEnd | undefined;

  /** @param known what the page has heard of the run before; it has the message up to here */
  constructor(tell: (chunk: UiMessageChunk) => void, words: ErrorWords, known?: UiRun) {
    this.#tell = tell;
    this.#words = words;
    this.#run = known;
    this.#ids = new MessageIds(known !== undefined);
  }

  take(event: AgentEvent | ModelDelta): void {
    switch (event.type) {
      case "model.delta":
        return this.#delta(event);
      case "run.started":
        if (event.graph.length > 0) return;
        this.#stand({ taskId: event.taskId, agent: event.agent, objective: event.task.objective, status: "RUNNING" });
        return;
      case "run.restored":
        if (event.graph.length === 0) this.#stand({ taskId: event.taskId, status: "RUNNING" });
        return;
      case "run.parked":
        this.end = { status: "PARKED" };
        return this.#stand({ taskId: event.taskId, status: "PARKED", dueAt: event.dueAt });
      case "run.ended":
        if (event.graph.length > 0) return;
        this.end = { status: event.status as UiRun["status"], ...(event.code === undefined ? {} : { code: event.code }) };
        return this.#stand({ taskId: event.taskId, ...this.end });
      case "question.opened":
      case "question.reopened":
        return this.#ask(event.question);
      case "question.escalated":
      case "question.closed":
        return this.#changeQuestion(event);
      case "module.emitted":
        return this.#tell({ type: "data-emitted", data: { node: event.node, module: event.module, event: event.event }, transient: true });
      case "usage.recorded":
        this.usage = addUsage(this.usage, event.usage);
        return;
      case "events.dropped":
        return this.#tell({ type: "data-dropped", data: { count: event.count }, transient: true });
      default: {
        if (event.type === "node.failed" && event.graph.length === 0) this.#codes.add(event.code);
        const change = changeOf(event, this.#words);
        if (change !== undefined) this.#node(event.graph, change);
      }
    }
  }

  /** Why a run failed that has no code of its own, where all of it was heard and there is one reason. */
  get failureCode(): string {
    const [code] = this.#codes;
    return code === undefined || this.#codes.size > 1 || this.#ids.isContinued ? "run-failed" : code;
  }

  /** Ends what is open. */
  close(): void {
    for (const answer of this.#answers.values()) answer.close();
    if (this.#isInStep) this.#tell({ type: "finish-step" });
    this.#isInStep = false;
  }

  #stand(change: Pick<UiRun, "taskId" | "status"> & Partial<UiRun>): void {
    const { code: _code, dueAt: _dueAt, ...known } = this.#run ?? { agent: "", objective: "" };
    this.#run = { ...known, ...change } as UiRun;
    this.#tell({ type: "data-run", id: this.#run.taskId, data: this.#run });
  }

  #node(path: readonly string[], { node, ...change }: NodeChange): void {
    const id = pathKey([...path, node]);
    const { items } = this.#nodes.get(id) ?? {};
    const ended = change.itemEnded === true && items !== undefined ? { items: { ...items, ended: items.ended + 1 } } : {};
    const { itemEnded, ...told } = change;
    const known = itemEnded === true || told.status === undefined ? this.#nodes.get(id) : undefined;
    const data = { node, path, status: "EXECUTING", ...(items === undefined ? {} : { items }), ...known, ...told, ...ended } as UiNode;
    this.#nodes.set(id, data);
    this.#tell({ type: "data-node", id, data });
  }

  #delta({ graph, node, module, visit, attempt, part }: ModelDelta): void {
    const name = `${pathKey([...graph, node, module])}/${visit}.${attempt}`;
    let answer = this.#answers.get(name);
    if (answer === undefined) {
      answer = new ShownAnswer(name, this.#ids, { tell: this.#tell, words: this.#words });
      this.#answers.set(name, answer);
    }
    if (part.type === "tool-result") return answer.take(part);
    if (!this.#talking.has(answer)) {
      // What another one is in the middle of stays in its step.
      if (this.#talking.size === 0) this.#startStep();
      this.#talking.add(answer);
    }
    if (part.type === "tool-call") this.#calls.set(part.id, answer.callId(part.id));
    answer.take(part);
    if (part.type === "finish") this.#talking.delete(answer);
  }

  #startStep(): void {
    if (this.#isInStep) this.#tell({ type: "finish-step" });
    this.#isInStep = true;
    this.#tell({ type: "start-step" });
  }

  /** One of a tool's call is an approval of the AI SDK; its page answers by `addToolApprovalResponse`. */
  #ask(question: Question): void {
    this.#questions.set(question.id, question);
    if (question.kind !== "tool-approval") return this.#tell({ type: "data-question", id: question.id, data: question });
    const { tool, input, toolUseId } = question.shown as ShownCall;
    let toolCallId = this.#calls.get(toolUseId);
    if (toolCallId === undefined) {
      // Nobody told of the call: what the run's models answered was not heard.
      toolCallId = toolUseId;
      this.#calls.set(toolUseId, toolCallId);
      this.#tell({ type: "tool-input-available", toolCallId, toolName: tool, input });
    }
    const { id: approvalId, shownHash, to, deadline, problem } = question;
    const known = Object.entries({ to, deadline, problem }).filter(([, value]) => value !== undefined);
    this.#tell({ type: "tool-approval-request", approvalId, toolCallId, approvalDescriptor: { shownHash, ...Object.fromEntries(known) } });
  }

  #changeQuestion(event: Extract<AgentEvent, { type: "question.escalated" | "question.closed" }>): void {
    const question = this.#questions.get(event.id);
    if (question === undefined || question.kind === "tool-approval") return;
    const change =
      event.type === "question.escalated" ? { to: event.to } : { closed: event.why, ...(event.by === undefined ? {} : { by: event.by }) };
    this.#tell({ type: "data-question", id: event.id, data: { ...question, ...change } });
  }
}

type NodeChange = Pick<UiNode, "node"> & Partial<UiNode> & { itemEnded?: true };

/** What an event says of a node; nothing where it is about none. */
function changeOf(event: AgentEvent, words: ErrorWords): NodeChange | undefined {
  switch (event.type) {
    case "node.started":
      return { node: event.node, status: "EXECUTING", visit: event.visit };
    case "node.waiting":
      return { node: event.node, status: event.waiting.length > 0 ? "WAITING" : "EXECUTING" };
    case "node.retrying":
      return { node: event.node, status: "RETRYING", error: words(new AsimovError(event.error, { code: "module-failed" })) };
    case "node.completed": {
      const { node, visit, durationMs, result } = event;
      return { node, status: "COMPLETE", visit, durationMs, ...(result === undefined ? {} : { result }) };
    }
    case "node.failed": {
      const { node, visit, durationMs, status, code } = event;
      const error = words(new AsimovError(event.error, { code }));
      return { node, status, visit, error, ...(durationMs === undefined ? {} : { durationMs }) };
    }
    case "node.skipped":
      return { node: event.node, status: "SKIPPED" };
    case "node.blocked":
      return { node: event.node, status: "BLOCKED" };
    case "node.withdrawn":
      return { node: event.node, status: "WAITING" };
    case "items.started":
      return { node: event.node, items: { count: event.count, ended: 0 } };
    case "item.ended":
      return { node: event.node, itemEnded: true };
    default:
      return undefined;
  }
}
