/** What the stop reasons of Converse mean, and which of them are no end but a failure. */
import type { FinishReason } from "#contract/chat/generation";
import type { Fault } from "#contract/chat/wire";

const UNIFIED = new Map<string, FinishReason["unified"]>([
  ["end_turn", "stop"],
  ["stop_sequence", "stop"],
  ["tool_use", "tool-calls"],
  ["max_tokens", "length"],
  ["model_context_window_exceeded", "length"],
  ["content_filtered", "content-filter"],
  ["guardrail_intervened", "content-filter"],
]);

export const finishReasonOf = (raw: string | undefined): FinishReason => ({
  unified: UNIFIED.get(raw ?? "") ?? "other",
  raw: raw ?? null,
});

/** To be told after the usage, which is paid for. */
export function faultOfStop(raw: string | undefined): Fault | undefined {
  if (raw === "malformed_model_output" || raw === "malformed_tool_use") return { kind: "retryable", reason: raw };
  return undefined;
}
