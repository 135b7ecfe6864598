/** Programs that tests need and npm does not hold: found, or installed from Debian where that is possible. */
import { execFileSync } from "node:child_process";

function isOnPath(program: string): boolean {
  try {
    execFileSync(program, ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** Installs Debian's package; the runlevel asks its scripts not to start a service. */
function install(program: string): void {
  const quiet = { stdio: "ignore", env: { ...process.env, DEBIAN_FRONTEND: "noninteractive", RUNLEVEL: "1" } } as const;
  execFileSync("apt-get", ["update"], quiet);
  execFileSync("apt-get", ["install", "-y", "--no-install-recommends", program], quiet);
}

/**
 * The program, whose package in Debian has the same name, can be started afterwards.
 *
 * @param alternative ends the sentence "Install it, or …"
 * @throws Error that tells how to install it by hand
 */
export function requireProgram(program: string, { brew, alternative = "" }: { brew: string; alternative?: string }): void {
  if (isOnPath(program)) return;
  const command = `apt-get update && apt-get install -y ${program}`;
  const isRoot = process.getuid?.() === 0;
  if (isRoot && isOnPath("apt-get")) {
    try {
      install(program);
    } catch (cause) {
      throw new Error(`Installing ${program} failed. Install it by hand, then run the tests again:\n  ${command}`, { cause });
    }
    if (isOnPath(program)) return;
  }
  const line = process.platform === "darwin" ? `brew install ${brew}` : `${isRoot ? "" : "sudo "}sh -c '${command}'`;
  throw new Error(`These tests need ${program}. Install it${alternative}:\n  ${line}`);
}
