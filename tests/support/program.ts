/** Runs a program as a user would: in a process of its own, with its input, to its end. */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));

export interface Ended {
  stdout: string;
  stderr: string;
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface ProgramOptions {
  /** Default: the repository. */
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  /** Text for standard input, which then ends. Default: there is none, as with `</dev/null`. */
  input?: string | Uint8Array;
  /** Leaves standard input open for as long as the program runs. */
  holdsInput?: boolean;
  /** Given all of the standard output so far, whenever more of it has come, and what ends the program by SIGKILL. */
  onOutput?: (stdout: string, kill: () => void) => void;
}

/** What npm and vitest set for their children is not what a user has. */
function environment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !/^(NODE_(OPTIONS|ENV)|VITEST|INIT_CWD|npm_)/.test(name));
  return { ...Object.fromEntries(own), ...env };
}

export function run(
  command: string,
  args: readonly string[],
  { cwd = ROOT, env = {}, input, holdsInput = false, onOutput }: ProgramOptions = {},
): Promise<Ended> {
  const child = spawn(command, args, {
    cwd,
    env: environment(env),
    stdio: [input === undefined && !holdsInput ? "ignore" : "pipe", "pipe", "pipe"],
  });
  const text = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name]?.setEncoding("utf8").on("data", (chunk: string) => {
      text[name] += chunk;
      if (name === "stdout") onOutput?.(text.stdout, () => child.kill("SIGKILL"));
    });
  }
  // A program that refuses its input closes the pipe before all of it is written.
  child.stdin?.on("error", () => {});
  if (input !== undefined) child.stdin?.end(input);
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => {
      child.stdin?.destroy();
      resolve({ ...text, code, signal });
    });
  });
}

/** Runs a TypeScript file with the package's sources under its public name. */
export function runFile(file: string, args: readonly string[] = [], options?: ProgramOptions): Promise<Ended> {
  return run(process.execPath, ["--conditions=asimov-source", file, ...args], options);
}
