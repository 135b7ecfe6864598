/** An HTTP server on loopback whose one port speaks both versions: who speaks the second says so in its first bytes. */
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { AsimovError } from "#contract/base/errors";

type Handler = (incoming: IncomingMessage, response: ServerResponse) => void;

interface Modules {
  "node:http": typeof import("node:http");
  "node:http2": typeof import("node:http2");
  "node:net": typeof import("node:net");
}

/** @param port 0 takes a free one. @throws AsimovError `no-server` */
export async function listen(port: number, handle: Handler): Promise<{ port: number; close(): Promise<void> }> {
  const { process } = globalThis as { process?: { getBuiltinModule?<Name extends keyof Modules>(name: Name): Modules[Name] } };
  // Asked for at run time, so that the entry bundles for a browser, where the scripted client is what one needs.
  const get = process?.getBuiltinModule;
  if (get === undefined) {
    throw new AsimovError(
      "A local server needs Node 22.3 or newer (process.getBuiltinModule), which is not here. Use ScriptedInferenceClient.",
      {
        code: "no-server",
      },
    );
  }
  const { createServer: createHttp } = get("node:http");
  const { createServer: createHttp2 } = get("node:http2");
  const { createServer } = get("node:net");
  const http = createHttp(handle);
  // Its request and response are made to be used as those of HTTP/1.1.
  const http2 = createHttp2(handle as unknown as Parameters<typeof createHttp2>[0] & Handler) as unknown as Server;
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => {});
    socket.once("data", (first: Uint8Array) => {
      socket.pause();
      socket.unshift(first);
      // "PR": the first version has no method that starts so, the second starts with "PRI".
      const isHttp2 = first[0] === 0x50 && first[1] === 0x52;
      (isHttp2 ? http2 : http).emit("connection", socket);
      // The second reads what was put back by itself.
      if (!isHttp2) socket.resume();
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}
