/** The questions of a run that is parked, put to the user of the client that has called for it. */
import type { ServerContext } from "@modelcontextprotocol/server";
import { asimovErrorOf, messageOf } from "#contract/base/errors";
import type { ParkedRun } from "#contract/run/parked";
import type { Question } from "#contract/run/question";
import { isGone, reasonOf } from "./call-end.ts";
import { type Asked, answerOf, askedOf, formOf, type ToForm } from "./question-forms.ts";
import type { McpServerLike, ServedAgent } from "./served-agent.ts";
import type { ToolResult } from "./task-result.ts";

/** What a client brings back with what its user has filled in: signed, since it says whose question that answers. */
export interface AskedState {
  taskId: string;
  asked: Asked[];
  /** Those that the user would not answer, which are not asked again. */
  declined: string[];
}

/** What became of what was asked before, within one call. */
export interface AskedBefore {
  readonly declined: Set<string>;
  /** By question, why its answer was not taken. */
  readonly faults: Map<string, string>;
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
  readonly #asking = new Set<string>();

  constructor(agent: ServedAgent, settings: Settings, forms: Forms) {
    this.#agent = agent;
    this.#settings = settings;
    this.#forms = forms;
  }

  /** What was asked in the call before. @throws for what this process has not signed */
  async stateOf(signed: string, context: ServerContext): Promise<AskedState> {
    const state = await this.#forms.verify(signed, context);
    this.#asking.delete(state.taskId);
    return state;
  }

  /** What the client is to ask its user; undefined where there is nothing of that. */
  async askedFor(
    { taskId, questions }: ParkedRun,
    context: ServerContext,
    server: McpServerLike["server"],
    { declined, faults }: AskedBefore,
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
    this.#asking.add(taskId);
    const { signal, envelope } = context.mcpReq;
    const leave = (): void => void this.#leave(taskId, signal);
    // Where each request stands alone, the answer is another one: the end of this one says nothing.
    if (envelope === undefined) signal.addEventListener("abort", leave, { once: true });
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
    if (this.#settings.onDisconnect !== "cancel") return;
    await Promise.all([...this.#asking].map((taskId) => this.#cancel(taskId, "the server was closed")));
  }

  /** A run that is parked stays so where its client is gone, unless none is to be left. */
  async #leave(taskId: string, signal: AbortSignal): Promise<void> {
    if (isGone(signal) && this.#settings.onDisconnect !== "cancel") this.#asking.delete(taskId);
    else await this.#cancel(taskId, reasonOf(signal));
  }

  async #cancel(taskId: string, reason: string): Promise<void> {
    if (!this.#asking.delete(taskId)) return;
    // It has ended meanwhile, or its store does not answer: a worker or a look at it tells that.
    await this.#agent.runs.cancel(taskId, reason).catch(() => {});
  }

  #mayAsk(question: Question): boolean {
    try {
      return this.#settings.elicit?.(question) === true;
    } catch {
      return false;
    }
  }
}
