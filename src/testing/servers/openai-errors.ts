/** The errors of OpenAI's APIs, which both of its formats share. */
import type { ScriptedError } from "#testing/script";
import { CONTEXT_LENGTH, type Json, messageOfError, retryAfterHeaders } from "./format.ts";

const TYPES: Record<number, string> = {
  400: "invalid_request_error",
  401: "authentication_error",
  403: "permission_error",
  404: "invalid_request_error",
  422: "invalid_request_error",
  429: "requests",
};
const CODES: Record<number, string> = { 401: "invalid_api_key", 404: "model_not_found", 429: "rate_limit_exceeded" };
const OVERFLOW =
  "This model's maximum context length is 128000 tokens. However, your messages resulted in 128001 tokens. Please reduce the length of the messages.";

export function openaiError(error: ScriptedError): { message: string; type: string; code: string | null; param: null } {
  const { status = 500, reason, message } = error;
  if (reason === CONTEXT_LENGTH) {
    return { message: message ?? OVERFLOW, type: "invalid_request_error", code: "context_length_exceeded", param: null };
  }
  // A spent quota is told in both places.
  const type = reason === "insufficient_quota" ? reason : (TYPES[status] ?? "server_error");
  return { message: messageOfError(error), type, code: reason ?? CODES[status] ?? (status >= 500 ? "server_error" : null), param: null };
}

export function openaiErrorAnswer(error: ScriptedError): { status: number; headers: Record<string, string>; body: Json } {
  const status = error.status ?? (error.reason === CONTEXT_LENGTH ? 400 : 500);
  return { status, headers: retryAfterHeaders(error), body: { error: openaiError(error) } };
}
