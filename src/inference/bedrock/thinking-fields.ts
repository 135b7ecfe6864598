/** How Converse is told to think: Claude's own field goes beside the request, the effort within it. */
import type { ConverseRequest } from "@aws-sdk/client-bedrock-runtime";
import type { Thinking } from "#contract/chat/generation";

export interface ThinkingFields {
  effort?: string;
  fields?: NonNullable<ConverseRequest["additionalModelRequestFields"]>;
}

/** An ARN of one's own does not tell its model: its capabilities were set by hand, for Claude alone takes what goes out here. */
const isClaude = (model: string): boolean => /claude|anthropic|:(?:application-inference-profile|provisioned-model)\//i.test(model);

export function thinkingFields(model: string, thinking: Thinking | undefined): ThinkingFields {
  if (thinking === undefined) return {};
  const { effort, budgetTokens, display } = typeof thinking === "boolean" ? {} : thinking;
  // Converse's scale starts at "low".
  const told = effort === undefined ? {} : { effort: effort === "minimal" ? "low" : effort };
  if (!isClaude(model)) return told;
  if (thinking === false) return { fields: { thinking: { type: "disabled" } } };
  const shown = display === undefined ? {} : { display };
  const type = budgetTokens === undefined ? { type: "adaptive" } : { type: "enabled", budget_tokens: budgetTokens };
  return { ...told, fields: { thinking: { ...type, ...shown } } };
}
