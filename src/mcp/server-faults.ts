/** What went wrong with a server, in words that name it and say what to do. */
import { messageOf } from "#contract/base/errors";
import { maskText } from "#contract/base/secrets";

/** A server as errors speak of it. */
export interface KnownServer {
  readonly name: string;
  /** What was thrown, as it may be shown. */
  shown(error: unknown): string;
  /** Whether what was thrown is told whole, too: where nobody here has given it secrets. */
  readonly tellsCause?: boolean;
  /** Whether it said more at once than is taken. */
  readonly hasSaidTooMuch?: boolean;
  /** What it printed, where that is no message. */
  printed?(): string | undefined;
  /** How it answered the newest request, where that is no answer of the protocol. */
  readonly refusal?: Refusal | undefined;
}

export interface Refusal {
  status: number;
  contentType: string | null;
}

/** @returns nothing for what the protocol knows */
export function refusalOf({ ok, status, headers }: Response): Refusal | undefined {
  const contentType = headers.get("content-type");
  const isKnown = status === 202 || status === 204 || /^(?:application\/json|text\/event-stream)\b/i.test(contentType ?? "");
  return ok && isKnown ? undefined : { status, contentType };
}

const MAX_SHOWN = 300;
const MAX_PRINTED = 80;

/** Of the checks of the protocol's package the issues take many lines. */
const wordsOf = (error: unknown): string =>
  Array.isArray((error as { issues?: unknown } | null)?.issues) ? "it answered what is no message of the protocol" : messageOf(error);

/** @param hide takes out what is secret by the caller's knowledge, before the text is cut */
export const shownOf = (error: unknown, hide: (text: string) => string = (text) => text): string =>
  maskText(hide(wordsOf(error).slice(0, MAX_SHOWN * 20)))
    .replace(/[\s\p{C}]+/gu, " ")
    .slice(0, MAX_SHOWN);

/** What to do about an error of the protocol's client. */
export function adviceFor(error: unknown, server: KnownServer): string {
  const { name, hasSaidTooMuch, refusal } = server;
  const printed = server.printed?.();
  if (printed !== undefined) {
    const shown = JSON.stringify(server.shown(printed).slice(0, MAX_PRINTED));
    return `${name} prints what is no MCP, beginning with ${shown}: see whether it is a server, and let it log to standard error.`;
  }
  if (hasSaidTooMuch === true) {
    return `${name} said more at once than maxMessageBytes, so that the connection was closed: connect anew, and ask it for less, or raise that.`;
  }
  const { code, message } = error as { code?: unknown; message?: unknown };
  if (code === "REQUEST_TIMEOUT") return `${name} did not answer in time: see what it does, or raise timeoutMs.`;
  if (code === "CONNECTION_CLOSED" || code === "NOT_CONNECTED" || message === "Not connected") {
    return `${name} has ended, or the connection was closed: see what it logs, and connect anew.`;
  }
  if (code === "INVALID_RESULT" || code === "UNSUPPORTED_RESULT_TYPE")
    return `${name} answers what the protocol does not know: see its version.`;
  if (refusal !== undefined) {
    const type = refusal.contentType === null ? "without a content type" : `of ${server.shown(refusal.contentType).slice(0, MAX_PRINTED)}`;
    const what = refusal.status >= 500 ? "see what it logs" : "check url and headers";
    return `${name} answered with HTTP ${refusal.status} ${type}, which is no answer of MCP: ${what}.`;
  }
  return `See what ${name} logs.`;
}
