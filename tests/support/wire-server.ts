/** A bare HTTP server on loopback that answers as a test says, byte by byte; it knows when each answer's socket was released. */
import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface WireRequest {
  method: string;
  url: string;
  headers: IncomingHttpHeaders;
  /** Parsed JSON; the text, where it is none. */
  body: unknown;
  /** Settles when the answer has ended or its socket was closed. */
  closed: Promise<void>;
}

export interface WireServer {
  url: string;
  requests: WireRequest[];
  close(): Promise<void>;
}

/** @param answer called for each request with its number from 0 */
export async function serveWire(
  answer: (request: WireRequest, response: ServerResponse, n: number) => void | Promise<void>,
): Promise<WireServer> {
  const requests: WireRequest[] = [];
  const server = createServer((incoming, response) => {
    const chunks: Buffer[] = [];
    incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
    incoming.on("end", () => {
      const text = Buffer.concat(chunks).toString("utf8");
      let body: unknown = text;
      try {
        body = JSON.parse(text);
      } catch {
        // Not every request has a body of JSON.
      }
      const closed = new Promise<void>((resolve) => response.on("close", resolve));
      const request = { method: incoming.method ?? "", url: incoming.url ?? "", headers: incoming.headers, body, closed };
      requests.push(request);
      void answer(request, response, requests.length - 1);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

export function json(response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(JSON.stringify(body));
}

/** Server-sent events, one after the other; with a name each, when `event` is given. */
export function sse(
  response: ServerResponse,
  headers: Record<string, string> = {},
): { send(data: unknown, event?: string): void; end(): void } {
  response.writeHead(200, { "content-type": "text/event-stream", ...headers });
  return {
    send(data, event) {
      const text = typeof data === "string" ? data : JSON.stringify(data);
      response.write(`${event === undefined ? "" : `event: ${event}\n`}data: ${text}\n\n`);
    },
    end: () => response.end(),
  };
}
