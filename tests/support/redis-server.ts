/** One redis-server for the whole test run: the one REDIS_URL names, or a private one that ends with the run. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { requireProgram } from "./debian-program.ts";
import { VARIABLE } from "./redis-of-tests.ts";

declare module "vitest" {
  interface ProvidedContext {
    redisUrl: string;
  }
}

const ATTEMPTS = 5;

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() => (typeof address === "object" && address !== null ? resolve(address.port) : reject(new Error("no port"))));
    });
  });
}

export interface RedisServer {
  readonly url: string;
  readonly process: ChildProcess;
  /** Kills the server and removes its folder; may be called twice. */
  stop(): Promise<void>;
}

/** Resolves when the server says that it accepts connections, with undefined when it ended before. */
function launch(port: number, extra: readonly string[]): Promise<RedisServer | undefined> {
  const folder = mkdtempSync(join(tmpdir(), "asimov-redis-"));
  const settings = ["--port", String(port), "--bind", "127.0.0.1", "--dir", folder, "--save", "", "--appendonly", "no", ...extra];
  const server = spawn("redis-server", settings, { stdio: ["ignore", "pipe", "ignore"] });
  const ended = new Promise<void>((resolve) => server.once("close", () => resolve()));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  const onExit = (): void => {
    server.kill("SIGKILL");
    remove();
  };
  process.once("exit", onExit);
  const cleaned = ended.then(() => {
    process.off("exit", onExit);
    remove();
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    cleaned.then(() => resolve(undefined), reject);
    server.stdout.on("data", (chunk: Buffer) => {
      if (!chunk.toString().includes("Ready to accept connections")) return;
      resolve({
        url: `redis://127.0.0.1:${port}`,
        process: server,
        stop() {
          onExit();
          return cleaned;
        },
      });
    });
  });
}

/** Starts a private server without persistence. The port may be given, to start one again where one was. */
export async function startRedisServer(port?: number, extra: readonly string[] = []): Promise<RedisServer> {
  requireProgram("redis-server", { brew: "redis", alternative: ", or name a running one in REDIS_URL" });
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const server = await launch(port ?? (await freePort()), extra);
    if (server !== undefined) return server;
  }
  throw new Error(`redis-server ended at once, ${ATTEMPTS} times. Run \`redis-server --port ${port ?? 0}\` to see why.`);
}

/** The global setup of vitest: provides `redisUrl`. */
export async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const given = process.env.REDIS_URL;
  if (given !== undefined && given !== "") {
    project.provide("redisUrl", given);
    process.env[VARIABLE] = given;
    return undefined;
  }
  const server = await startRedisServer();
  project.provide("redisUrl", server.url);
  process.env[VARIABLE] = server.url;
  const onSignal = (signal: NodeJS.Signals): void => {
    void server.stop();
    process.kill(process.pid, signal);
  };
  process.once("SIGINT", onSignal);
  process.once("SIGTERM", onSignal);
  return async () => {
    process.off("SIGINT", onSignal);
    process.off("SIGTERM", onSignal);
    await server.stop();
  };
}
