/** An agent as a module of another: its run is a run of its own, which the module waits for. */
import * as z from "zod/mini";
import type { Agent } from "./agent.ts";
import { AsimovError } from "./contract/base/errors.ts";
import { copyJson } from "./contract/base/json.ts";
import { lazily } from "./contract/base/lazily.ts";
import { isFunction, parseOptions } from "./contract/base/options.ts";
import { Task } from "./contract/base/task.ts";
import { AgentModule, type AgentModuleInit, type ModuleContext, type ModuleResult } from "./contract/node/module.ts";
import type { AskContext } from "./contract/node/waiting-modules.ts";
import type { KeptChild } from "./contract/run/host.ts";
import { hostOf } from "./runtime/agent-host.ts";
import { ChildRun } from "./runtime/child-run.ts";
import { Context } from "./runtime/module-context.ts";

/** What the other agent is asked to do. */
export interface ChildTask {
  objective: string;
  params?: Record<string, unknown>;
  /** Default that of the task whose run asks. */
  type?: string;
  labels?: Record<string, string>;
}

export interface ChildRunInit extends Omit<AgentModuleInit, "type"> {
  /** Called once for a visit; what it gave is kept. */
  task: (context: AskContext) => ChildTask | Promise<ChildTask>;
  /** Whether its run goes on when the run that asks is cancelled, or gives it up. Default false. */
  detached?: boolean;
}

const schema = lazily(() =>
  z.strictObject({
    task: z.custom<ChildRunInit["task"]>(isFunction, { message: "expected a function that gives { objective, params? }" }),
    detached: z.optional(z.boolean()),
  }),
);

class ChildRunModule extends AgentModule {
  readonly #agent: Agent;
  readonly #task: ChildRunInit["task"];
  readonly #detached: boolean;

  constructor(agent: Agent, { task, detached, ...init }: ChildRunInit) {
    super(init);
    const given = parseOptions(schema(), { task, ...(detached === undefined ? {} : { detached }) }, `Module "${this.name}"`);
    this.#agent = agent;
    this.#task = given.task;
    this.#detached = given.detached ?? false;
  }

  override async process(context: ModuleContext): Promise<ModuleResult> {
    const host = hostOf(this.#agent);
    if (!(context instanceof Context) || host === undefined) {
      throw new AsimovError(`Module "${this.name}" runs another agent, and can be run by an agent of the same copy of the package alone.`, {
        code: "no-agent",
      });
    }
    const result = await context.child(this.name, (place) => new ChildRun(place, host).result(() => this.#begin(context, place.taskId)));
    return { status: "success", result: result ?? null };
  }

  /** @throws AsimovError `invalid-options`, `not-json` */
  async #begin(context: ModuleContext, taskId: string): Promise<KeptChild> {
    const given = await this.#task(context);
    const { id: _id, status: _status, ...task } = new Task({ type: context.task.type, ...given, id: taskId }).toJSON();
    return { taskId, task: copyJson(task, "task"), ...(this.#detached ? { detached: true } : {}) };
  }
}

/**
 * A module that runs another agent, and gives its task's result. The run has an id that is made from this module's key: it is begun once, found again after
 * any restart, and stored where its own agent stores runs. What fails it fails the module, whose next attempt retries it.
 *
 * @throws AsimovError `invalid-options`, `invalid-name`
 * @example
 * const research = agentModule(agent, {
 *   name: "research",
 *   task: ({ task, results }) => ({ objective: `Research ${task.objective}`, params: { topics: results.plan } }),
 * });
 */
export function agentModule(agent: Agent, init: ChildRunInit): AgentModule {
  if (typeof agent !== "object" || agent === null || hostOf(agent) === undefined) {
    throw new AsimovError(`agentModule: expected an Agent first, got ${agent === null ? "null" : typeof agent}.`, {
      code: "invalid-options",
    });
  }
  return new ChildRunModule(agent, init);
}
