/** What is written to a run and what is read of it, as plain data. */
import type { CancelRequest, Lease, RunEnd, RunStatus, Sealed, StoredRun } from "./run-record.ts";
import type { IsGone } from "./run-status.ts";
import type { NewQuestion, QuestionEnd } from "./stored-question.ts";

/** One event of a run; numbers count from 1 without gaps. */
export interface StoredEvent {
  seq: number;
  at: number;
  body: Sealed;
}

/** Where a generation is: plain data, to keep and to hand to `runFromSnapshot`. */
export interface SnapshotRef {
  taskId: string;
  generation: number;
}

/** Why a generation was made. */
export type CommitReason = "started" | "step" | "progress" | "parked" | "ended" | "manual";

/** What changed between two generations. */
export interface Commit {
  /** The one after the newest. */
  generation: number;
  /** Why it was made, and the seal over its parts. */
  info: Sealed;
  /** For people who look at the store: what goes on next. Default: nothing. */
  nodes?: readonly string[];
  put: ReadonlyMap<string, Sealed>;
  remove: readonly string[];
  /** `put` holds all parts: every other one is gone, and nothing is built on the generation before. Default false. */
  whole?: boolean;
  run?: {
    /** An end gives the lease back, too. */
    status?: "open" | RunEnd;
    /** Of an end: somebody is to be told of it, until the store is told that it was. Default false. */
    untold?: boolean;
    dueAt?: number | null;
    info?: Sealed;
    graphHash?: string;
    version?: string;
  };
  /** They follow the newest event of the run. */
  events: readonly StoredEvent[];
  /** The numbers of the messages that the run has taken. */
  consumed: readonly number[];
  /** Those that are asked from now on, or of somebody else, then those that are closed. One that is closed stays as it is. Default none. */
  questions?: { put: readonly NewQuestion[]; close: readonly { id: string; why: QuestionEnd; by?: string }[] };
  /**
   * Gives the lease back. `seen` is the number of the newest message that the owner knows of: where a newer one was posted meanwhile the
   * run is due at once. A run whose cancel was asked for is not given back, it is ended.
   */
  release?: { seen: number };
}

/** A run that is to be stored, with its first generation. Its events may begin with any number: those of a run that was not stored before. */
export interface NewRun {
  taskId: string;
  agent: string;
  version: string;
  type: string;
  labels: Readonly<Record<string, string>>;
  graphHash: string;
  info: Sealed;
  dueAt: number | null;
  /** When it began, as its process tells it, where that was before it is stored: its place among the others. Default now. */
  createdAt?: number;
  first: Commit;
}

export type CreateResult = { ok: true; lease?: Lease } | { ok: false; why: "exists"; run: StoredRun };

export interface ClaimOptions {
  /** The fencing token of a lease that may be taken though it has not run out. */
  over?: number;
  /** Whether an ended run is claimed, too, to go on. Default false. */
  ended?: boolean;
}

export type ClaimResult =
  | { ok: true; lease: Lease; run: StoredRun }
  | { ok: false; why: "not-found" }
  | { ok: false; why: "owned" | "ended"; run: StoredRun };

/** What an owner is told of others whenever it writes. */
export interface Asked {
  cancel: CancelRequest | null;
  /** The number of the newest message. */
  posted: number;
}

export type RenewResult = ({ ok: true; until: number } & Asked) | { ok: false; why: "fenced"; run?: StoredRun };

export type CommitResult =
  | ({ ok: true; at: number } & Asked)
  | { ok: false; why: "not-found" }
  | { ok: false; why: "fenced" | "cancelled"; run: StoredRun };

export interface StoredMessage {
  /** Counts from 1 for each run, without gaps, in the order of arrival. */
  n: number;
  id: string;
  mailbox: string;
  body: Sealed;
  at: number;
}

export interface MessageOrder {
  kind: "message";
  id: string;
  mailbox: string;
  body: Sealed;
  /** It comes too late at this moment, or after; in milliseconds since 1970. */
  until?: number;
  /** It comes too early before this moment. */
  from?: number;
  /** It is the end of this question, which is closed in the same step and keeps the body as its `message`; it is too late for one that is, and for a run whose cancel was asked for. */
  closes?: { id: string; why: "answered" | "deadline"; by?: string };
}

export interface CancelOrder {
  kind: "cancel";
  reason: string;
  /** The fencing token of a lease that counts as run out though it has not. */
  over?: number;
  /** What is written when nobody owns the run, so that it ends without its code; the events get the next numbers. */
  end: { info?: Sealed; events: readonly Sealed[] };
}

export type PostRequest = MessageOrder | CancelOrder;

export type PostResult = "stored" | "duplicate" | "not-found" | "ended" | "closed" | "late" | "early" | "cancelled";

/** A generation, whole. */
export interface StoredGeneration {
  generation: number;
  info: Sealed;
  parts: Map<string, Sealed>;
  /** One sentence for each newer generation that the store itself found damaged. */
  passedOver: readonly string[];
}

export interface GenerationEntry {
  generation: number;
  at: number;
  info: Sealed;
  /** What its commit wrote: parts, events, and infos. */
  bytes: number;
}

export interface FindQuery {
  agent?: string;
  type?: string;
  statuses?: readonly RunStatus[];
  /** A lease of a process of which this is true counts as run out. */
  isGone?: IsGone;
  /** All of them must be the run's. */
  labels?: Readonly<Record<string, string>>;
  updatedBefore?: number;
  /** Those whose end is still to be told; found without a look at any other. */
  untold?: true;
  /** Those with a lease, be it alive, run out or of a process that is gone; found without a look at any other. READY ones are what lost owners have left. */
  leased?: true;
  /** `"due"`: those that have a moment to go on at, soonest first, then by task id. Default newest first. */
  order?: "due";
  /** Where the page before ended. */
  after?: { createdAt: number; taskId: string; dueAt?: number | null };
  limit: number;
}

export interface PruneQuery {
  endedBefore?: number;
  /** How many of the runs that ended last stay in any case. Default 0. */
  keep?: number;
}
