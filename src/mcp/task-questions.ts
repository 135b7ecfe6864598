/** The questions of a run that is parked, put to the user of the client that has called for it. */
import type { ServerContext } from "@modelcontextprotocol/server";
import { asimovErrorOf, messageOf } from "#contract/base/errors";
import type { ParkedRun } from "#contract/run/parked";
import type { Question } from "#contract/run/question";
import { isGone, reasonOf } from "./call-end.ts";
import { type Asked, answerOf, askedOf, formOf, type ToForm } from "./question-forms.ts";
import { RunProgress } from "./run-progress.ts";
import type { McpServerLike, ServedAgent } from "./served-agent.ts";
import type { ToolResult } from "./task-result.ts";

/** What a client brings back with what its user has filled in: signed, since it says whose question that answers. */
export interface AskedState {
  taskId: string;
  asked: Asked[];
  /** Those that the user would not answer, which are not asked again. */
  declined: string[];
}

/** What became of what was asked before, within one call, and what was told. */
export interface AskedBefore {
  readonly declined: Set<string>;
  /** By question, why its answer was not taken. */
  readonly faults: Map<string, string>;
  /** Goes on from round to round, since progress must grow. */
  readonly progress: RunProgress;
}

/** What is used of the protocol's package. */
export interface Forms {
  readonly toForm: ToForm;
  /** @throws for what this process has not signed */
  verify(state: string, context: ServerContext): Promise<AskedState>;
  /** A result that asks the client. */
  ask(forms: Record<string, object>, state: AskedState, context: ServerContext): Promise<ToolResult>;
}

interface Settings {
  readonly onDisconnect: "cancel" | "park" | "continue";
  readonly elicit: ((question: Question) => boolean) | undefined;
}

export class TaskQuestions {
  readonly #agent: ServedAgent;
  readonly #settings: Settings;
  readonly #forms: Forms;
  /** The tasks whose questions are with a client. */
  readonly #asking = new Map<string, { progress: RunProgress; stopListening(): void }>();

  constructor(agent: ServedAgent, settings: Settings, forms: Forms) {
    this.#agent = agent;
    this.#settings = settings;
    this.#forms = forms;
  }

  /** What was asked in the call before. @throws for what this process has not signed */
  async stateOf(signed: string, context: ServerContext): Promise<{ state: AskedState; before: AskedBefore }> {
    const state = await this.#forms.verify(signed, context);
    const { progress = new RunProgress() } = this.#taken(state.taskId) ?? {};
    return { state, before: { declined: new Set(state.declined), faults: new Map(), progress } };
  }

  /** What the client is to ask its user; undefined where there is nothing of that. */
  async askedFor(
    { taskId, questions }: ParkedRun,
    context: ServerContext,
    server: McpServerLike["server"],
    { declined, faults, progress }: AskedBefore,
  ): Promise<ToolResult | undefined> {
    if (server.getClientCapabilities()?.elicitation === undefined) return undefined;
    const forms: Record<string, object> = {};
    const asked: Asked[] = [];
    for (const question of questions) {
      if (declined.has(question.id) || !this.#mayAsk(question)) continue;
      const form = formOf(question, this.#forms.toForm, faults.get(question.id));
      if (form === undefined) continue;
      forms[question.id] = form;
      asked.push(askedOf(question));
    }
    if (asked.length === 0) return undefined;
    const { signal, envelope } = context.mcpReq;
    const leave = (): void => {
      // A run that is parked stays so where its client is gone, unless none is to be left.
      const isCancelled = !isGone(signal) || this.#settings.onDisconnect === "cancel";
      if (this.#taken(taskId) !== undefined && isCancelled) void this.cancel(taskId, reasonOf(signal));
    };
    this.#taken(taskId);
    this.#asking.set(taskId, { progress, stopListening: () => signal.removeEventListener("abort", leave) });
    // Where each request stands alone, the answer is another one: the end of this one says nothing.
    if (envelope === undefined) signal.addEventListener("abort", leave);
    return await this.#forms.ask(forms, { taskId, asked, declined: [...declined] }, context);
  }

  /** @returns whether any was answered, or need not be any more */
  async answered(
    asked: readonly Asked[],
    { mcpReq }: ServerContext,
    server: McpServerLike["server"],
    { declined, faults }: AskedBefore,
  ): Promise<boolean> {
    const by = server.getClientVersion()?.name;
    let isAny = false;
    for (const question of asked) {
      const answer = answerOf(question, mcpReq.inputResponses?.[question.id]);
      if (answer === undefined) {
        declined.add(question.id);
        continue;
      }
      isAny = true;
      try {
        await this.#agent.runs.answer(question.id, answer, { shownHash: question.shownHash, ...(by === undefined ? {} : { by }) });
      } catch (error) {
        // Somebody else was faster, or it is asked once more.
        if (asimovErrorOf(error)?.code === "answer-invalid") faults.set(question.id, messageOf(error));
        else if (asimovErrorOf(error)?.code !== "question-closed") throw error;
      }
    }
    return isAny;
  }

  /** Those that are with clients now are left, too. */
  async close(): Promise<void> {
    const asking = [...this.#asking.keys()];
    for (const taskId of asking) this.#taken(taskId);
    if (this.#settings.onDisconnect !== "cancel") return;
    await Promise.all(asking.map((taskId) => this.cancel(taskId, "the server was closed")));
  }

  /** A run that is parked. */
  async cancel(taskId: string, reason: string): Promise<void> {
    // It has ended meanwhile, or its store does not answer: a worker or a look at it tells that.
    await this.#agent.runs.cancel(taskId, reason).catch(() => {});
  }

  /** Of a task whose questions are with a client no more. */
  #taken(taskId: string): { progress: RunProgress } | undefined {
    const asking = this.#asking.get(taskId);
    asking?.stopListening();
    this.#asking.delete(taskId);
    return asking;
  }

  #mayAsk(question: Question): boolean {
    try {
      return this.#settings.elicit?.(question) === true;
    } catch {
      return false;
    }
  }
}
