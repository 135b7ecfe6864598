/** A request of Chat Completions in the words of the server that it goes to, where that departs from OpenAI's. */
import type { ModelRequest } from "#contract/chat/wire";
import type { Dialect } from "#inference/openai/options";
import { nineId } from "./nine-id.ts";

type Json = Record<string, unknown>;
type Fitting = Pick<Dialect, "thinkingField" | "efforts" | "namedToolChoice" | "toolCallIds">;

/** In the scale's order. */
const EFFORTS = ["minimal", "low", "medium", "high", "xhigh", "max"] as const;

export function fitBody(body: Json, request: ModelRequest, { thinkingField, efforts, namedToolChoice, toolCallIds }: Fitting): Json {
  const fitted = { ...body };
  if (thinkingField !== undefined) fitThinkingFields(fitted, request, thinkingField);
  if (efforts !== undefined) fitEffort(fitted, request, efforts);
  if (!namedToolChoice) requireAlone(fitted, request);
  if (toolCallIds === "nine") fitted.messages = (fitted.messages as Json[]).map(withNineIds);
  return fitted;
}

function fitThinkingFields(body: Json, { thinking }: ModelRequest, field: NonNullable<Dialect["thinkingField"]>): void {
  if (thinking === undefined || field === "reasoning_effort") return;
  const isOn = thinking !== false;
  const budget = typeof thinking === "object" ? thinking.budgetTokens : undefined;
  if (body.reasoning_effort === "none") delete body.reasoning_effort;
  switch (field) {
    case "reasoning":
      body.reasoning = { enabled: isOn };
      break;
    case "thinking":
      body.thinking = { type: isOn ? "enabled" : "disabled" };
      break;
    case "enable_thinking":
      body.enable_thinking = isOn;
      if (budget !== undefined) body.thinking_budget = budget;
      break;
    // Qwen's templates know the one, DeepSeek's and Granite's the other; what a template does not know it leaves alone.
    case "chat_template_kwargs":
      body.chat_template_kwargs = { enable_thinking: isOn, thinking: isOn };
  }
}

/** The nearest to what was asked for, of the two that are as near the higher one. */
function fitEffort(body: Json, { thinking }: ModelRequest, known: readonly (typeof EFFORTS)[number][]): void {
  const asked = typeof thinking === "object" ? thinking.effort : undefined;
  if (asked === undefined || body.reasoning_effort === undefined) return;
  const far = (effort: (typeof EFFORTS)[number]): number => EFFORTS.indexOf(effort) - EFFORTS.indexOf(asked);
  [body.reasoning_effort] = known.toSorted((a, b) => Math.abs(far(a)) - Math.abs(far(b)) || far(b) - far(a));
}

/** The one tool that must be called is the only one that there is. */
function requireAlone(body: Json, { toolChoice }: ModelRequest): void {
  if (typeof toolChoice !== "object" || !Array.isArray(body.tools)) return;
  const { function: named } = (body.tool_choice ?? {}) as { function?: { name?: unknown } };
  if (named?.name === undefined) return;
  body.tools = (body.tools as { function?: { name?: unknown } }[]).filter((tool) => tool.function?.name === named.name);
  body.tool_choice = "required";
}

function withNineIds(message: Json): Json {
  const { tool_call_id: answered, tool_calls: calls } = message;
  return {
    ...message,
    ...(typeof answered === "string" ? { tool_call_id: nineId(answered) } : {}),
    ...(Array.isArray(calls) ? { tool_calls: (calls as Json[]).map((call) => ({ ...call, id: nineId(String(call.id)) })) } : {}),
  };
}
