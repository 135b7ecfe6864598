/** A page in Chromium, with no way to any host but this one. */
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { requireProgram } from "./debian-program.ts";

const SWITCHES = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--disable-dev-shm-usage",
  "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
];

/** Opens the page and keeps it open until the work is done. Rejects when Chromium ends before. */
export async function withPage<T>(url: string, work: Promise<T>): Promise<T> {
  requireProgram("chromium", { brew: "chromium" });
  const profile = await mkdtemp(join(tmpdir(), "asimov-chromium-"));
  // A group of its own: what Chromium starts ends with it.
  const browser = spawn("chromium", [...SWITCHES, `--user-data-dir=${profile}`, url], { stdio: "ignore", detached: true });
  const ended = new Promise<never>((_, reject) => {
    browser.once("error", reject);
    browser.once("close", (code) => reject(new Error(`Chromium ended with ${code} before the page had told anything.`)));
  });
  ended.catch(() => {});
  const kill = (): void => {
    try {
      if (browser.pid !== undefined) process.kill(-browser.pid, "SIGKILL");
    } catch {
      // It has ended.
    }
  };
  process.once("exit", kill);
  try {
    return await Promise.race([work, ended]);
  } finally {
    process.off("exit", kill);
    kill();
    await ended.catch(() => {});
    await rm(profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  }
}
