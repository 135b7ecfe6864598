/** What a run gives that was put down: all of it waits, or somebody asked for that. */

import type { Question } from "./question.ts";

/** Told apart from an outcome by its `status`. It goes on by `agent.resume`, or with a worker. */
export interface ParkedRun {
  status: "PARKED";
  taskId: string;
  /** Those that are open. */
  questions: readonly Question[];
  /** When it can go on without an answer or a message, in milliseconds since 1970; absent for never. */
  dueAt?: number;
}
