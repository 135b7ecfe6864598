/** Sends inspection events to a WebSocket receiver that already listens, such as the server of `@statelyai/inspect/server`. */
import { AsimovError } from "#contract/base/errors";
import { MAX_UNSENT, type Replay, type Sink } from "./sink.ts";

const RETRY_MS = 1_000;

export interface SocketSinkOptions {
  url: string;
  replay: Replay;
  onError: (error: AsimovError) => void;
}

/** Connects again after a loss until it is closed; each new connection begins with what the receiver needs to draw. */
export function connectSocket({ url, replay, onError }: SocketSinkOptions): Sink {
  let socket: WebSocket;
  let retry: ReturnType<typeof setTimeout> | undefined;
  let closed = false;

  function connect(): void {
    socket = new WebSocket(url);
    socket.addEventListener("open", () => {
      for (const event of replay()) socket.send(JSON.stringify(event));
    });
    socket.addEventListener("close", () => {
      if (closed) return;
      onError(
        new AsimovError(`No inspector answers at ${url}; trying again until \`stop()\`. Start its server, or leave \`url\` out.`, {
          code: "inspector-unreachable",
          retryable: true,
        }),
      );
      retry = setTimeout(connect, RETRY_MS);
      // Node's timers can be let go, so that a lost inspector does not keep the program running.
      (retry as { unref?: () => void }).unref?.();
    });
  }
  connect();

  return {
    url,
    send(event) {
      if (socket.readyState === WebSocket.OPEN && socket.bufferedAmount < MAX_UNSENT) socket.send(JSON.stringify(event));
    },
    async close() {
      closed = true;
      clearTimeout(retry);
      if (socket.readyState === WebSocket.CLOSED) return;
      const ended = new Promise((resolve) => socket.addEventListener("close", resolve, { once: true }));
      socket.close();
      await ended;
    },
  };
}
