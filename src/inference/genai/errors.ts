/** What the errors of `@google/genai` are, told by their fields: it may be installed twice, and its classes with it. */
import { messageOf } from "#contract/base/errors";
import type { Fault } from "#contract/chat/wire";
import { authFault, faultOfBody, jsonIn } from "#inference/gemini/faults";

/** Its text holds a piece of the answer. */
const UNREADABLE = /^exception parsing stream chunk/;

/** `undefined` for errors of the network, and for what is none of the SDK's. */
export function toFault(error: unknown): Fault | undefined {
  if (typeof error !== "object" || error === null) return undefined;
  const { name, status } = error as { name?: unknown; status?: unknown };
  const message = messageOf(error);
  if (name === "ApiError" && typeof status === "number") return faultOfBody(jsonIn(message), { status });
  if (UNREADABLE.test(message)) return { kind: "retryable", code: "hostile-response", reason: "broken JSON" };
  return authFault(error);
}
