/** How a run is kept: by whom, where, and from when on. */
import type { ChildQueue } from "#contract/run/child-queue";
import type { Question } from "#contract/run/question";
import type { Owner } from "#contract/store/run-record";
import type { RunStore } from "#contract/store/run-store";
import type { PartTexts } from "#keep/part-texts";

export interface Keeping {
  store: RunStore;
  owner: Owner;
  /** Whether what depends on a commit waits for it. */
  durability: "sync" | "async";
}

/** What becomes of a run all of which waits: it stays in memory, or is stored and let go. */
export type WhenWaiting = "hold" | "park";

/** How a run is kept that an agent starts itself. */
export interface KeepingOf {
  how(): Keeping;
  /** Whether it is stored from its start, or has been; else from the first time that somebody asks for it. */
  isKept: boolean;
  /** Where a task may be stored already; absent where nobody said where runs are stored. */
  store?: RunStore;
  /** What its store holds of it as it is, by graph. */
  stored?: ReadonlyMap<string, PartTexts>;
  /** Whether it is put down when all that is unfinished waits for something outside. Default `"hold"`. */
  whenWaiting?: WhenWaiting | undefined;
  /** Told of its questions beside the agent's own. */
  onQuestion?: ((question: Question) => void) | undefined;
  /** The task of the run that waits for it in a module, if one does. */
  parent?: string | undefined;
  /** Absent where the runs that its modules wait for begin in its process. */
  childQueue?: ChildQueue | undefined;
  /** How often the run has ended before. Default 0. */
  ends?: number;
}
