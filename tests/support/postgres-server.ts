/** PostgreSQL servers of the tests: one that all files share, started by the first that asks; others of their own. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import {
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { inject } from "vitest";
import type { TestProject } from "vitest/node";
import { requireProgram } from "./debian-program.ts";
import { addressIn, VARIABLE } from "./postgres-of-tests.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** Where the shared server is; or its address, where it was given. */
    postgres: { folder: string } | { url: string };
  }
}

const DEBIAN = "/usr/lib/postgresql";

/** The newest that is installed; Debian has its programs on no path. */
function binaries(): string | undefined {
  const folders = existsSync(DEBIAN) ? readdirSync(DEBIAN).sort((a, b) => Number(b) - Number(a)) : [];
  const found = folders.map((version) => join(DEBIAN, version, "bin")).find((folder) => existsSync(join(folder, "initdb")));
  if (found !== undefined) return found;
  const paths = (process.env.PATH ?? "").split(":");
  return paths.find((folder) => existsSync(join(folder, "initdb")) && existsSync(join(folder, "postgres")));
}

/** The server does not run as root. */
export function servant(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const idOf = (flag: string, user: string): number => Number(execFileSync("id", [flag, user], { stdio: ["ignore", "pipe", "ignore"] }));
  try {
    return { uid: idOf("-u", "postgres"), gid: idOf("-g", "postgres") };
  } catch {
    return { uid: idOf("-u", "nobody"), gid: idOf("-g", "nobody") };
  }
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() => (typeof address === "object" && address !== null ? resolve(address.port) : reject(new Error("no port"))));
    });
  });
}

/** Whether somebody listens there. */
export function reaches(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => resolve(true));
    socket.once("error", () => resolve(false)).once("connect", () => socket.destroy());
  });
}

const env = { ...process.env, LC_ALL: "C" };

/** A database cluster in a new folder. */
function makeCluster(): string {
  requireProgram("PostgreSQL", {
    brew: "postgresql@17",
    debian: "postgresql",
    alternative: ", or name a running server in POSTGRES_URL",
    isThere: () => binaries() !== undefined,
  });
  const folder = mkdtempSync(join(tmpdir(), "asimov-postgres-"));
  const user = servant();
  if (user !== undefined) chownSync(folder, user.uid, user.gid);
  const settings = [
    "-D",
    join(folder, "data"),
    "-U",
    "postgres",
    "--auth=trust",
    "-E",
    "UTF8",
    "--no-locale",
    "--no-sync",
    "--no-instructions",
  ];
  execFileSync(join(binaries() as string, "initdb"), settings, { ...user, env, cwd: folder, stdio: ["ignore", "ignore", "pipe"] });
  return folder;
}

interface Started {
  port: number;
  server: ChildProcess;
}

async function start(folder: string, given: number | undefined, extra: readonly string[]): Promise<Started> {
  const port = given ?? (await freePort());
  const log = join(folder, "log");
  rmSync(log, { force: true });
  const file = openSync(log, "a");
  const settings = [
    ...["-D", join(folder, "data"), "-p", String(port), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="],
    ...extra.flatMap((setting) => ["-c", setting]),
  ];
  const server = spawn(join(binaries() as string, "postgres"), settings, {
    ...servant(),
    env,
    cwd: folder,
    stdio: ["ignore", file, file],
    detached: true,
  });
  closeSync(file);
  for (;;) {
    const text = readFileSync(log, "utf8");
    if (text.includes("ready to accept")) return { port, server };
    if (server.exitCode !== null || server.signalCode !== null) throw new Error(`PostgreSQL did not start:\n${text}`);
    await pause(20);
  }
}

const ended = (server: ChildProcess): Promise<void> =>
  server.exitCode !== null || server.signalCode !== null
    ? Promise.resolve()
    : new Promise((resolve) => void server.once("close", () => resolve()));

/** One for some tests alone. */
export interface PostgresServer {
  readonly url: string;
  readonly port: number;
  /** Without a word to anybody, and waits until it is gone. */
  kill(): Promise<void>;
  /** As an administrator does: whoever is connected is sent away. */
  stop(): Promise<void>;
  /** Again, at the same port. @param extra settings as `name=value` */
  start(...extra: string[]): Promise<void>;
  /** Kills the server and removes its folder. */
  remove(): Promise<void>;
}

export async function startPostgresServer(...extra: string[]): Promise<PostgresServer> {
  const folder = makeCluster();
  let { port, server } = await start(folder, undefined, extra);
  const onExit = (): void => void server.kill("SIGKILL");
  process.once("exit", onExit);
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    server.kill(signal);
    await ended(server);
  };
  return {
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    port,
    kill: () => end("SIGKILL"),
    stop: () => end("SIGINT"),
    async start(...more) {
      ({ port, server } = await start(folder, port, more));
    },
    async remove() {
      await end("SIGQUIT");
      process.off("exit", onExit);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The address of the server that all share, which is started where it is not there yet; from then on `postgresOfTests` knows it. */
export async function postgresUrl(): Promise<string> {
  const given = inject("postgres");
  if ("url" in given) return given.url;
  const { folder } = given;
  const [address, starting, failed] = [addressIn(folder), join(folder, "starting"), join(folder, "failed")];
  try {
    mkdirSync(starting);
  } catch {
    // Another file's tests start it.
    while (!existsSync(address)) {
      if (existsSync(failed)) throw new Error(readFileSync(failed, "utf8"));
      await pause(20);
    }
    return readFileSync(address, "utf8");
  }
  try {
    const cluster = makeCluster();
    writeFileSync(join(folder, "cluster"), cluster);
    const { port, server } = await start(cluster, undefined, []);
    server.unref();
    writeFileSync(join(folder, "pid"), String(server.pid));
    const url = `postgres://postgres@127.0.0.1:${port}/postgres`;
    writeFileSync(`${address}.new`, url);
    renameSync(`${address}.new`, address);
    return url;
  } catch (error) {
    writeFileSync(failed, String(error));
    throw error;
  }
}

function textOf(path: string): string | undefined {
  return existsSync(path) ? readFileSync(path, "utf8") : undefined;
}

/** The global setup of vitest: provides where the shared server is, and ends it with the run. */
export function setup(project: TestProject): (() => Promise<void>) | undefined {
  const given = process.env.POSTGRES_URL;
  if (given !== undefined && given !== "") {
    project.provide("postgres", { url: given });
    process.env[VARIABLE] = given;
    return undefined;
  }
  const folder = mkdtempSync(join(tmpdir(), "asimov-postgres-"));
  project.provide("postgres", { folder });
  process.env[VARIABLE] = folder;
  const end = (signal: NodeJS.Signals): number | undefined => {
    const pid = Number(textOf(join(folder, "pid")) ?? 0);
    try {
      if (pid > 0) process.kill(pid, signal);
    } catch {
      return undefined;
    }
    return pid > 0 ? pid : undefined;
  };
  const onSignal = (signal: NodeJS.Signals): void => {
    end("SIGQUIT");
    process.kill(process.pid, signal);
  };
  process.once("SIGINT", onSignal);
  process.once("SIGTERM", onSignal);
  return async () => {
    process.off("SIGINT", onSignal);
    process.off("SIGTERM", onSignal);
    const pid = end("SIGQUIT");
    while (pid !== undefined && isAlive(pid)) await pause(20);
    const cluster = textOf(join(folder, "cluster"));
    for (const each of [cluster, folder]) if (each !== undefined) rmSync(each, { recursive: true, force: true });
  };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !/^State:\s+Z/m.test(textOf(`/proc/${pid}/status`) ?? "");
  } catch {
    return false;
  }
}
