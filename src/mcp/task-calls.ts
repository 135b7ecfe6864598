/** The calls of an agent that is served: each runs a task, tells how far it is, and leaves no run behind that nobody waits for. */
import type { ServerContext } from "@modelcontextprotocol/server";
import { AsimovError, asimovErrorOf } from "#contract/base/errors";
import { Task, type TaskJSON } from "#contract/base/task";
import { afterThisTurn } from "#contract/base/turns";
import type { AgentEvent } from "#contract/run/events";
import type { TaskOutcome } from "#contract/run/outcome";
import type { ParkedRun } from "#contract/run/parked";
import type { Question } from "#contract/run/question";
import { atMost } from "./at-most.ts";
import { isGone, reasonOf } from "./call-end.ts";
import { RunProgress } from "./run-progress.ts";
import type { McpServerLike, ServedAgent, ServedRun } from "./served-agent.ts";
import type { TaskInput } from "./task-input.ts";
import { type AskedBefore, type Forms, TaskQuestions } from "./task-questions.ts";
import { endedResult, failedResult, parkedResult, type ToolResult } from "./task-result.ts";

export interface CallSettings {
  readonly type: string;
  readonly whenWaiting: "hold" | "park";
  readonly onDisconnect: "cancel" | "park" | "continue";
  readonly maxResultChars: number;
  /** The name of the tool that goes on with a task, where there is one. */
  readonly resume: string | undefined;
  progress(event: AgentEvent): string | undefined;
  /** Whether the client's user is asked; absent where nobody ever is. */
  readonly elicit: ((question: Question) => boolean) | undefined;
}

type End = TaskOutcome | ParkedRun;
type Begin = () => ServedRun | Promise<ServedRun>;

interface Left {
  readonly how: CallSettings["onDisconnect"];
  readonly reason: string;
}

interface Telling {
  /** Whether the client has heard nothing of the run yet. */
  readonly isNew: boolean;
  readonly progress: RunProgress;
}

export class TaskCalls {
  readonly #agent: ServedAgent;
  readonly #settings: CallSettings;
  readonly #questions: TaskQuestions;
  readonly #working = new Map<string, ServedRun>();
  /** From before a run has begun until it has ended. */
  readonly #held = new Set<Promise<unknown>>();
  /** Until the client has its answer. */
  readonly #answering = new Set<Promise<unknown>>();
  #isClosed = false;

  constructor(agent: ServedAgent, settings: CallSettings, forms: Forms) {
    this.#agent = agent;
    this.#settings = settings;
    this.#questions = new TaskQuestions(agent, settings, forms);
  }

  /** One call of the tool that runs a task. */
  async run({ objective, params }: TaskInput, context: ServerContext, { server }: McpServerLike): Promise<ToolResult> {
    const { type } = this.#settings;
    return await this.#answer(
      () => this.#agent.start(new Task({ type, objective, params }), { whenWaiting: this.#whenWaiting }),
      context,
      server,
    );
  }

  /** One call of the tool that goes on with one, or tells how it ended. */
  async resume({ taskId }: { taskId: string }, context: ServerContext, { server }: McpServerLike): Promise<ToolResult> {
    const here = this.#working.get(taskId);
    return await this.#answer(() => here ?? this.#resumed(taskId), context, server, taskId);
  }

  /** No call is taken any more, and those that work end as `onDisconnect` says. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const { onDisconnect: how } = this.#settings;
    for (const run of this.#working.values()) void this.#leave(run, { how, reason: "the server was closed" });
    if (how === "continue") return;
    await this.#questions.close();
    await Promise.allSettled(this.#held);
    await atMost(LAST_WORDS_MS, Promise.allSettled(this.#answering));
    // What was answered is on its way a moment later.
    await new Promise<void>(afterThisTurn);
  }

  /** A run whose questions are put to the client is put down while they are. */
  get #whenWaiting(): "hold" | "park" {
    return this.#settings.elicit === undefined ? this.#settings.whenWaiting : "park";
  }

  #resumed(taskId: string): Promise<ServedRun> {
    return this.#agent.resume(taskId, { whenWaiting: this.#whenWaiting });
  }

  async #answer(begin: Begin, context: ServerContext, server: McpServerLike["server"], taskId?: string): Promise<ToolResult> {
    if (this.#isClosed) throw new AsimovError("This agent is served no more: connect anew later.", { code: "mcp-closed" });
    return await during(this.#answering, this.#begun(begin, context, server, taskId));
  }

  async #begun(begin: Begin, context: ServerContext, server: McpServerLike["server"], taskId: string | undefined): Promise<ToolResult> {
    let known = taskId;
    let before: AskedBefore = { declined: new Set(), faults: new Map(), progress: new RunProgress() };
    const { signal } = context.mcpReq;
    try {
      const signed = context.mcpReq.requestState<string>();
      let start = begin;
      if (signed !== undefined) {
        const { state, before: asking } = await this.#questions.stateOf(signed, context);
        const { taskId: asker, asked } = state;
        known = asker;
        before = asking;
        const isAnswered = await this.#questions.answered(asked, context, server, before);
        if (!isAnswered) return parkedResult(asker, asked, undefined, this.#settings.resume);
        start = () => this.#resumed(asker);
      }
      for (;;) {
        const isNew = start === begin && taskId === undefined;
        const { end, told } = await during(this.#held, this.#hold(start, context, { isNew, progress: before.progress }));
        await told;
        if (end.status !== "PARKED") return endedResult(end.task, this.#settings.maxResultChars);
        const left = this.#leftBy(signal);
        if (left !== undefined && left.how !== "continue") {
          // Who has had enough while it was being parked has not reached the run.
          if (left.how === "cancel") await this.#questions.cancel(end.taskId, left.reason);
          return (await this.#ended(end.taskId)) ?? parkedResult(end.taskId, end.questions, end.dueAt, this.#settings.resume);
        }
        const form = left === undefined ? await this.#questions.askedFor(end, context, server, before) : undefined;
        if (form !== undefined) return form;
        if (this.#settings.whenWaiting === "park") return parkedResult(end.taskId, end.questions, end.dueAt, this.#settings.resume);
        // Nobody here can answer: it is waited for whoever does.
        start = () => this.#agent.resume(end.taskId, { whenWaiting: "hold" });
      }
    } catch (error) {
      return await this.#failed(error, known);
    }
  }

  async #failed(error: unknown, known: string | undefined): Promise<ToolResult> {
    const { code, taskId = known } = (asimovErrorOf(error) ?? {}) as { code?: string; taskId?: string };
    if (taskId === undefined) return failedResult(error);
    if (code === "run-parked") return parkedResult(taskId, [], undefined, this.#settings.resume);
    return (code === "run-ended" ? await this.#ended(taskId) : undefined) ?? failedResult(error, taskId);
  }

  /** Of a run that had ended when somebody wanted to go on with it. */
  async #ended(taskId: string): Promise<ToolResult | undefined> {
    try {
      const task = (await this.#agent.runs.value(taskId, ["values", "task"])) as TaskJSON | undefined;
      const hasEnded = task !== undefined && task.status !== "WAITING" && task.status !== "EXECUTING";
      return hasEnded ? endedResult(task, this.#settings.maxResultChars) : undefined;
    } catch {
      return undefined;
    }
  }

  /** Its end, while the client hears of it, and while it is there. */
  async #hold(start: Begin, context: ServerContext, telling: Telling): Promise<{ end: End; told: Promise<void> }> {
    const { signal } = context.mcpReq;
    const run = await start();
    this.#working.set(run.id, run);
    void this.#forget(run);
    const leave = (): void => {
      const left = this.#leftBy(signal);
      if (left !== undefined) void this.#leave(run, left);
    };
    leave();
    signal.addEventListener("abort", leave, { once: true });
    try {
      const told = this.#tell(run, context, telling);
      return { end: await run.outcome, told };
    } finally {
      signal.removeEventListener("abort", leave);
    }
  }

  /** What is left to work is known until it has ended. */
  async #forget(run: ServedRun): Promise<void> {
    await run.outcome.catch(() => {});
    if (this.#working.get(run.id) === run) this.#working.delete(run.id);
  }

  /** What becomes of the run of a call that nobody waits for any more; undefined while somebody does. */
  #leftBy(signal: AbortSignal): Left | undefined {
    const { onDisconnect } = this.#settings;
    if (this.#isClosed) return { how: onDisconnect, reason: "the server was closed" };
    return signal.aborted ? { how: isGone(signal) ? onDisconnect : "cancel", reason: reasonOf(signal) } : undefined;
  }

  async #leave(run: ServedRun, { how, reason }: Left): Promise<void> {
    try {
      if (how === "cancel") await run.cancel(reason);
      else if (how === "park") await run.park();
    } catch {
      // It has ended meanwhile, or its store does not answer: the run itself tells that.
    }
  }

  async #tell(run: ServedRun, { mcpReq }: ServerContext, { isNew, progress }: Telling): Promise<void> {
    const progressToken = mcpReq._meta?.progressToken;
    if (progressToken === undefined) return;
    const said = (event: AgentEvent): string | undefined => {
      try {
        return this.#settings.progress(event);
      } catch {
        return undefined;
      }
    };
    try {
      for await (const event of run.events(isNew ? { from: 1 } : {})) {
        if (mcpReq.signal.aborted) return;
        const notice = progress.next(event, said);
        if (notice !== undefined) await mcpReq.notify({ method: "notifications/progress", params: { progressToken, ...notice } });
      }
    } catch {
      // Nobody is there to be told, or the run could not start, which its outcome says.
    }
  }
}

/** The promise, in the set until it is settled. */
async function during<T>(set: Set<Promise<unknown>>, work: Promise<T>): Promise<T> {
  set.add(work);
  try {
    return await work;
  } finally {
    set.delete(work);
  }
}

/** What is cancelled is told so, where somebody listens. */
const LAST_WORDS_MS = 1_000;
