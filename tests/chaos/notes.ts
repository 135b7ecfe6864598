/** What each worker writes down as it happens, in a file that outlives it. */
import { appendFileSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { RunStore } from "asimov-agents";
import type { Begun } from "./agents.ts";

/** `at` is in milliseconds since 1970 by the clock of this machine, of a claim as it is asked for, else when it is known. */
export type Note = { at: number; task: string } & (
  | ({ kind: "began" } & Begun)
  | { kind: "claimed"; token: number; isNew: boolean }
  | { kind: "released"; token: number }
  /** `ok` or why not; `unknown` where no answer came. */
  | { kind: "committed"; token: number; generation: number; answer: string }
  | { kind: "told"; end: number }
  | { kind: "refused"; code: string; message: string }
);
type Written = Note extends infer Each ? (Each extends Note ? Omit<Each, "at"> & { at?: number } : never) : never;
export type Write = (note: Written) => void;

export const noteBook = (file: string): Write => {
  return (note) => appendFileSync(file, `${JSON.stringify({ at: Date.now(), ...note })}\n`);
};

const parsed = (text: string): Note[] =>
  text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Note);

export const readNotes = async (file: string): Promise<Note[]> => parsed(await readFile(file, "utf8").catch(() => ""));

export async function allNotes(folder: string): Promise<Note[]> {
  const files = (await readdir(folder)).filter((name) => name.endsWith(".notes"));
  const notes = await Promise.all(files.map((name) => readNotes(join(folder, name))));
  return notes.flat().sort((a, b) => a.at - b.at);
}

/**
 * Has the store write down what it answers. Its claims say no process, as those of another machine's worker do, so that nothing but the end of
 * a lease tells that an owner is lost.
 */
export function noting(store: RunStore, write: Write): RunStore {
  const { claim, commit, renew, endTold } = store;
  return Object.assign(store, {
    async claim(task, { process: _, ...owner }, options) {
      const at = Date.now();
      const result = await claim.call(store, task, owner, options);
      if (result.ok) {
        const { token } = result.lease;
        write({ kind: "claimed", at, task, token, isNew: token === 1 });
      }
      return result;
    },
    async commit(lease, given) {
      const { taskId: task, token } = lease;
      const { generation, run, release } = given;
      const told = (answer: string): void => write({ kind: "committed", task, token, generation, answer });
      try {
        const result = await commit.call(store, lease, given);
        told(result.ok ? "ok" : result.why);
        if (result.ok && (release !== undefined || (run?.status ?? "open") !== "open")) write({ kind: "released", task, token });
        return result;
      } catch (error) {
        told("unknown");
        throw error;
      }
    },
    async renew(lease, leaseMs) {
      const result = await renew.call(store, lease, leaseMs);
      if (leaseMs === 0) write({ kind: "released", task: lease.taskId, token: lease.token });
      return result;
    },
    async endTold(task, end) {
      const isTold = await endTold.call(store, task, end);
      if (isTold) write({ kind: "told", task, end });
      return isTold;
    },
  } satisfies Pick<RunStore, "claim" | "commit" | "renew" | "endTold">);
}
