/** All names that the store has in Redis. What belongs to a run, and the lists that it stands in, lie in one slot: that of its bucket. */

/** Runs are spread over so many slots, so that a cluster shares them out; the lists of each are merged when they are read. */
export const BUCKETS = 16;

/** Of a task, the same in every process and version: FNV-1a over its UTF-16 code units. */
export function bucketOf(taskId: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < taskId.length; at++) hash = Math.imul(hash ^ taskId.charCodeAt(at), 0x01000193);
  return (hash >>> 0) % BUCKETS;
}

export interface RunKeys {
  /** Hash: `rev`, `row`, `info`. */
  run: string;
  /** Hash: a kept generation by its number, and under `u` and its number what it replaced. */
  generations: string;
  /** Hash: the newest parts by name. */
  parts: string;
  /** List, oldest first. */
  events: string;
  /** Hash: messages that wait, by number. */
  inbox: string;
  /** Set: the ids of all messages that ever came. */
  messages: string;
  /** Hash: questions by id. */
  questions: string;
  /** Hash: how they were closed, by id. */
  closed: string;
}

export class Keys {
  /** Where it is told that a run has changed. */
  readonly changes: string;
  /** Says which version of the store wrote here. */
  readonly format: string;
  readonly #prefix: string;

  constructor(prefix: string) {
    this.#prefix = prefix;
    this.changes = `${prefix}changes`;
    this.format = `${prefix}format`;
  }

  ofRun(taskId: string): RunKeys {
    const of = (what: string): string => `${this.#slot(bucketOf(taskId))}${what}:${taskId}`;
    return {
      run: of("run"),
      generations: of("generations"),
      parts: of("parts"),
      events: of("events"),
      inbox: of("inbox"),
      messages: of("messages"),
      questions: of("questions"),
      closed: of("closed"),
    };
  }

  /** A sorted set of task ids, or of questions. */
  list(bucket: number, list: string): string {
    return `${this.#slot(bucket)}${list}`;
  }

  #slot(bucket: number): string {
    return `${this.#prefix}{${this.#prefix}${bucket}}`;
  }
}

/** Sorted sets of a bucket. Each name of a text that users gave ends it, so that none is taken for another. */
export const lists = {
  /** All runs, by creation. */
  all: "all",
  /** By creation: those that are open, or have ended so. */
  ofStatus: (status: string) => `status:${status}`,
  /** Open ones by the moment at which they can go on. */
  due: "due",
  dueOf: (agent: string) => `due:${agent}`,
  /** By the moment at which the lease runs out. */
  leases: "leases",
  /** By the moment of the end. */
  ended: "ended",
  /** By creation: those whose end is still to be told. */
  untold: "untold",
  /** By creation. */
  labelled: (key: string, value: string) => `label:${JSON.stringify([key, value])}`,
  /** Open questions, by when they were asked. */
  asked: "asked",
} as const;
