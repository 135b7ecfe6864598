/** What the reasons of Chat Completions mean, and the fault that stands where one should. */
import type { FinishReason } from "#contract/chat/generation";

const UNIFIED = new Map<string, FinishReason["unified"]>([
  ["stop", "stop"],
  // Of servers that tell what the model wrote.
  ["eos", "stop"],
  ["end_turn", "stop"],
  ["length", "length"],
  ["tool_calls", "tool-calls"],
  ["function_call", "tool-calls"],
  ["content_filter", "content-filter"],
]);

/** @param refused whether the model said so in place of an answer */
export function finishReasonOf(raw: string, refused: boolean): FinishReason {
  const unified = UNIFIED.get(raw) ?? "other";
  return { unified: refused && unified === "stop" ? "content-filter" : unified, raw };
}
