/** How Claude is told to think; which forms a model takes at all, its capabilities have settled before. */
import type Anthropic from "@anthropic-ai/sdk";
import type { Thinking } from "#contract/chat/generation";

interface ThinkingFields {
  thinking?: Anthropic.ThinkingConfigParam;
  effort?: "low" | "medium" | "high" | "max";
}

const MIN_BUDGET = 1024;
/** It cannot leave off thinking: between tools it still thinks. */
const BETWEEN_TOOLS = /sonnet-5[.-]5/;

/** @param maxTokens of the answer, thoughts included, where the call says so */
export function thinkingFields(model: string, thinking: Thinking | undefined, maxTokens = Number.POSITIVE_INFINITY): ThinkingFields {
  if (thinking === undefined) return {};
  if (thinking === false) return { thinking: { type: BETWEEN_TOOLS.test(model) ? "between_tools" : "disabled" } };
  const { effort, budgetTokens, display } = thinking === true ? {} : thinking;
  const shown = display === undefined ? {} : { display };
  // The API's scale starts at "low".
  const told = effort === undefined ? {} : { effort: effort === "minimal" ? "low" : effort };
  if (budgetTokens === undefined) return { thinking: { type: "adaptive", ...shown }, ...told };
  // The API refuses a budget that leaves nothing for the answer.
  const budget = budgetTokens < maxTokens ? budgetTokens : Math.max(MIN_BUDGET, Math.floor(maxTokens / 2));
  return { thinking: { type: "enabled", budget_tokens: budget, ...shown }, ...told };
}
