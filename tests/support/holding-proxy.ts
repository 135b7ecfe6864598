/** A TCP proxy that holds back what a server replies: what is asked meanwhile was asked without waiting for any of it. */
import { connect, createServer, type Socket } from "node:net";

export interface HoldingProxy {
  readonly host: string;
  readonly port: number;
  /** From now on no reply arrives. */
  hold(): void;
  /** How often the text was sent since. */
  count(text: string): number;
  /** All that was held back arrives, and what comes. */
  release(): void;
  close(): Promise<void>;
}

export async function startHoldingProxy(target: string): Promise<HoldingProxy> {
  const { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  const asked = new Map<Socket, Buffer[]>();
  let held: (() => void)[] | undefined;
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname);
    const end = (): void => {
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) sockets.add(socket.on("error", end).on("close", end));
    client.on("data", (request) => {
      if (held !== undefined) asked.set(client, [...(asked.get(client) ?? []), request]);
      upstream.write(request);
    });
    upstream.on("data", (reply) => {
      const arrive = (): void => void client.write(reply);
      if (held === undefined) arrive();
      else held.push(arrive);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  return {
    host: "127.0.0.1",
    port: typeof address === "object" && address !== null ? address.port : 0,
    hold() {
      held = [];
      asked.clear();
    },
    count: (text) => [...asked.values()].reduce((sum, sent) => sum + Buffer.concat(sent).toString("latin1").split(text).length - 1, 0),
    release() {
      const arrivals = held ?? [];
      held = undefined;
      for (const arrive of arrivals) arrive();
    },
    close() {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
