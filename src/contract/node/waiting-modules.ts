/** Modules that only wait: for somebody's answer, or for a moment. Nothing before them runs again when they go on. */
import * as z from "zod/mini";
import { requireMs } from "#contract/base/durations";
import { lazily } from "#contract/base/lazily";
import { parseOptions } from "#contract/base/options";
import type { Task } from "#contract/base/task";
import { ModuleType } from "#contract/base/vocabulary";
import type { Checked, Schema } from "#contract/chat/schema";
import type { Cache } from "#contract/store/cache";
import { answerSchema, compileAnswer, requireDeadlineAnswer } from "./answer-schema.ts";
import { AgentModule, type AgentModuleInit, type Ask, type ModuleContext, type ModuleResult } from "./module.ts";
import { askShape, isInTime } from "./take-ask.ts";
import { requireDate } from "./take-waits.ts";

/** What a question is made of. */
export type AskContext = Pick<ModuleContext, "values" | "results" | "item" | "index" | "task" | "signal" | "config">;

export interface QuestionInit<S extends Schema> extends Omit<AgentModuleInit, "type">, Omit<Ask<S>, "show"> {
  /** What is to be decided on: JSON, or a function that gives it, called once. Default null. */
  show?: ((context: AskContext) => unknown) | { readonly [key: string]: unknown } | readonly unknown[] | string | number | boolean | null;
  /** The node that follows on an answer; null or absent falls through to the rest of the plan. */
  decide?: (answer: Checked<S>, context: { readonly task: Task; readonly values: Cache }) => string | null;
}

class QuestionModule<S extends Schema> extends AgentModule {
  readonly #ask: Ask<S>;
  readonly #show: QuestionInit<S>["show"];
  readonly #decide: QuestionInit<S>["decide"];
  /** What needs a package that is loaded late, or somebody's promise: it is refused before the first node, not in the middle. */
  declare readonly prepare: (() => Promise<void>) | undefined;

  constructor({ show, decide, answer, to, deadlineMs, onDeadline, escalate, ...rest }: QuestionInit<S>) {
    super({ ...rest, type: decide === undefined ? ModuleType.EXECUTOR : ModuleType.FLOW_CONTROL });
    const question = Object.fromEntries(
      Object.entries({ show, answer, to, deadlineMs, onDeadline, escalate, decide }).filter(([, value]) => value !== undefined),
    );
    parseOptions(schema(), question, `Question "${this.name}"`);
    const compiled = compileAnswer(answer, this.name);
    const late = requireDeadlineAnswer(compiled, this.name, onDeadline);
    if (compiled.ready !== undefined || late !== undefined) {
      this.prepare = async () => {
        await answerSchema(answer, this.name);
        await late?.();
      };
    }
    const { show: _show, decide: _decide, ...ask } = question;
    this.#ask = ask as unknown as Ask<S>;
    this.#show = show;
    this.#decide = decide;
  }

  override async process(context: ModuleContext): Promise<ModuleResult> {
    const given = this.#show;
    const show = typeof given === "function" ? () => given(context) : given;
    const { answer } = await context.ask(this.name, { ...this.#ask, ...(show === undefined ? {} : { show }) });
    const decision = this.#decide?.(answer, context);
    return { status: "success", result: answer, ...(decision === undefined ? {} : { decision }) };
  }
}

const schema = lazily(() =>
  z
    .strictObject({
      ...askShape(),
      decide: z.optional(
        z.custom<(...given: never[]) => unknown>((value) => typeof value === "function", { message: "expected a function" }),
      ),
    })
    .check(isInTime()),
);

/**
 * A module that asks, and gives the answer as its result. It waits without a permit, a time limit or a timer that must live, over restarts.
 *
 * @throws AsimovError `invalid-name`, `invalid-options`, `invalid-schema`
 * @example
 * const approve = defineQuestion({
 *   name: "approve",
 *   show: ({ results }) => ({ title: "Send this?", draft: results.draft }),
 *   answer: z.object({ ok: z.boolean() }),
 *   decide: ({ ok }) => (ok ? null : "draft"),
 * });
 */
export function defineQuestion<const S extends Schema>(init: QuestionInit<S>): AgentModule {
  return new QuestionModule(init);
}

class SleepModule extends AgentModule {
  readonly #sleep: (context: ModuleContext) => Promise<void>;

  constructor(init: AgentModuleInit, sleep: (context: ModuleContext) => Promise<void>) {
    super(init);
    this.#sleep = sleep;
  }

  override async process(context: ModuleContext): Promise<ModuleResult> {
    await this.#sleep(context);
    return { status: "success", result: null };
  }
}

/**
 * A module that waits so many milliseconds from its node's visit on; see `ModuleContext.sleep`.
 *
 * @throws AsimovError `invalid-name`, `invalid-options`
 * @example
 * const pause = sleepFor({ name: "a day", ms: 86_400_000 });
 */
export function sleepFor({ ms, ...init }: AgentModuleInit & { ms: number }): AgentModule {
  const module = new SleepModule(init, (context) => context.sleep(ms));
  requireMs(`Module "${module.name}": ms`, ms);
  return module;
}

/**
 * A module that waits until a moment; one that has passed is not waited for.
 *
 * @throws AsimovError `invalid-name`, `invalid-options`
 * @example
 * const launch = sleepUntil({ name: "launch", at: new Date("2030-01-01T09:00:00Z") });
 */
export function sleepUntil({ at, ...init }: AgentModuleInit & { at: Date | ((context: AskContext) => Date) }): AgentModule {
  const module = new SleepModule(init, (context) => context.sleepUntil(typeof at === "function" ? at(context) : at));
  if (typeof at !== "function") requireDate(`Module "${module.name}": at`, at);
  return module;
}
