/** Flow control: a module that decides, by conditions tried in order, which node runs next. */
import * as z from "zod/mini";
import { brand } from "#contract/base/brand";
import { lazily } from "#contract/base/lazily";
import { nonEmpty, parseOptions } from "#contract/base/options";
import { ModuleType } from "#contract/base/vocabulary";
import { AgentModule, type AgentModuleInit, type ModuleContext, type ModuleResult } from "./module.ts";

export interface FlowDecision {
  nextNode: string;
  /** A Lua expression; absent always holds. */
  condition?: string;
  /** Keys of the run's values that are deleted when this decision is taken. */
  conditionVariables?: string[];
  /** Whether the jump closes the generators of the nodes that run again. Default false. */
  cleanupOnJump?: boolean;
  metadata?: Record<string, unknown>;
}

export interface FlowControlConfig {
  /** Tried in order; the first whose condition holds is taken. */
  decisions: FlowDecision[];
  /** Taken when no decision holds; absent falls through to the rest of the plan. */
  default?: string;
  /** Default true. */
  cleanupOnDefault?: boolean;
}

const flowSchema = lazily(() =>
  z.strictObject({
    decisions: z.array(
      z.strictObject({
        nextNode: nonEmpty,
        condition: z.optional(nonEmpty),
        conditionVariables: z.optional(z.array(nonEmpty)),
        cleanupOnJump: z.optional(z.boolean()),
        metadata: z.optional(z.record(z.string(), z.unknown())),
      }),
    ),
    default: z.optional(nonEmpty),
    cleanupOnDefault: z.optional(z.boolean()),
  }),
);

/**
 * Jumps by the first decision that holds, else to the default, else not at all.
 *
 * @example
 * new FlowControlModule({ name: "again?", flowConfig: { decisions: [{ nextNode: "draft", condition: "score < 0.8" }], default: "publish" } });
 */
export class FlowControlModule extends AgentModule {
  readonly flowConfig: Readonly<FlowControlConfig>;

  constructor(init: AgentModuleInit & { flowConfig: FlowControlConfig }) {
    const { flowConfig, ...rest } = init;
    super({ type: ModuleType.FLOW_CONTROL, ...rest });
    this.flowConfig = parseOptions(flowSchema(), flowConfig, `Module "${this.name}": flowConfig`) as FlowControlConfig;
  }

  override async process(context: ModuleContext): Promise<ModuleResult> {
    for (const decision of this.flowConfig.decisions) {
      if (await this.holds(decision, context)) return this.jump(decision, context);
    }
    return this.fallBack();
  }

  protected async holds({ condition }: FlowDecision, context: ModuleContext): Promise<boolean> {
    return condition === undefined || context.evaluate(condition);
  }

  protected async jump(decision: FlowDecision, context: ModuleContext): Promise<ModuleResult> {
    await this.take(decision, context);
    return {
      status: "success",
      result: decision.nextNode,
      decision: decision.nextNode,
      cleanup: decision.cleanupOnJump ?? false,
      ...(decision.metadata === undefined ? {} : { metadata: decision.metadata }),
    };
  }

  /** To the default, or on with the plan. */
  protected fallBack(): ModuleResult {
    const fallback = this.flowConfig.default ?? null;
    return {
      status: "success",
      result: fallback,
      decision: fallback,
      cleanup: fallback !== null && (this.flowConfig.cleanupOnDefault ?? true),
    };
  }

  /** What follows from taking a decision. */
  protected async take(decision: FlowDecision, context: ModuleContext): Promise<void> {
    for (const key of decision.conditionVariables ?? []) await context.values.delete(key);
  }
}

brand(FlowControlModule, "FlowControlModule");
