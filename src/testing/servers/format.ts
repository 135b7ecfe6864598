/** What a local server has to know of a provider's wire format. */
import type { Answer, AnswerStep } from "#testing/answer";
import type { ScriptedError, ScriptRequest } from "#testing/script";

export type Json = { readonly [key: string]: unknown };

/** A request that asks for an answer. */
export interface ModelQuestion {
  model: string;
  stream: boolean;
  lastMessage: ScriptRequest["lastMessage"];
}

export interface WireFormat {
  /** The path that goes before the provider's own in the address that an SDK is given. */
  readonly basePath: string;
  /** What a request that fits no path is told. */
  readonly paths: string;
  readonly streamType: string;
  /** `undefined` for a path that asks for no answer. */
  question(path: string, body: Json): ModelQuestion | undefined;
  /** One whole answer. */
  whole(answer: Answer, model: string): Json;
  /** What is sent for each step of a stream. */
  stream(answer: Answer, model: string, body: Json): (step: AnswerStep) => readonly (string | Uint8Array)[];
  error(error: ScriptedError): { status: number; headers: Record<string, string>; body: Json };
  /** The provider's id of a request. */
  requestIdHeader?: string;
}

/** What is said when the script has no message of its own. */
export const messageOfError = ({ status = 500, message }: ScriptedError): string => message ?? `The scripted error of status ${status}.`;

/** The texts of a message's content, in whatever form a provider has it. */
function textIn(value: unknown): string {
  if (typeof value === "string") return value;
  if (Array.isArray(value)) {
    return value
      .map(textIn)
      .filter((text) => text !== "")
      .join("\n");
  }
  if (typeof value !== "object" || value === null) return "";
  const { text, content, output, toolResult, functionResponse, json, response } = value as Json;
  const inner = [text, content, output, toolResult, functionResponse].map(textIn).filter((found) => found !== "");
  if (inner.length > 0) return inner.join("\n");
  const data = json ?? response;
  return data === undefined ? "" : textIn(data) || JSON.stringify(data);
}

/** @param list the body's conversation, of which the last entry counts */
export function lastMessageIn(list: unknown): ScriptRequest["lastMessage"] {
  if (typeof list === "string") return { role: "user", text: list };
  const last: unknown = Array.isArray(list) ? list.at(-1) : undefined;
  if (typeof last !== "object" || last === null) return { role: "", text: "" };
  const { role, type, parts } = last as Json;
  return { role: String(role ?? type ?? ""), text: textIn(parts ?? last) };
}

export const serverSentEvent = (data: Json, event?: string): string =>
  `${event === undefined ? "" : `event: ${event}\n`}data: ${JSON.stringify(data)}\n\n`;

/** Seconds, rounded up, as HTTP has them; and the milliseconds that two of the SDKs know beside them. */
export function retryAfterHeaders({ retryAfterMs }: ScriptedError): Record<string, string> {
  return retryAfterMs === undefined
    ? {}
    : { "retry-after": String(Math.ceil(retryAfterMs / 1000)), "retry-after-ms": String(retryAfterMs) };
}

export const CONTEXT_LENGTH = "context-length-exceeded";
