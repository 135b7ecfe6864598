/** Who owns a run: this process, told so that another one of the same machine can see whether it is still there. */
import type { Owner, OwnerProcess, StoredRun } from "#contract/store/run-record";

interface System {
  os: { hostname(): string };
  fs: { readFileSync(path: string, encoding: "utf8"): string };
}

interface Process {
  pid: number;
  getBuiltinModule?<Name extends keyof System>(name: Name): System[Name];
  kill(pid: number, signal: 0): void;
}

const systemOf = (): Process | undefined => (globalThis as { process?: Process }).process;

let own: OwnerProcess | undefined;

/** When a process of this machine started, in ticks of its clock; 0 where the system does not say. */
function startOf(pid: number): number {
  try {
    const stat = systemOf()?.getBuiltinModule?.("fs").readFileSync(`/proc/${pid}/stat`, "utf8") ?? "";
    // Behind the name, which may hold anything: the twenty-second field of proc(5).
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? 0) || 0;
  } catch {
    return 0;
  }
}

function bootId(): string {
  try {
    return systemOf()?.getBuiltinModule?.("fs").readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim() ?? "";
  } catch {
    return "";
  }
}

/** Absent where there is no process, as in a browser. */
function ownProcess(): OwnerProcess | undefined {
  const process = systemOf();
  if (own === undefined && process?.getBuiltinModule !== undefined) {
    own = { host: process.getBuiltinModule("os").hostname(), boot: bootId(), pid: process.pid, startedAt: startOf(process.pid) };
  }
  return own;
}

export function newOwner(id: string, leaseMs: number): Owner {
  const process = ownProcess();
  const place = process === undefined ? "" : `${process.host}/${process.pid}/`;
  return { id: place + id, leaseMs, ...(process === undefined ? {} : { process }) };
}

/** Whether a lease is held by a process of this machine that is gone: then nobody need wait for it to run out. */
export function isOwnerGone({ lease }: StoredRun): boolean {
  const here = ownProcess();
  const there = lease?.owner.process;
  if (here === undefined || there === undefined || there.host !== here.host) return false;
  if (there.boot !== here.boot) return true;
  if (there.startedAt !== 0) return startOf(there.pid) !== there.startedAt;
  try {
    systemOf()?.kill(there.pid, 0);
    return false;
  } catch (error) {
    return (error as { code?: string }).code === "ESRCH";
  }
}
