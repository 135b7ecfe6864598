/** Who is next among the runs of a key, decided by whoever holds its record: nothing begins that was not written there before. */
import type { StoredRun } from "#contract/store/run-record";
import type { RunStore } from "#contract/store/run-store";
import { isSubmitted } from "#keep/submission";
import { isOpen, LOOK_MS, letGo, lookAtOpen, noteStart, roomAt, roomOf, waitsForTurn } from "./key-open.ts";
import { type HeldKey, type KeyState, writeKey } from "./key-record.ts";
import { addTicket, type StoredTicket, type TicketList, ticketsIn } from "./key-tickets.ts";
import { replaceRun } from "./orders.ts";

const PAGE = 50;
/** Looked at beside as many as may begin: whether anybody else waits. */
const GLANCE = 2;
/** Milliseconds in which whoever made a ticket stores its run. */
export const STORED_MS = 10_000;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const MOST_LOOK_MS = 5_000;

export interface TurnsOf {
  store: RunStore;
  /** The same, as what is made ready is told to a queue. */
  told: RunStore;
  ids: () => string;
  /** Runs of which somebody says that they have ended. */
  ended: ReadonlySet<string>;
}

export interface Taken {
  /** By the run that is refused, the one that stands for it. */
  refused: ReadonlyMap<string, string>;
  /** There may be more to let go at once. */
  isMore: boolean;
}

type Found = { ticket: StoredTicket; run: StoredRun | undefined };

/** What is done with the tickets of one look. */
class Turns {
  readonly #of: TurnsOf;
  readonly #held: HeldKey;
  readonly #now: number;
  readonly #goes: StoredTicket[] = [];
  readonly #refused = new Map<string, string>();
  readonly #over: StoredTicket[] = [];
  /** When it is to be looked at again, each for a reason of its own. */
  readonly #moments: number[] = [];
  #isWaiting = false;

  constructor(of: TurnsOf, held: HeldKey, now: number) {
    this.#of = of;
    this.#held = held;
    this.#now = now;
  }

  get #state(): KeyState {
    return this.#held.state;
  }

  get #gate(): string {
    return this.#held.lease.taskId;
  }

  async take(): Promise<Taken | undefined> {
    const { store, told, ids, ended } = this.#of;
    const before = this.#state.open.length;
    const left = await lookAtOpen(store, this.#state, this.#now, ended);
    const pageOf = (list: TicketList): Promise<StoredTicket[]> => ticketsIn(store, this.#gate, list, PAGE);
    const [quietPage, delayedPage] = await Promise.all([pageOf("quiet"), pageOf("delayed")]);
    const quiet = await this.#judgeQuiet(quietPage);
    const delayed = await this.#judgeDelayed(delayedPage);
    await this.#judgeTurns();
    const isChange = before !== this.#state.open.length || this.#goes.length > 0 || quiet || delayed;
    if (isChange) this.#state.restMs = 0;
    if (this.#goes.length + this.#refused.size > 0 && !(await writeKey(store, this.#held))) return undefined;
    await Promise.all(left.map((taskId) => letGo(told, taskId, ids)));
    await Promise.all(this.#goes.map((ticket) => this.#letGo(ticket)));
    for (const [taskId, by] of this.#refused) await replaceRun(store, taskId, by);
    await this.#drop(this.#over);
    const dueAt = this.#nextLook();
    if (dueAt === null) this.#state.holder = null;
    if (!(await writeKey(told, this.#held, { dueAt }))) return undefined;
    return { refused: this.#refused, isMore: dueAt !== null && dueAt <= this.#now };
  }

  /** Its run is not stored, and will not be. */
  #isLost({ ticket, run }: Found): boolean {
    return run === undefined && ticket.since <= this.#now - STORED_MS;
  }

  async #found(tickets: readonly StoredTicket[]): Promise<Found[]> {
    const found = await Promise.all(tickets.map(async (ticket) => ({ ticket, run: await this.#of.store.read(ticket.taskId) })));
    const lost = found.filter((each) => this.#isLost(each));
    this.#over.push(...lost.map(({ ticket }) => ticket));
    return found.filter((each) => !lost.includes(each));
  }

  /** Whether any are quiet, or wait for that. Of two that came one within the time of the other, the later takes the earlier one's place. */
  async #judgeQuiet(page: readonly StoredTicket[]): Promise<boolean> {
    const found = await this.#found(page);
    const isCut = page.length === PAGE;
    for (const [index, { ticket, run }] of found.entries()) {
      const until = ticket.at + (ticket.debounceMs ?? 0);
      const next = found[index + 1];
      if (run === undefined || (next !== undefined && next.run === undefined)) this.#moments.push(this.#now + LOOK_MS);
      else if (next !== undefined && next.ticket.at < until) await this.#replace(ticket, next.ticket.taskId);
      else if (next === undefined && isCut) this.#moments.push(this.#now);
      else if (until > this.#now) this.#moments.push(until);
      else await this.#queue(ticket, until);
    }
    return page.length > 0;
  }

  /** A task that was submitted once more waits anew. */
  async #replace(ticket: StoredTicket, by: string): Promise<void> {
    if (by !== ticket.taskId) await replaceRun(this.#of.store, ticket.taskId, by);
    await this.#drop([ticket]);
  }

  async #judgeDelayed(page: readonly StoredTicket[]): Promise<boolean> {
    for (const ticket of page) {
      if (ticket.at <= this.#now) await this.#queue(ticket, ticket.at);
      else this.#moments.push(ticket.at);
    }
    const isAll = page.length === PAGE && page.every(({ at }) => at <= this.#now);
    if (isAll) this.#moments.push(this.#now);
    return isAll;
  }

  /** From another list: from now on it waits for its turn. */
  async #queue({ taskId, priority, singleton, n, id, since }: StoredTicket, at: number): Promise<void> {
    const { store, ids } = this.#of;
    await addTicket(store, this.#gate, "turn", { taskId, priority, at, n, ...(singleton === true ? { singleton } : {}) }, ids);
    await this.#drop([{ taskId, priority, at, n, id, since }]);
  }

  async #judgeTurns(): Promise<void> {
    const state = this.#state;
    let room = roomOf(state);
    const limit = Math.min(room + GLANCE, PAGE);
    const page = await ticketsIn(this.#of.store, this.#gate, "turn", limit);
    for (const { ticket, run } of await this.#found(page)) {
      const { taskId } = ticket;
      const isKnown = state.open.some((each) => each.taskId === taskId);
      if (run === undefined) {
        this.#isWaiting = true;
        this.#moments.push(this.#now + LOOK_MS);
      } else if (isKnown || run.status !== "open") this.#over.push(ticket);
      else if (ticket.singleton === true && (await this.#isHeldByAnother(taskId))) {
        this.#refused.set(taskId, state.holder as string);
        this.#over.push(ticket);
      } else if (!waitsForTurn(run)) {
        // Somebody has begun it out of turn.
        const begunAt = isSubmitted(run) ? null : run.updatedAt;
        if (begunAt !== null) noteStart(state, begunAt);
        state.open.push({ taskId, begunAt });
        this.#over.push(ticket);
        room = Math.max(0, room - 1);
      } else if (room === 0) this.#isWaiting = true;
      else {
        if (ticket.singleton === true) state.holder = taskId;
        state.open.push({ taskId, begunAt: null });
        this.#goes.push(ticket);
        room--;
      }
    }
    if (page.length < limit) return;
    this.#isWaiting = true;
    // More than were looked at may begin, or are over.
    if (this.#goes.length + this.#over.length > 0) this.#moments.push(this.#now);
  }

  async #isHeldByAnother(taskId: string): Promise<boolean> {
    const { holder } = this.#state;
    return holder !== null && holder !== taskId && isOpen(await this.#of.store.read(holder));
  }

  async #letGo(ticket: StoredTicket): Promise<void> {
    await letGo(this.#of.told, ticket.taskId, this.#of.ids);
    await this.#drop([ticket]);
  }

  async #drop(tickets: readonly StoredTicket[]): Promise<void> {
    await Promise.all(tickets.map(({ id }) => this.#of.store.remove(id)));
  }

  /** Null where the key has nothing left. */
  #nextLook(): number | null {
    const state = this.#state;
    const moments = [...this.#moments];
    // Those that are known to have begun late count for longer than they ought to.
    const isUnsure = state.limit?.perMinute !== undefined && state.open.some(({ begunAt }) => begunAt === null);
    if (this.#isWaiting || isUnsure) {
      state.restMs = Math.min(Math.max(LOOK_MS, 1.2 * state.restMs), MOST_LOOK_MS);
      moments.push(Math.min(this.#now + state.restMs, roomAt(state) ?? Number.POSITIVE_INFINITY));
    } else if (state.open.length > 0) {
      state.restMs = Math.min(Math.max(MINUTE, 2 * state.restMs), HOUR);
      moments.push(this.#now + state.restMs);
    }
    const last = state.starts.at(-1);
    if (last !== undefined) moments.push(last + MINUTE);
    return moments.length === 0 ? null : Math.ceil(Math.min(...moments));
  }
}

/** Lets go of what may begin, and gives the record back; undefined where somebody else holds it by now. */
export async function takeTurns(of: TurnsOf, held: HeldKey): Promise<Taken | undefined> {
  return await new Turns(of, held, await of.store.now()).take();
}
