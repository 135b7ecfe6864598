/** Thinking as it is asked for, in the forms that the model takes. */
import type { Thinking } from "#contract/chat/generation";
import type { Capabilities } from "./capabilities.ts";
import type { Limits } from "./limits.ts";

/** For models that know no effort. */
const BUDGETS = { minimal: 1_024, low: 2_048, medium: 8_192, high: 16_384, max: 32_000 } as const;
const MIN_BUDGET = 1_024;

/** What the model is asked for, in a form that it takes. */
export function fitThinking(
  asked: Thinking | undefined,
  maxTokens: number | undefined,
  { thinking: forms, thinkingDisplay }: Pick<Capabilities, "thinking" | "thinkingDisplay">,
  limits: Limits,
): Thinking | undefined {
  if (asked === undefined) return undefined;
  if (asked === false) return fitNoThinking(forms, limits);
  const takesEffort = forms.includes("effort");
  const takesBudget = forms.includes("budget");
  if (!takesEffort && !takesBudget) {
    if (asked !== true || !forms.includes("by-default")) limits.exceed("thinking", "it was left out");
    return undefined;
  }
  const { effort, budgetTokens, display } = asked === true ? {} : asked;
  if (budgetTokens !== undefined && !takesBudget) limits.exceed("thinking.budgetTokens", "it thinks as much as it finds right");
  if (effort !== undefined && !takesEffort) limits.exceed("thinking.effort", "a budget of tokens takes its place");
  if (display !== undefined && !thinkingDisplay) limits.exceed("thinking.display", "thoughts are shown as the provider does");
  const own = takesEffort ? undefined : BUDGETS[effort ?? "medium"];
  const budget = fitBudget(takesBudget ? budgetTokens : undefined, own, maxTokens, limits);
  if (budget === "none") return undefined;
  const fitted = {
    ...(effort === undefined || !takesEffort ? {} : { effort }),
    ...(budget === undefined ? {} : { budgetTokens: budget }),
    ...(display === undefined || !thinkingDisplay ? {} : { display }),
  };
  return Object.keys(fitted).length === 0 ? true : fitted;
}

function fitNoThinking(forms: Capabilities["thinking"], limits: Limits): false | undefined {
  if (forms.includes("off")) return false;
  if (forms.length === 0) return undefined;
  if (forms.includes("between-tools")) limits.exceed("thinking: false", "it still thinks between tools");
  else if (forms.includes("least")) limits.exceed("thinking: false", "it thinks as little as it can");
  else {
    limits.exceed("thinking: false", "it thinks as it does by itself");
    return undefined;
  }
  return false;
}

/** Thoughts count as output: a budget that leaves nothing for the answer is refused by all who take one. */
function fitBudget(
  asked: number | undefined,
  own: number | undefined,
  maxTokens: number | undefined,
  limits: Limits,
): number | "none" | undefined {
  const budget = asked ?? own;
  if (budget === undefined || maxTokens === undefined || budget < maxTokens) return budget;
  const half = Math.floor(maxTokens / 2);
  if (half < MIN_BUDGET) {
    limits.exceed(`thinking within ${maxTokens} tokens`, "it was left out");
    return "none";
  }
  if (asked !== undefined) limits.exceed(`thinking.budgetTokens of ${asked} within ${maxTokens} tokens`, `${half} take their place`);
  return half;
}

/** Whether the model will think, asked or not. */
export function willThink(thinking: Thinking | undefined, forms: Capabilities["thinking"]): boolean {
  if (thinking === false) return !forms.includes("off");
  return thinking !== undefined || forms.includes("by-default");
}
