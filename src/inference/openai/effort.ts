/** How hard a model thinks, in OpenAI's scale. */
import type { Thinking } from "../../contract/generation.ts";

export type Effort = "none" | "minimal" | "low" | "medium" | "high" | "xhigh";

export function effortOf(thinking: Thinking | undefined): Effort | undefined {
  if (thinking === undefined || thinking === true) return undefined;
  if (thinking === false) return "none";
  return thinking.effort === "max" ? "xhigh" : thinking.effort;
}
