/** A worker that is killed, stopped and cut off: it writes down what it does. Its parent is told when it has started, and how many runs it has. */
import { AgentWorker } from "asimov-agents/worker";
import { type Place, storeAt } from "../worker/place.ts";
import { chaosAgents } from "./agents.ts";
import { noteBook, noting, type Write } from "./notes.ts";
import { type QueueName, queueAt } from "./queues.ts";

export interface WorkerGiven {
  place: Place;
  queue: QueueName;
  notes: string;
  leaseMs: number;
  concurrency: number;
  workMs: number;
}

// Its parent is gone.
process.once("disconnect", () => process.exit(1));
const { place, queue: given, notes, leaseMs, concurrency, workMs } = JSON.parse(process.argv[2] as string) as WorkerGiven;
const keep = noteBook(notes);
const owned = new Set<string>();
/** It is another's, or was let go of by a commit of which no answer came. */
const hasLost = (note: Parameters<Write>[0]): boolean => note.kind === "committed" && !["ok", "unknown"].includes(note.answer);
const write: Write = (note) => {
  keep(note);
  if (note.kind === "claimed") owned.add(note.task);
  else if (note.kind === "released" || hasLost(note)) owned.delete(note.task);
  else return;
  process.send?.({ owned: owned.size });
};
const store = noting(storeAt(place), write);
const agents = chaosAgents((begun) => write({ kind: "began", ...begun }), workMs);
const onRefused = (error: Error, task: string): void => {
  write({ kind: "refused", task, code: (error as { code?: string }).code ?? "", message: error.message });
};
const { queue } = queueAt(given, place);
const worker = new AgentWorker({ agents, store, queue, leaseMs, concurrency, onRefused, onHeld: () => {} });
await worker.start();
process.send?.({ owned: owned.size });
