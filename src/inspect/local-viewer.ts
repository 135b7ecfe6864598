/** A page on 127.0.0.1 that shows this process's machines: it only sends, and only to who holds its token. */
import type * as Crypto from "node:crypto";
import type * as Http from "node:http";
import type { AddressInfo } from "node:net";
import { AsimovError, messageOf } from "#contract/base/errors";
import { MAX_UNSENT, type Replay, type Sink } from "./sink.ts";
import { viewerPage, viewerPolicy } from "./viewer-page.ts";

const HOST = "127.0.0.1";

export interface LocalViewerOptions {
  port: number;
  viewer: string;
  keepAlive: boolean;
  replay: Replay;
}

/** Built-in modules are asked for at run time, so that a bundle for a browser holds no import of them. */
function builtin<T>(name: string): T {
  return process.getBuiltinModule(name) as T;
}

/**
 * Whether a request comes from the page itself: another site's script cannot name our host in `Host` (DNS rebinding),
 * is named in `Origin`, and does not know the token.
 */
function isOurs(request: Http.IncomingMessage, port: number, token: string): boolean {
  const hosts = [`${HOST}:${port}`, `localhost:${port}`];
  const { host, origin } = request.headers;
  if (host === undefined || !hosts.includes(host)) return false;
  if (origin !== undefined && !hosts.some((ours) => origin === `http://${ours}`)) return false;
  const given = Buffer.from(URL.parse(request.url ?? "", `http://${host}`)?.searchParams.get("token") ?? "");
  const expected = Buffer.from(token);
  return given.length === expected.length && builtin<typeof Crypto>("node:crypto").timingSafeEqual(given, expected);
}

const COMMON = {
  "cache-control": "no-store",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
};

function refuse(response: Http.ServerResponse, status: number): void {
  response.writeHead(status, { ...COMMON, "content-type": "text/plain" }).end("Refused.\n");
}

/** @throws AsimovError `inspector-port` when the port cannot be had */
export async function serveLocalViewer(options: LocalViewerOptions): Promise<Sink> {
  const http = builtin<typeof Http>("node:http");
  const token = crypto.randomUUID();
  const streams = new Set<Http.ServerResponse>();
  let port = options.port;

  const server = http.createServer((request, response) => {
    if (request.method !== "GET" || !isOurs(request, port, token)) return refuse(response, 403);
    const path = request.url?.split("?")[0];
    if (path === "/events") {
      response.writeHead(200, { ...COMMON, "content-type": "text/event-stream" });
      streams.add(response);
      response.on("close", () => streams.delete(response));
      for (const event of options.replay()) response.write(`data: ${JSON.stringify(event)}\n\n`);
      response.flushHeaders();
      return;
    }
    if (path !== "/") return refuse(response, 404);
    const nonce = crypto.randomUUID();
    const policy = viewerPolicy(options.viewer, nonce);
    response.writeHead(200, { ...COMMON, "content-type": "text/html; charset=utf-8", "content-security-policy": policy });
    response.end(viewerPage(options.viewer, nonce));
  });

  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, HOST, resolve);
  }).catch((error: unknown) => {
    throw new AsimovError(
      `The inspector's page cannot listen on ${HOST}:${port}: ${messageOf(error)}. Give another \`port\`, or 0 for a free one.`,
      {
        code: "inspector-port",
        cause: error,
      },
    );
  });
  port = (server.address() as AddressInfo).port;
  if (!options.keepAlive) {
    server.unref();
    server.on("connection", (socket) => socket.unref());
  }

  return {
    url: `http://${HOST}:${port}/?token=${token}`,
    send(event) {
      if (streams.size === 0) return;
      const text = `data: ${JSON.stringify(event)}\n\n`;
      for (const stream of streams) {
        // The page connects again, and gets what it missed from the log.
        if (stream.writableLength > MAX_UNSENT) stream.destroy();
        else stream.write(text);
      }
    },
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}
