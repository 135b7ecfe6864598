/** The workers, each a process of its own, and what is done to them. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { Place } from "../worker/place.ts";
import type { Network } from "./networks.ts";
import { type Note, readNotes } from "./notes.ts";
import type { WorkerGiven } from "./worker-process.ts";

/** Characters kept of what a worker says, the last ones: it may be asked why it ended. */
const SAID_KEPT = 10_000;
const PROGRAM = new URL("worker-process.ts", import.meta.url).pathname;

export interface WorkersGiven extends Omit<WorkerGiven, "place" | "notes"> {
  /** Where the store is for each worker. */
  places: readonly Place[];
  folder: string;
  /** Where each lives, unless on this machine's own network. */
  networks?: readonly Network[];
}

interface Living {
  process: ChildProcess;
  notes: string;
  owned: number;
  isStopped: boolean;
}

/** A run that a killed worker had. */
export interface Lost {
  task: string;
  token: number;
  at: number;
}

/** Of the runs that a worker had claimed, those that it had not let go of, as far as it came to write that down. */
function heldAt(notes: readonly Note[]): Map<string, number> {
  const held = new Map<string, number>();
  for (const note of notes) {
    if (note.kind === "claimed") held.set(note.task, note.token);
    else if (note.kind === "released") held.delete(note.task);
  }
  return held;
}

export class Workers {
  readonly #given: WorkersGiven;
  readonly #living: Living[] = [];
  #started = 0;
  /** Told when one ends that nobody has killed. */
  readonly #broken: (error: Error) => void;

  constructor(given: WorkersGiven, broken: (error: Error) => void) {
    this.#given = given;
    this.#broken = broken;
  }

  start(): void {
    for (const at of this.#given.places.keys()) this.#start(at);
  }

  #start(at: number): void {
    const { places, queue, folder, networks, leaseMs, concurrency, workMs } = this.#given;
    const notes = join(folder, `${this.#started++}.notes`);
    const given: WorkerGiven = { place: places[at] as Place, queue, notes, leaseMs, concurrency, workMs };
    const program = ["--conditions=asimov-source", PROGRAM, JSON.stringify(given)];
    const [command = "", ...args] = [...(networks?.[at]?.enter ?? []), process.execPath, ...program];
    const child = spawn(command, args, { stdio: ["ignore", "ignore", "pipe", "ipc"] });
    let said = "";
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      said = `${said}${text}`.slice(-SAID_KEPT);
    });
    const living: Living = { process: child, notes, owned: 0, isStopped: false };
    child.on("message", ({ owned }: { owned: number }) => {
      living.owned = owned;
    });
    this.#living[at] = living;
    child.on("close", (code) => {
      if (code !== null) this.#broken(new Error(`A worker ended by itself, with code ${code}. It said:\n${said}`));
    });
  }

  /** A worker that has runs, and is neither stopped nor just starting; undefined where there is none now. */
  busy(random: () => number): number | undefined {
    const busy = this.#living.flatMap(({ owned, isStopped }, at) => (owned > 0 && !isStopped ? [at] : []));
    return busy[Math.floor(random() * busy.length)];
  }

  /** Ends it without a word, and starts another. @returns what it had */
  async kill(at: number): Promise<Lost[]> {
    const { process, notes } = this.#living[at] as Living;
    const moment = Date.now();
    await end(process);
    this.#start(at);
    return [...heldAt(await readNotes(notes))].map(([task, token]) => ({ task, token, at: moment }));
  }

  /** For so long it does nothing, and does not know of it. */
  async stop(at: number, ms: number): Promise<void> {
    const living = this.#living[at] as Living;
    living.isStopped = true;
    living.process.kill("SIGSTOP");
    await new Promise((done) => setTimeout(done, ms));
    living.process.kill("SIGCONT");
    living.isStopped = false;
  }

  async end(): Promise<void> {
    await Promise.all(this.#living.map(({ process }) => end(process)));
  }
}

async function end(process: ChildProcess): Promise<void> {
  if (process.exitCode !== null || process.signalCode !== null) return;
  const ended = once(process, "exit");
  process.kill("SIGKILL");
  await ended;
}
