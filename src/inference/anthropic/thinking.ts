/** How Claude is told to think: each generation of models takes another word for it. */
import type Anthropic from "@anthropic-ai/sdk";
import type { Thinking } from "../../contract/generation.ts";

export interface ThinkingFields {
  thinking?: Anthropic.ThinkingConfigParam;
  effort?: "low" | "medium" | "high" | "max";
}

type Effort = Exclude<Thinking, boolean>["effort"];

const MIN_BUDGET = 1024;
/** For models that know budgets alone. */
const BUDGETS: Readonly<Record<NonNullable<Effort>, number>> = { minimal: 1024, low: 2048, medium: 8192, high: 16_384, max: 32_768 };
/** They cannot leave off thinking; between tools they still think. */
const BETWEEN_TOOLS = /(?:sonnet|haiku)-5-5/;

/** @param maxTokens of the answer, thoughts included, where the call says so */
export function thinkingFields(model: string, thinking: Thinking | undefined, maxTokens: number | undefined): ThinkingFields {
  if (thinking === undefined) return {};
  if (thinking === false) return { thinking: { type: BETWEEN_TOOLS.test(model) ? "between_tools" : "disabled" } };
  const { effort, budgetTokens, display } = thinking === true ? {} : thinking;
  const shown = display === undefined ? {} : { display };
  if (!isAdaptive(model)) {
    const budget = budgetTokens ?? Math.max(MIN_BUDGET, Math.min(BUDGETS[effort ?? "medium"], Math.floor((maxTokens ?? Infinity) / 2)));
    return { thinking: { type: "enabled", budget_tokens: budget, ...shown } };
  }
  // The API's scale starts at "low".
  const told = effort === undefined ? {} : { effort: effort === "minimal" ? "low" : effort };
  if (budgetTokens === undefined) return { thinking: { type: "adaptive", ...shown }, ...told };
  return { thinking: { type: "enabled", budget_tokens: budgetTokens, ...shown }, ...told };
}

/** Models before 4.6 think by a budget alone; one with a name of another form is taken for a new one. */
function isAdaptive(model: string): boolean {
  const [, major, minor] = /claude-(?:[a-z]+-)?(\d+)(?:-(\d{1,2}))?(?!\d)/.exec(model) ?? [];
  return major === undefined || Number(major) > 4 || (Number(major) === 4 && Number(minor ?? 0) >= 6);
}
