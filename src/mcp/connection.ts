/** One connection to a server: however it ends, nothing of it is left, and no end is waited for without a limit. */
import type { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import type { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { AsimovError } from "#contract/base/errors";
import { systemClock } from "#contract/base/services";
import { atMost } from "./at-most.ts";

type ClientTransport = StreamableHTTPClientTransport | StdioClientTransport;

/** A server that does not say good-bye is left. */
const GOOD_BYE_MS = 2_000;
/** What a process takes to end: two tries of 2 s in words, then it is killed. */
const LAST_MS = 5_000;

/**
 * What comes is handed on message by message: the client takes an answer at once and a notice a moment later, so that of a call which ends in the same
 * chunk the last notices would be lost.
 */
function inOrder(transport: ClientTransport): void {
  type Take = (message: object, extra?: object) => void;
  let before = Promise.resolve();
  let inTurn: Take | undefined;
  Object.defineProperty(transport, "onmessage", {
    get: () => inTurn,
    set: (take: Take) => {
      inTurn = (message, extra) => {
        before = before.then(() => take(message, extra)).catch((error: Error) => transport.onerror?.(error));
      };
    },
  });
}

export class Connection {
  readonly #client: Client;
  readonly #transport: ClientTransport;
  readonly #ended: Promise<void>;
  #closing: Promise<void> | undefined;

  constructor(client: Client, transport: ClientTransport) {
    this.#client = client;
    this.#transport = transport;
    inOrder(transport);
    this.#ended = new Promise((resolve) => {
      transport.onclose = resolve;
    });
  }

  /** The work, until it has taken too long or the signal is aborted: then the server is not asked any more whether it would end. */
  async within<T>(ms: number, signal: AbortSignal | undefined, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const given = new AbortController();
    const { promise: givenUp, reject } = Promise.withResolvers<never>();
    // Before the client's own listener, which forgets the process.
    given.signal.addEventListener("abort", () => {
      this.#terminate();
      reject(given.signal.reason);
    });
    const abort = (): void => given.abort(signal?.reason);
    const tooLate = new AsimovError(`it was not ready within ${ms} ms, see what it waits for, or raise connectTimeoutMs`, {
      code: "mcp-connect-failed",
    });
    const timer = systemClock.setTimeout(() => given.abort(tooLate), ms);
    signal?.addEventListener("abort", abort, { once: true });
    try {
      return await Promise.race([givenUp, work(given.signal)]);
    } finally {
      systemClock.clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
    }
  }

  /** Ends the session, the connection, and a process that was started for it. May be called twice. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const transport = this.#transport;
    if ("terminateSession" in transport && transport.sessionId !== undefined) await atMost(GOOD_BYE_MS, transport.terminateSession());
    await this.#client.close().catch(() => {});
    // Where the client has not got so far, it knows of no transport.
    await transport.close().catch(() => {});
    await atMost(LAST_MS, this.#ended);
  }

  #terminate(): void {
    const pid = "pid" in this.#transport ? this.#transport.pid : null;
    if (pid === null) return;
    try {
      process.kill(pid, "SIGTERM");
    } catch {
      // It has ended by itself.
    }
  }
}
