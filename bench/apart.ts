/** Processes of their own: what runs in one is not disturbed by what another contender left, its garbage or its compiled code. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Sampling } from "./trial.ts";

/** What a process is told to do; it answers each question before it is asked the next. */
export type Question =
  | { do: "build"; trial: string; args: readonly unknown[] }
  | { do: "warm"; sampling: Sampling }
  | { do: "sample" }
  | { do: "measure"; job: string; args: readonly unknown[] };

/** An error comes as text: with its cause, whatever that is. */
export type Answer = { value: unknown } | { error: string };

const WORKER = fileURLToPath(new URL("worker.ts", import.meta.url));

export class Apart {
  readonly #name: string;
  readonly #child: ChildProcess;
  readonly #ended: Promise<never>;

  constructor(name: string) {
    this.#name = name;
    this.#child = fork(WORKER, { serialization: "advanced", env: { ...process.env, MASTRA_TELEMETRY_DISABLED: "1" } });
    this.#ended = new Promise((_, reject) => {
      this.#child.once("error", (cause) => reject(new Error(`${name}: no process`, { cause })));
      this.#child.once("exit", (code, signal) => reject(new Error(`${name}: its process ended with ${signal ?? `code ${code}`}.`)));
    });
    // It also ends when it is no longer asked.
    this.#ended.catch(() => {});
  }

  /** @throws Error when the process fails to answer, with the cause */
  async ask<Value>(question: Question): Promise<Value> {
    const answered = new Promise<Answer>((resolve) => this.#child.once("message", (answer: Answer) => resolve(answer)));
    this.#child.send(question, () => {});
    const answer = await Promise.race([answered, this.#ended]);
    if ("error" in answer) throw new Error(`${this.#name}: wrong result`, { cause: answer.error });
    return answer.value as Value;
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exit = once(this.#child, "exit");
    this.#child.kill();
    await exit;
  }
}
