/** An event loop that is held while others answer. */
import { once } from "node:events";
import { createConnection } from "node:net";
import { Worker } from "node:worker_threads";

/** Nothing of this thread goes on for so long. */
export const hold = (ms: number): void => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

/** Sends back what it is sent, from a thread of its own. */
const ECHO = `
const { createServer } = require("node:net");
const { parentPort } = require("node:worker_threads");
const server = createServer((socket) => socket.pipe(socket)).listen(0, "127.0.0.1", () => parentPort.postMessage(server.address().port));`;

export interface Echo {
  /** Settles once the answer is read. */
  ask(): Promise<string>;
  close(): Promise<unknown>;
}

export async function startEcho(): Promise<Echo> {
  const thread = new Worker(ECHO, { eval: true });
  const [port] = (await once(thread, "message")) as [number];
  const socket = createConnection(port, "127.0.0.1");
  await once(socket, "connect");
  return {
    ask: async () => {
      socket.write("answer");
      return String((await once(socket, "data"))[0]);
    },
    close: () => {
      socket.destroy();
      return thread.terminate();
    },
  };
}
