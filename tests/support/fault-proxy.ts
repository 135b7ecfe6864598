/** A TCP proxy in front of a server that breaks connections on command. */
import { connect, createServer, type Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";

export interface FaultProxy {
  readonly url: string;
  readonly port: number;
  /** The connections that are open through it. */
  readonly connections: number;
  /** Lets the next request that contains the text reach the server, then cuts its connection in place of the reply. Resolves when it did. */
  cutReplyTo(text: string): Promise<void>;
  /** The next reply that contains the text arrives with more behind it, at once, and its connection is cut then. Resolves when it was. */
  addTo(text: string, more: Buffer): Promise<void>;
  /** Resolves when a request that contains the text passes. */
  sees(text: string): Promise<void>;
  /** Cuts every connection that is open now. */
  cutAll(): void;
  /** From now on nothing arrives, and nothing is refused: as with a cable pulled out. */
  blackHole(): void;
  /** Nothing arrives any more on what is open now, and nobody is told: half of it is dead. New ones work. */
  freeze(): void;
  /** Cuts every connection, and refuses new ones: an outage. */
  down(): void;
  /** From now on no reply that contains the text arrives. */
  dropRepliesWith(text: string): void;
  /** From now on what is asked reaches the server, and no reply arrives. */
  swallowReplies(): void;
  /** From now on each reply comes so many milliseconds later; 0: at once. */
  delayReplies(ms: number): void;
  /** Ends the outage, the black hole or the swallowing, and its connections. */
  recover(): void;
  close(): Promise<void>;
}

interface Rule {
  text: string;
  cut: boolean;
  done(): void;
}

/** @param host where it listens */
export async function startFaultProxy(target: string, host = "127.0.0.1"): Promise<FaultProxy> {
  const url = new URL(target);
  const { hostname, port } = url;
  const sockets = new Set<Socket>();
  let rules: Rule[] = [];
  let swallowing = false;
  let refusing = false;
  let isMute = false;
  let delayMs = 0;
  let added: { text: string; more: Buffer; done(): void } | undefined;
  let dropped: string | undefined;
  let frozen = new WeakSet<Socket>();

  const server = createServer((client) => {
    if (refusing) {
      client.destroy();
      return;
    }
    const upstream = connect(Number(port || 6379), hostname);
    let cutting: Rule | undefined;
    // Replies that are held back: none overtakes another.
    let late = 0;
    let last = Promise.resolve();
    const later = (reply: Buffer): void => {
      const due = Date.now() + delayMs;
      late++;
      last = last.then(async () => {
        await pause(Math.max(0, due - Date.now()));
        client.write(reply);
        late--;
      });
    };
    const end = (): void => {
      sockets.delete(client);
      client.destroy();
      upstream.destroy();
    };
    sockets.add(client);
    for (const socket of [client, upstream]) socket.on("error", end).on("close", end);
    client.on("data", (request) => {
      if (swallowing || frozen.has(client)) return;
      const rule = rules.find(({ text }) => request.includes(text));
      rules = rules.filter((other) => other !== rule);
      if (rule?.cut) cutting = rule;
      else rule?.done();
      upstream.write(request);
    });
    upstream.on("data", (reply) => {
      if (swallowing || isMute || frozen.has(client) || (dropped !== undefined && reply.includes(dropped))) return;
      if (added !== undefined && reply.includes(added.text)) {
        const { more, done } = added;
        added = undefined;
        client.end(Buffer.concat([reply, more]), done);
        return;
      }
      if (cutting === undefined) {
        if (delayMs === 0 && late === 0) client.write(reply);
        else later(reply);
        return;
      }
      const { done } = cutting;
      end();
      done();
    });
  });

  const listening = await new Promise<number>((resolve) => {
    server.listen(0, host, () => {
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : 0);
    });
  });
  url.host = `${host}:${listening}`;
  const cutAll = (): void => {
    for (const socket of [...sockets]) socket.destroy();
  };
  const expect = (text: string, cut: boolean): Promise<void> => new Promise((done) => rules.push({ text, cut, done }));

  return {
    url: url.href,
    port: listening,
    get connections() {
      return sockets.size;
    },
    cutReplyTo: (text) => expect(text, true),
    addTo: (text, more) =>
      new Promise((done) => {
        added = { text, more, done };
      }),
    sees: (text) => expect(text, false),
    cutAll,
    blackHole() {
      swallowing = true;
    },
    freeze() {
      frozen = new WeakSet(sockets);
    },
    down() {
      refusing = true;
      cutAll();
    },
    dropRepliesWith(text) {
      dropped = text;
    },
    swallowReplies() {
      isMute = true;
    },
    delayReplies(ms) {
      delayMs = ms;
    },
    recover() {
      swallowing = false;
      isMute = false;
      refusing = false;
      cutAll();
    },
    close() {
      cutAll();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
