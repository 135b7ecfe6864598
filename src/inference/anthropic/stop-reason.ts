/** What Anthropic's stop reasons mean. */
import type { FinishReason } from "#contract/chat/generation";

const UNIFIED = new Map<string, FinishReason["unified"]>([
  ["end_turn", "stop"],
  ["stop_sequence", "stop"],
  ["tool_use", "tool-calls"],
  ["max_tokens", "length"],
  ["model_context_window_exceeded", "length"],
  ["refusal", "content-filter"],
]);

export function finishReasonOf(raw: unknown): FinishReason {
  return typeof raw === "string" ? { unified: UNIFIED.get(raw) ?? "other", raw } : { unified: "other", raw: null };
}
