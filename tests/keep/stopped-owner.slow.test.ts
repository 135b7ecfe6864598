import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { DatabaseSync } from "node:sqlite";
import { Agent, type AgentRun } from "asimov-agents";
import { describe, expect, it } from "vitest";
import { newPlace } from "../store/place.ts";
import { sharedStores } from "../store/shared-stores.ts";
import { type Driver, openStore } from "../store/story.ts";
import { ownedNodes } from "./owned-nodes.ts";

const SCRIPT = join(import.meta.dirname, "owner-process.ts");
const TASK = "0d0c0f5e-8f0a-4f59-9b60-7a4a3a0c6f33";
const LEASE_MS = 500;

/** A process that is stopped within a transaction, such as that of a renewal, would hold the database. */
async function stoppedOutside(driver: Driver, folder: string, owner: ChildProcess): Promise<void> {
  if (driver !== "sqlite") return void owner.kill("SIGSTOP");
  const database = new DatabaseSync(`${folder}/runs.db`, { timeout: 0 });
  for (let isFree = false; !isFree; ) {
    owner.kill("SIGSTOP");
    while (!/^State:\s+T/m.test(readFileSync(`/proc/${owner.pid}/status`, "utf8"))) await new Promise((resolve) => setImmediate(resolve));
    try {
      database.exec("begin immediate; rollback");
      isFree = true;
    } catch {
      owner.kill("SIGCONT");
    }
  }
  database.close();
}

describe.each(sharedStores())("the owner of a run in a %s store that is stopped past its lease, and wakes", (driver) => {
  const newFolder = newPlace();

  it("commits nothing more: its modules are aborted, its outcome is `run-fenced`, and one end is told", { timeout: 60_000 }, async () => {
    const folder = newFolder();
    mkdirSync(folder);
    const owner = spawn(process.execPath, ["--conditions=asimov-source", SCRIPT, driver, folder, TASK, String(LEASE_MS)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const lines: string[] = [];
    const waiting = Promise.withResolvers<void>();
    const reading = (async () => {
      for await (const line of createInterface({ input: owner.stdout })) {
        lines.push(line);
        if (line.startsWith(`${TASK}/b.1/work`)) waiting.resolve();
      }
    })();
    await waiting.promise;
    const store = openStore(driver, folder);
    // Until the step before its second node is stored.
    while (((await store.read(TASK))?.generation ?? 0) < 3) await new Promise((resolve) => setImmediate(resolve));
    await stoppedOutside(driver, folder, owner);
    const told: string[] = [];
    const heir = new Agent({ store, nodes: ownedNodes((line) => told.push(line), false), outputMailbox: "ends", leaseMs: LEASE_MS });
    let run: AgentRun | undefined;
    while (run === undefined) {
      run = await heir.resume(TASK).catch((error: { code: string }) => {
        // The lease of a process that is there, though it does nothing, has to run out.
        expect(["run-owned", "store-busy"]).toContain(error.code);
        return undefined;
      });
    }
    const { status, results } = await run.outcome;
    expect(status).toBe("COMPLETE");
    expect(results).toEqual({ a: 1, b: 2, c: 2 });
    expect(told).toEqual([`${TASK}/b.1/work by 2`, `${TASK}/c.1/work by 2`]);
    expect(await run.values.get("count")).toBe(3);
    const generation = (await store.read(TASK))?.generation;
    owner.kill("SIGCONT");
    await reading;
    expect(lines.slice(-2)).toEqual(["aborted", JSON.stringify({ outcome: "run-fenced", ends: 0 })]);
    expect(await store.read(TASK)).toMatchObject({ status: "COMPLETE", generation, lease: null });
    expect(await heir.cache.peekMailbox("ends")).toHaveLength(1);
    await store.close();
  });
});
