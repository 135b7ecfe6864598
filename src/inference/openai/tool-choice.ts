/** The choice among tools as OpenAI's APIs take it, which have the same words in other places. */
import type { ModelRequest } from "#contract/chat/wire";

type Json = Record<string, unknown>;

export interface ChoiceWords {
  named(name: string): Json;
  allowed(tools: readonly Json[]): Json;
}

/** What is no function of the caller's goes by its type. */
export function toolChoiceOf({ tools, toolChoice: choice }: ModelRequest, { named, allowed }: ChoiceWords): { tool_choice?: unknown } {
  if (choice === "auto") return {};
  if (typeof choice === "string") return { tool_choice: choice === "any" ? "required" : "none" };
  const wordOf = (name: string): Json => {
    const definition = tools.find((tool) => tool.name === name)?.definition;
    return definition === undefined ? named(name) : { type: definition.type };
  };
  return { tool_choice: "name" in choice ? wordOf(choice.name) : allowed(choice.only.map(wordOf)) };
}
