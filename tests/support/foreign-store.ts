/** A store such as a user may write, of the public names alone: a run is one JSON text, written anew at each step, and believed as it is read, where it has lists in their places. */
import {
  type ClaimResult,
  type Commit,
  type CommitResult,
  type CreateResult,
  type FindQuery,
  type GenerationEntry,
  type Lease,
  type NewQuestion,
  type NewRun,
  type Owner,
  type PostRequest,
  type PostResult,
  type QuestionClosed,
  type QuestionQuery,
  type RenewResult,
  RunStore,
  type StoredEvent,
  type StoredGeneration,
  type StoredMessage,
  type StoredQuestion,
  type StoredRun,
  statusOf,
} from "asimov-agents";

interface Written {
  row: StoredRun;
  generations: (GenerationEntry & { parts: Record<string, string> })[];
  events: StoredEvent[];
  inbox: (StoredMessage & { taken?: true })[];
  questions: (NewQuestion & Pick<StoredQuestion, "closed">)[];
}

const SETTINGS = { codec: undefined, maxPartBytes: 1_000_000, keep: 1_000_000, keepEvents: 1_000_000, retainMs: Number.POSITIVE_INFINITY };

export class ForeignStore extends RunStore {
  /** By task id; whoever shares it shares the runs. */
  readonly texts: Map<string, string>;

  constructor(texts = new Map<string, string>()) {
    super(SETTINGS);
    this.texts = texts;
  }

  #read(taskId: string): Written | undefined {
    const text = this.texts.get(taskId);
    if (text === undefined) return undefined;
    const run = JSON.parse(text) as Written;
    for (const list of [run.generations, run.events, run.inbox]) {
      if (!Array.isArray(list) || list.some((each) => typeof each !== "object" || each === null)) throw new Error("no list of objects");
    }
    return run;
  }

  #write(run: Written): void {
    this.texts.set(run.row.taskId, JSON.stringify(run));
  }

  async create({ first, ...given }: NewRun, owner?: Owner): Promise<CreateResult> {
    const there = this.#read(given.taskId)?.row;
    if (there !== undefined) return { ok: false, why: "exists", run: there };
    const now = Date.now();
    const lease = owner === undefined ? null : { taskId: given.taskId, token: 1, until: now + owner.leaseMs, owner };
    const row: StoredRun = {
      ...given,
      ...{
        status: "open",
        createdAt: now,
        updatedAt: now,
        endedAt: null,
        ends: 0,
        untold: false,
        generation: 0,
        token: lease === null ? 0 : 1,
        lease,
        cancel: null,
      },
      lastSeq: (first.events[0]?.seq ?? 1) - 1,
      inbox: { count: 0, last: 0 },
    };
    const run: Written = { row, generations: [], events: [], inbox: [], questions: [] };
    add(run, first);
    this.#write(run);
    return lease === null ? { ok: true } : { ok: true, lease };
  }

  async claim(taskId: string, owner: Owner, { over, ended }: { over?: number; ended?: boolean } = {}): Promise<ClaimResult> {
    const run = this.#read(taskId);
    if (run === undefined) return { ok: false, why: "not-found" };
    const { row } = run;
    const now = Date.now();
    if (row.status !== "open" && ended !== true) return { ok: false, why: "ended", run: row };
    if (row.lease !== null && row.lease.until > now && row.lease.token !== over) return { ok: false, why: "owned", run: row };
    row.token++;
    row.dueAt = row.status === "open" ? now : null;
    row.lease = { taskId, token: row.token, until: now + owner.leaseMs, owner };
    this.#write(run);
    return { ok: true, lease: row.lease, run: row };
  }

  async renew(lease: Lease, leaseMs: number): Promise<RenewResult> {
    const run = this.#read(lease.taskId);
    if (run?.row.lease?.token !== lease.token) return { ok: false, why: "fenced" };
    const until = Date.now() + leaseMs;
    run.row.lease = leaseMs === 0 ? null : { ...run.row.lease, until };
    this.#write(run);
    return { ok: true, until, cancel: run.row.cancel, posted: run.row.inbox.last };
  }

  async commit(lease: Lease, commit: Commit): Promise<CommitResult> {
    const run = this.#read(lease.taskId);
    if (run === undefined) return { ok: false, why: "not-found" };
    const { row } = run;
    if (row.lease?.token !== lease.token || commit.generation !== row.generation + 1) return { ok: false, why: "fenced", run: row };
    const ends = (commit.run?.status ?? "open") !== "open";
    if (commit.release !== undefined && row.cancel !== null && !ends) return { ok: false, why: "cancelled", run: row };
    add(run, commit);
    this.#write(run);
    return { ok: true, at: row.updatedAt, cancel: row.cancel, posted: row.inbox.last };
  }

  async read(taskId: string): Promise<StoredRun | undefined> {
    return this.#read(taskId)?.row;
  }

  async load(taskId: string, generation?: number): Promise<StoredGeneration | undefined> {
    const run = this.#read(taskId);
    const found = run?.generations.find((each) => each.generation === (generation ?? run.row.generation));
    if (found === undefined) return undefined;
    return { generation: found.generation, info: found.info, parts: new Map(Object.entries(found.parts)), passedOver: [] };
  }

  async generations(taskId: string, { before = Number.POSITIVE_INFINITY, limit }: { before?: number; limit: number }) {
    const older = this.#read(taskId)?.generations.filter(({ generation }) => generation < before) ?? [];
    return older.reverse().slice(0, limit);
  }

  async inbox(taskId: string, after: number): Promise<StoredMessage[]> {
    return this.#read(taskId)?.inbox.filter(({ n, taken }) => n > after && taken !== true) ?? [];
  }

  async post(taskId: string, request: PostRequest): Promise<PostResult> {
    const run = this.#read(taskId);
    if (run === undefined) return "not-found";
    const { row } = run;
    if (request.kind === "message" && run.inbox.some(({ id }) => id === request.id)) return "duplicate";
    if (row.status !== "open") return "ended";
    const now = Date.now();
    if (request.kind === "message") {
      const { id, mailbox, body, until, from, closes } = request;
      if (run.questions.some((each) => each.id === closes?.id && each.closed !== null)) return "closed";
      if (closes !== undefined && row.cancel !== null) return "cancelled";
      if (until !== undefined && now >= until) return "late";
      if (from !== undefined && now < from) return "early";
      if (closes !== undefined) close(run, [{ ...closes, message: body }], now);
      row.inbox = { count: row.inbox.count + 1, last: row.inbox.last + 1 };
      run.inbox.push({ n: row.inbox.last, id, mailbox, body, at: now });
    } else if (row.lease !== null && row.lease.until > now) {
      row.cancel ??= { reason: request.reason, at: now };
    } else {
      const events = request.end.events.map((body, index) => ({ seq: row.lastSeq + 1 + index, at: now, body }));
      run.events.push(...events);
      Object.assign(row, {
        status: "CANCELLED",
        endedAt: now,
        ends: row.ends + 1,
        untold: true,
        dueAt: null,
        lease: null,
        cancel: null,
        lastSeq: row.lastSeq + events.length,
      });
      closeAll(run);
    }
    this.#write(run);
    return "stored";
  }

  async questions({ id, taskId, agent, to, dueBefore, after, limit }: QuestionQuery): Promise<StoredQuestion[]> {
    const all = [...this.texts.keys()].flatMap((each) => {
      const { row, questions } = this.#read(each) as Written;
      return questions.map((question): StoredQuestion => ({ ...question, taskId: each, agent: row.agent }));
    });
    const isFound = (each: StoredQuestion): boolean =>
      (id === undefined ? each.closed === null : each.id === id) &&
      (taskId ?? each.taskId) === each.taskId &&
      (agent ?? each.agent) === each.agent &&
      (to ?? each.to) === each.to &&
      (dueBefore === undefined || (each.deadline ?? dueBefore) < dueBefore) &&
      (after === undefined || after.askedAt < each.askedAt || (after.askedAt === each.askedAt && after.id < each.id));
    const found = all.filter(isFound).sort((a, b) => a.askedAt - b.askedAt || (a.id < b.id ? -1 : 1));
    return found.slice(0, limit);
  }

  async endTold(taskId: string, end: number): Promise<boolean> {
    const run = this.#read(taskId);
    if (run?.row.untold !== true || run.row.ends !== end) return false;
    run.row.untold = false;
    this.#write(run);
    return true;
  }

  async find({ agent, statuses, untold, limit }: FindQuery): Promise<StoredRun[]> {
    const rows = [...this.texts.keys()].map((taskId) => (this.#read(taskId) as Written).row);
    const isFound = (row: StoredRun): boolean =>
      (agent ?? row.agent) === row.agent &&
      (untold ?? row.untold) === row.untold &&
      statuses?.includes(statusOf(row, Date.now())) !== false;
    return rows.filter(isFound).slice(0, limit);
  }

  async events(taskId: string, { from, limit }: { from: number; limit: number }): Promise<StoredEvent[]> {
    return (this.#read(taskId)?.events.filter(({ seq }) => seq >= from) ?? []).slice(0, limit);
  }

  async remove(taskId: string): Promise<boolean> {
    return this.texts.delete(taskId);
  }

  async prune(): Promise<number> {
    return 0;
  }

  subscribe(): () => void {
    return () => {};
  }

  async now(): Promise<number> {
    return Date.now();
  }

  async close(): Promise<void> {}
}

type Closing = Omit<QuestionClosed, "at"> & { id: string };

function close(run: Written, closing: readonly Closing[], at: number): void {
  for (const { id, ...closed } of closing) for (const each of run.questions) if (each.id === id) each.closed ??= { ...closed, at };
}

/** With the end of the run. */
function closeAll({ row: { status, endedAt }, questions }: Written): void {
  const closed: QuestionClosed = { why: status === "CANCELLED" ? "cancelled" : "ended", at: endedAt ?? 0 };
  for (const each of questions) each.closed ??= closed;
}

/** Whatever a commit changes. */
function add(run: Written, commit: Commit): void {
  const { row } = run;
  const { generation, info, put, remove, whole, events, consumed, release, questions } = commit;
  const now = Date.now();
  const parts = { ...(whole === true ? {} : run.generations.at(-1)?.parts) };
  for (const name of remove) delete parts[name];
  for (const [name, content] of put) parts[name] = content as string;
  run.generations.push({ generation, at: now, info, bytes: 0, parts });
  run.events.push(...events);
  for (const message of run.inbox) if (consumed.includes(message.n)) message.taken = true;
  if (commit.run?.status !== undefined) Object.assign(row, { untold: false, ends: row.ends + (commit.run.status === "open" ? 0 : 1) });
  Object.assign(row, commit.run, { generation, updatedAt: now, lastSeq: events.at(-1)?.seq ?? row.lastSeq });
  row.inbox.count -= consumed.length;
  for (const question of questions?.put ?? []) {
    if (run.questions.some(({ id, closed }) => id === question.id && closed !== null)) continue;
    run.questions = [...run.questions.filter(({ id }) => id !== question.id), { ...question, closed: null }];
  }
  close(run, questions?.close ?? [], now);
  if (row.status !== "open") Object.assign(row, { endedAt: now, dueAt: null, cancel: null });
  if (row.status !== "open") closeAll(run);
  if (row.status !== "open" || release !== undefined) row.lease = null;
}
