/** Programs that tests need and npm does not hold: found, or installed from Debian where that is possible. */
import { execFileSync } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";

function isOnPath(program: string): boolean {
  try {
    execFileSync(program, ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** What installs waits for whoever installs something else: test files that run side by side may. */
const LOCK = join(tmpdir(), "asimov-install.lock");

/** Installs Debian's package; the runlevel asks its scripts not to start a service. */
function install(name: string): void {
  const quiet = { stdio: "ignore", env: { ...process.env, DEBIAN_FRONTEND: "noninteractive", RUNLEVEL: "1" } } as const;
  const script = 'apt-get update && apt-get install -y --no-install-recommends "$0"';
  execFileSync("flock", [LOCK, "sh", "-c", script, name], quiet);
}

export interface ProgramOptions {
  brew: string;
  /** Debian's package. Default the program's name. */
  debian?: string;
  /** Ends the sentence "Install it, or …". */
  alternative?: string;
  /** Whether it is there. Default: it is on the path. */
  isThere?(): boolean;
}

/**
 * The program can be started afterwards.
 *
 * @throws Error that tells how to install it by hand
 */
export function requireProgram(program: string, options: ProgramOptions): void {
  const { brew, debian = program, alternative = "", isThere = () => isOnPath(program) } = options;
  if (isThere()) return;
  const command = `apt-get update && apt-get install -y ${debian}`;
  const isRoot = process.getuid?.() === 0;
  if (isRoot && isOnPath("apt-get")) {
    try {
      install(debian);
    } catch (cause) {
      throw new Error(`Installing ${program} failed. Install it by hand, then run the tests again:\n  ${command}`, { cause });
    }
    if (isThere()) return;
  }
  const line = process.platform === "darwin" ? `brew install ${brew}` : `${isRoot ? "" : "sudo "}sh -c '${command}'`;
  throw new Error(`These tests need ${program}. Install it${alternative}:\n  ${line}`);
}
