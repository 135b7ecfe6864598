/** How hard a model thinks, in OpenAI's scale: what a model has no word for becomes the nearest that it has. */
import type { Thinking } from "#contract/chat/generation";

const SCALE = ["minimal", "low", "medium", "high", "xhigh", "max"] as const;
type Step = (typeof SCALE)[number];

export type Effort = "none" | Step;

/** The least and the most that models take; the first row that fits counts. */
const OPENAI_REACH: readonly (readonly [RegExp, Step, Step])[] = [
  [/^gpt-5-pro/, "high", "high"],
  [/^gpt-(?:5\.(?:[6-9]|\d\d)|[6-9]|\d\d)/, "low", "max"],
  [/^gpt-5\.\d-pro/, "medium", "xhigh"],
  [/^gpt-5\.(?:[2-5]|1-codex-max)/, "low", "xhigh"],
  [/^gpt-5(?:-(?:mini|nano|\d)|$)/, "minimal", "high"],
];

/** It finds the nearest step by itself. */
const ROUTER_REACH = ["minimal", "xhigh"] as const;
/** What every server knows. */
const COMMON_REACH = ["low", "high"] as const;

export function effortOf(thinking: Thinking | undefined, model: string, provider: string): Effort | undefined {
  if (thinking === undefined || thinking === true) return undefined;
  if (thinking === false) return "none";
  const { effort } = thinking;
  if (effort === undefined) return undefined;
  const [least, most] = reachOf(model.toLowerCase(), provider).map((step) => SCALE.indexOf(step)) as [number, number];
  return SCALE[Math.min(Math.max(SCALE.indexOf(effort), least), most)];
}

function reachOf(model: string, provider: string): readonly [Step, Step] {
  if (provider === "openrouter") return ROUTER_REACH;
  if (provider !== "openai" && provider !== "azure.ai.openai") return COMMON_REACH;
  const [, least, most] = OPENAI_REACH.find(([which]) => which.test(model)) ?? [];
  return least === undefined || most === undefined ? COMMON_REACH : [least, most];
}
