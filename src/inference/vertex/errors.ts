/** What the errors of `@google-cloud/vertexai` are, told by their names and words: only some of them hold a status. */
import { messageOf } from "#contract/base/errors";
import type { Fault } from "#contract/chat/wire";
import { authFault, faultOfBody, jsonIn } from "#inference/gemini/faults";

/** What is read of an error of the SDK, and of what it keeps as its origin. */
interface SdkError {
  name?: unknown;
  stackTrace?: { code?: unknown; message?: unknown; status?: unknown; errorDetails?: unknown } | null;
}

const STATUS = /got status: (\d{3})\b/;
/** Its text holds a piece of the answer. */
const UNREADABLE = /Error parsing JSON response from stream chunk/;
const NO_PROJECT = /Unable to infer your project/i;

/** `undefined` for errors of the network, and for what is none of the SDK's. */
export function toFault(error: unknown): Fault | undefined {
  if (typeof error !== "object" || error === null) return undefined;
  const { name, stackTrace: told } = error as SdkError;
  const message = messageOf(error);
  if (name === "ClientError" && typeof told?.code === "number") {
    return faultOfBody({ error: { ...told, message: told.message, details: told.errorDetails } }, { status: told.code });
  }
  const status = STATUS.exec(message)?.[1];
  if (status !== undefined) return faultOfBody(jsonIn(message.slice(message.indexOf(status))), { status: Number(status) });
  if (UNREADABLE.test(message)) return { kind: "retryable", code: "hostile-response", reason: "broken JSON" };
  if (NO_PROJECT.test(message)) {
    return { kind: "final", code: "unauthorized", detail: "no project was given, and none was found", isOwnDetail: true };
  }
  return authFault(error);
}
