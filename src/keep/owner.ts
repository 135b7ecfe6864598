/** Who owns a run: this process, told so that another one of the same machine can see whether it is still there. */
import { systemClock } from "#contract/base/services";
import type { Owner, OwnerProcess, StoredRun } from "#contract/store/run-record";
import { type IsGone, withoutGone } from "#contract/store/run-status";

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

/** When a process of this machine started, in ticks of its clock; 0 where there is none, or the system does not say. */
function startOf(pid: number): number {
  try {
    const stat = systemOf()?.getBuiltinModule?.("fs").readFileSync(`/proc/${pid}/stat`, "utf8") ?? "";
    // Behind the name, which may hold anything: the third field of proc(5), and the twenty-second.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    // Dead, and still listed until its parent asks for its end.
    if (fields[0] === "Z" || fields[0] === "X") return 0;
    return Number(fields[19] ?? 0) || 0;
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

/** Whether a process was one of this machine and is there no more. */
export function isProcessGone(there: OwnerProcess): boolean {
  const here = ownProcess();
  if (here === undefined || there.host !== here.host) return false;
  if (there.boot !== here.boot) return true;
  if (there.pid === here.pid && there.startedAt === here.startedAt) return false;
  if (there.startedAt !== 0) return startOf(there.pid) !== there.startedAt;
  try {
    systemOf()?.kill(there.pid, 0);
    return false;
  } catch (error) {
    return (error as { code?: string }).code === "ESRCH";
  }
}

/** As that; each process is looked at once. */
export function processesGone(): IsGone {
  const known = new Map<string, boolean>();
  return (process) => {
    const { host, boot, pid, startedAt } = process;
    const key = JSON.stringify([host, boot, pid, startedAt]);
    const isGone = known.get(key) ?? isProcessGone(process);
    known.set(key, isGone);
    return isGone;
  };
}

/** The run as it stands: a lease of a process of this machine that is gone counts as run out. */
export const standingOf = (run: StoredRun): StoredRun => withoutGone(run, isProcessGone);

/** For a step that such a lease does not stand in the way of. */
export const overGone = (run: StoredRun): { over?: number } =>
  run.lease !== null && standingOf(run).lease === null ? { over: run.lease.token } : {};

/** Milliseconds between two looks at a process that nothing else tells of. */
const LOOK_MS = 250;

/** Calls back when the owner of a run, another process of this machine, is found gone. Returns the end of it. */
export function whenGone({ lease }: StoredRun, found: () => void): () => void {
  const [here, there] = [ownProcess(), lease?.owner.process];
  if (here === undefined || there === undefined || there.host !== here.host || there.pid === here.pid) return () => {};
  let timer: unknown;
  const look = (): void => {
    timer = systemClock.setTimeout(() => (isProcessGone(there) ? found() : look()), LOOK_MS);
  };
  look();
  return () => systemClock.clearTimeout(timer);
}
