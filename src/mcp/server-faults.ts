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
}

const MAX_SHOWN = 300;

/** @param hide takes out what is secret by the caller's knowledge, before the text is cut */
export const shownOf = (error: unknown, hide: (text: string) => string = (text) => text): string =>
  maskText(hide(messageOf(error).slice(0, MAX_SHOWN * 10))).slice(0, MAX_SHOWN);

/** What to do about an error of the protocol's client. */
export function adviceFor(error: unknown, { name, hasSaidTooMuch }: KnownServer): string {
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
  return `See what ${name} logs.`;
}
