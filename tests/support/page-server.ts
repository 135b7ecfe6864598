/** Serves a folder under a strict policy of content, and hears what its page has to tell. */
import { readFile } from "node:fs/promises";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join } from "node:path";

const STRICT_POLICY = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'";
const TYPES: Readonly<Record<string, string>> = { ".html": "text/html", ".js": "text/javascript", ".mjs": "text/javascript" };

async function textOf(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of request.setEncoding("utf8")) text += chunk;
  return text;
}

export interface PageServer {
  readonly url: string;
  /** What the page posted to `/told`, parsed. */
  readonly told: Promise<unknown>;
  close(): Promise<void>;
}

export async function servePage(folder: string): Promise<PageServer> {
  const told = Promise.withResolvers<unknown>();
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? "/", "http://localhost").pathname;
    if (request.method === "POST" && path === "/told") {
      textOf(request).then((text) => told.resolve(JSON.parse(text)), told.reject);
      response.end();
      return;
    }
    const file = path === "/" ? "index.html" : path.slice(1);
    readFile(join(folder, file)).then(
      (content) => {
        response.setHeader("content-type", TYPES[extname(file)] ?? "application/octet-stream");
        response.setHeader("content-security-policy", STRICT_POLICY);
        response.end(content);
      },
      () => response.writeHead(404).end(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    told: told.promise,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
