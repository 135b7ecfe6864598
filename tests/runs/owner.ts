/** Starts the processes that own runs, and hears what they say. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { RunView } from "asimov-agents/view";
import type { Graph } from "./owner-graphs.ts";

export interface Said {
  outcome: { status?: string; error?: string; code?: string };
  view: RunView;
}

export class OwnerProcess {
  /** The keys of modules that ran. */
  readonly keys: string[] = [];
  readonly #child: ChildProcess;
  readonly #over: Promise<void>;
  #said: Said | undefined;

  constructor(driver: string, place: string, taskId: string, graph: Graph, how: "start" | "resume" = "start") {
    const script = join(import.meta.dirname, "owner-process.ts");
    const args = ["--conditions=asimov-source", script, driver, place, taskId, graph, how];
    this.#child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
    this.#over = this.#hear();
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  async #hear(): Promise<void> {
    const exit = once(this.#child, "close");
    const { stdout } = this.#child;
    if (stdout === null) throw new Error("the process has no standard output");
    for await (const line of createInterface({ input: stdout })) {
      if (line.startsWith("{")) this.#said = JSON.parse(line) as Said;
      else this.keys.push(line);
    }
    await exit;
  }

  /** What it said at its end. */
  async end(): Promise<Said> {
    await this.#over;
    if (this.#said === undefined)
      throw new Error(`the process ended by ${this.#child.signalCode ?? this.#child.exitCode} and said nothing`);
    return this.#said;
  }

  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#over;
  }
}
