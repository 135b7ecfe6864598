import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { OwnerProcess, StoredRun } from "#contract/store/run-record";
import { isProcessGone, newOwner, overGone, processesGone, standingOf, whenGone } from "#keep/owner";

const here = newOwner("me", 1).process as OwnerProcess;

/** A process that does nothing until it is killed. */
async function idle(): Promise<{ process: OwnerProcess; kill(): Promise<void> }> {
  const child = spawn(process.execPath, ["-e", "console.log(1); process.stdin.resume()"], { stdio: ["pipe", "pipe", "inherit"] });
  await once(child.stdout, "data");
  // When it started is not known: then its id alone tells.
  const owner = { ...here, pid: child.pid as number, startedAt: 0 };
  return {
    process: owner,
    kill: async () => {
      const over = once(child, "close");
      child.kill("SIGKILL");
      await over;
    },
  };
}

const ownedBy = (process: OwnerProcess | undefined): StoredRun => {
  const owner = { id: "it", leaseMs: 1, ...(process === undefined ? {} : { process }) };
  return { taskId: "t", lease: { taskId: "t", token: 7, until: Number.MAX_SAFE_INTEGER, owner } } as StoredRun;
};

describe("the process of an owner", () => {
  it("is gone when it is one of this start of this machine, and not there any more", async () => {
    const other = await idle();
    expect([here, other.process].map(isProcessGone)).toEqual([false, false]);
    await other.kill();
    expect(isProcessGone(other.process)).toBe(true);
  });

  it("is gone when the machine, or another process of the same id, started later", () => {
    expect(isProcessGone({ ...here, boot: "an older one" })).toBe(true);
    expect(isProcessGone({ ...here, startedAt: here.startedAt + 1 })).toBe(here.startedAt > 0);
  });

  it("is gone when it is dead, though its parent has not asked for its end", async () => {
    const parent = spawn("sh", ["-c", "sleep 60 & echo $!; exec cat"], { stdio: ["pipe", "pipe", "inherit"] });
    const [line] = (await once(parent.stdout, "data")) as [Buffer];
    const pid = Number(String(line));
    const stat = () => readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
    const child = { ...here, pid, startedAt: Number(stat()[19]) };
    // The shell itself would ask.
    while (readFileSync(`/proc/${parent.pid}/comm`, "utf8") !== "cat\n") await new Promise((resolve) => setImmediate(resolve));
    process.kill(pid, "SIGKILL");
    while (stat()[0] !== "Z") await new Promise((resolve) => setImmediate(resolve));
    expect([child.startedAt > 0, isProcessGone(child)]).toEqual([true, true]);
    parent.kill("SIGKILL");
    await once(parent, "close");
  });

  it("is not known to be gone on another machine", () => {
    expect(isProcessGone({ ...here, host: "elsewhere", boot: "an older one", pid: 2 ** 22 + 1 })).toBe(false);
  });

  it("takes its lease with it, whatever time that has left", () => {
    const gone = ownedBy({ ...here, boot: "an older one" });
    expect([standingOf(gone).lease, overGone(gone)]).toEqual([null, { over: 7 }]);
    for (const run of [ownedBy(here), ownedBy(undefined), { ...gone, lease: null }]) {
      expect(standingOf(run)).toBe(run);
      expect(overGone(run)).toEqual({});
    }
  });

  it("is looked at once by who asks of many runs", async () => {
    const other = await idle();
    const isGone = processesGone();
    expect(isGone(other.process)).toBe(false);
    await other.kill();
    expect([isGone({ ...other.process }), processesGone()(other.process)]).toEqual([false, true]);
  });

  it("is found gone by who waits for that", async () => {
    const other = await idle();
    const gone = new Promise<void>((resolve) => whenGone(ownedBy(other.process), resolve));
    const leave = whenGone(ownedBy(other.process), () => expect.unreachable("it was left"));
    leave();
    await other.kill();
    await gone;
  });
});
