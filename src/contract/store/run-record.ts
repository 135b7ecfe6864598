/** What a store keeps of a run as its row: who it is, where it stands, who owns it. */

/** What a driver keeps and never reads: a text as it is, or the bytes that a user's codec made of one. */
export type Sealed = string | Uint8Array;

/** How a run has ended. */
export type RunEnd = "COMPLETE" | "FAILED" | "PARTIAL" | "CANCELLED";

/** Where a run stands, worked out from its row by the store's clock. */
export type RunStatus = "READY" | "RUNNING" | "PARKED" | RunEnd;

/** The process that owns a run, so that others of its machine can tell whether it is still there. */
export interface OwnerProcess {
  host: string;
  /** Which start of the machine: process ids begin anew with it. */
  boot: string;
  pid: number;
  /** When the process started: ids of processes are used again. */
  startedAt: number;
}

export interface Owner {
  /** For people, and unlike that of any other claim: with the token, what a lease is known by. */
  id: string;
  /** Milliseconds until the lease runs out, a whole number. */
  leaseMs: number;
  process?: OwnerProcess;
}

/** The right to write to a run, until a moment of the store's clock or until somebody takes it. */
export interface Lease {
  taskId: string;
  /** The fencing token: higher than any before of this run. */
  token: number;
  /** Milliseconds since 1970. */
  until: number;
  owner: Owner;
}

/** Somebody outside wants the run to end; its owner reads it here. */
export interface CancelRequest {
  reason: string;
  at: number;
}

/** Moments are milliseconds since 1970 by the store's clock. */
export interface StoredRun {
  taskId: string;
  agent: string;
  /** Of the agent's code. */
  version: string;
  type: string;
  labels: Readonly<Record<string, string>>;
  graphHash: string;
  /** Objective, params, and what else the runtime wants beside the row. */
  info: Sealed;
  status: "open" | RunEnd;
  createdAt: number;
  updatedAt: number;
  endedAt: number | null;
  /** How often it has ended: once more after each time that it went on from its end. */
  ends: number;
  /** Whether the message of its newest end is still to be told, by the next process that hosts its agent. */
  untold: boolean;
  /** When it can go on without an answer or a message; null: never. */
  dueAt: number | null;
  generation: number;
  /** The number of the newest event; 0: none. */
  lastSeq: number;
  /** The highest fencing token that was given; 0: none. */
  token: number;
  /** The lease that was given last, though it may have run out; null when it was given back. */
  lease: Lease | null;
  cancel: CancelRequest | null;
  inbox: {
    /** Messages that no commit has consumed. */
    count: number;
    /** The number of the newest message that was posted; numbers have no gaps. */
    last: number;
  };
}
