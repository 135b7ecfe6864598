/** A run that is kept, as whoever writes it sees it, and what is said of what is written. */
import type { AsimovError } from "#contract/base/errors";
import type { Clock } from "#contract/base/services";
import type { Commit, CommitReason } from "#contract/store/run-commit";
import type { PartChanges } from "./part-changes.ts";

/** What the runtime says of a generation, beside its parts. */
export interface GenerationNote {
  why: CommitReason;
  nodes: readonly string[];
  hint?: string;
}

/** Why a run is not this process's any more. */
export type Loss = "fenced" | "not-found" | "closed";

export interface KeptRun {
  readonly taskId: string;
  readonly clock: Clock;
  /** In time, or with an error that says so. */
  limited<T>(what: string, work: () => Promise<T>): Promise<T>;
  /** What follows at once is in another turn of the event loop; undefined where it is in this one. */
  nextTurn(): Promise<void> | undefined;
  /** Until then what it would write is in two places; undefined where it is not. */
  settling(): Promise<void> | undefined;
  /** The next generation is about to be written. */
  saving(generation: number, note: GenerationNote): void;
  /** Adds what has changed since this was last asked, at a moment when no actor is in the middle of an event. */
  writeChanges(changes: PartChanges): void;
  /** What was told since this was last asked, as JSON. */
  takeEvents(): { seq: number; at: number; body: string }[];
  /** Those that were asked or closed since this was last asked. */
  takeQuestions(): Commit["questions"];
  /** They are stored: whoever listens hears them. */
  release(seq: number): void;
  /** The run is somebody else's, or gone. */
  lost(why: Loss): void;
  /** Somebody outside wants it to end. */
  cancel(reason: string): void;
  /** The store does not take what was written; told once until it does again. */
  troubled(error: unknown): void;
  /** The store will never take it: the run goes on from what is stored, elsewhere or later. */
  refused(error: AsimovError): void;
  /** Messages may have come. */
  posted(last: number): void;
  /** The number of the newest message that it has taken up. */
  readonly taken: number;
  /** When it can go on once nobody owns it, without an answer or a message; null for never. */
  readonly dueAt: number | null;
}
