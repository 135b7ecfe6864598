/** A PgBouncer in front of a PostgreSQL server, in transaction mode: each transaction may have another connection of the server. */
import { spawn } from "node:child_process";
import { chownSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { requireProgram } from "./debian-program.ts";
import { freePort, reaches, servant } from "./postgres-server.ts";

/** Debian has it where only root has its path. */
const PLACES = [...(process.env.PATH ?? "").split(":"), "/usr/sbin"].map((folder) => join(folder, "pgbouncer"));
const found = (): string | undefined => PLACES.find((program) => existsSync(program));

export interface PgBouncer {
  readonly url: string;
  stop(): Promise<void>;
}

/** @param connections of the server, which all clients share */
export async function startPgBouncer(server: { port: number }, connections: number): Promise<PgBouncer> {
  requireProgram("pgbouncer", { brew: "pgbouncer", isThere: () => found() !== undefined });
  const folder = mkdtempSync(join(tmpdir(), "asimov-pgbouncer-"));
  const port = await freePort();
  const file = join(folder, "pgbouncer.ini");
  const settings = [
    "[databases]",
    `* = host=127.0.0.1 port=${server.port} user=postgres`,
    "[pgbouncer]",
    ...["listen_addr = 127.0.0.1", `listen_port = ${port}`, "unix_socket_dir =", "auth_type = any"],
    ...["pool_mode = transaction", `default_pool_size = ${connections}`, "max_client_conn = 1000"],
  ];
  writeFileSync(file, settings.join("\n"));
  const user = servant();
  if (user !== undefined) for (const each of [folder, file]) chownSync(each, user.uid, user.gid);
  const bouncer = spawn(found() as string, [file], { ...user, cwd: folder, stdio: ["ignore", "ignore", "pipe"] });
  const ended = new Promise<void>((resolve) => bouncer.once("close", () => resolve()));
  const said: Buffer[] = [];
  bouncer.stderr.on("data", (chunk: Buffer) => said.push(chunk));
  const onExit = (): void => void bouncer.kill("SIGKILL");
  process.once("exit", onExit);
  while (!(await reaches(port))) {
    if (bouncer.exitCode !== null) throw new Error(`PgBouncer did not start:\n${Buffer.concat(said)}`);
    await pause(20);
  }
  return {
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    async stop() {
      bouncer.kill("SIGKILL");
      await ended;
      process.off("exit", onExit);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
