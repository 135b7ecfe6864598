/** What this process asks of a key, one thing after the other: tasks are submitted together, and what may begin is let go. */
import { RunError } from "#contract/base/errors";
import type { Services } from "#contract/base/services";
import type { TaskJSON } from "#contract/base/task";
import type { RunStore } from "#contract/store/run-store";
import { isOpen, waitsForTurn } from "./key-open.ts";
import type { KeyLimit } from "./key-options.ts";
import { claimKey, GATE, gateOf, type HeldKey, type KeyState } from "./key-record.ts";
import { addTicket, type Ticket, type TicketList } from "./key-tickets.ts";
import { STORED_MS, type Taken, takeTurns } from "./key-turns.ts";
import { requireAttached, type Submitted, submitTask, type TakenSubmit } from "./submit.ts";

export interface KeyHost {
  /** The store as its owner has made it: what this process asks there is asked in turn. */
  place: RunStore;
  /** The same, for what is of no concern to a queue. */
  store: RunStore;
  /** The same, for what makes something ready. */
  told: RunStore;
  services: Pick<Services, "clock" | "ids">;
}

export type KeyedSubmit = TakenSubmit & { key: string };

interface Look {
  host: KeyHost;
  ended: readonly string[];
  done: PromiseWithResolvers<void>;
}

interface Submission {
  host: KeyHost;
  task: TaskJSON;
  options: KeyedSubmit;
  n: number;
  /** When it came, where its ticket was stored at once. */
  cameAt: number | undefined;
  done: PromiseWithResolvers<Submitted>;
  /** Once it is stored. */
  stored?: Submitted | { error: unknown };
}

/** Submitted together. */
const MOST = 50;
/** After so many milliseconds a key is asked for again that somebody else holds. */
const AGAIN_MS = 20;
/** Milliseconds, of whoever submits; whoever looks leaves it to the next one. */
const PATIENCE_MS = 30_000;
const LOOKS = 5;

let submitted = 0;

class KeyGate {
  readonly #gate: string;
  #submissions: Submission[] = [];
  #looks: Look[] = [];
  #working: Promise<void> | undefined;
  #now: Promise<number> | undefined;
  #coming = 0;

  constructor(gate: string) {
    this.#gate = gate;
  }

  get isIdle(): boolean {
    return this.#working === undefined && this.#coming === 0;
  }

  async submit(host: KeyHost, task: TaskJSON, options: KeyedSubmit): Promise<Submitted> {
    const n = ++submitted;
    this.#coming++;
    const cameAt = await this.#announce(host, task, options, n).finally(() => {
      this.#coming--;
    });
    const done = Promise.withResolvers<Submitted>();
    this.#submissions.push({ host, task, options, n, cameAt, done });
    this.#work();
    return await done.promise;
  }

  /** Of one with a `debounceMs`: however long it waits for the key from now on, what came before it does not begin. */
  async #announce(host: KeyHost, { id: taskId }: TaskJSON, options: KeyedSubmit, n: number): Promise<number | undefined> {
    const { debounceMs, priority = 0 } = options;
    if (debounceMs === undefined || (await host.store.read(taskId)) !== undefined) return;
    const at = await this.#nowIn(host.store);
    await addTicket(host.store, this.#gate, "quiet", { taskId, priority, at, n, debounceMs }, host.services.ids);
    return at;
  }

  /** Asked once for all that come together. */
  async #nowIn(store: RunStore): Promise<number> {
    this.#now ??= store.now().finally(() => {
      this.#now = undefined;
    });
    return await this.#now;
  }

  async look(host: KeyHost, ended: readonly string[]): Promise<void> {
    const done = Promise.withResolvers<void>();
    this.#looks.push({ host, ended, done });
    this.#work();
    await done.promise;
  }

  #work(): void {
    this.#working ??= this.#all();
  }

  async #all(): Promise<void> {
    while (this.#submissions.length + this.#looks.length > 0) {
      const looks = this.#looks.splice(0);
      const submissions = this.#submissions.splice(0, MOST);
      try {
        await this.#together(submissions, looks);
        for (const { done } of looks) done.resolve();
      } catch (error) {
        for (const { done } of [...submissions, ...looks]) done.reject(error);
      }
    }
    this.#working = undefined;
  }

  async #together(submissions: readonly Submission[], looks: readonly Look[]): Promise<void> {
    const [first] = submissions;
    const { host } = (first ?? looks[0]) as Submission | Look;
    const { store, services } = host;
    const place = first === undefined ? undefined : { agent: first.options.agent, key: first.options.key };
    const until = services.clock.now() + PATIENCE_MS;
    for (let left = LOOKS; ; left--) {
      const held = await claimKey(store, this.#gate, services.ids, place);
      const taken = typeof held === "string" ? undefined : await this.#holding(host, held, submissions, looks);
      if (taken !== undefined) {
        for (const each of submissions) settle(each, taken.refused);
        if (taken.isMore) this.look(host, []).catch(() => {});
        return;
      }
      if (first === undefined && (held === "not-found" || left <= 1)) return;
      if (first !== undefined && services.clock.now() > until) throw busy(first);
      await new Promise<void>((resolve) => services.clock.setTimeout(resolve, AGAIN_MS));
    }
  }

  async #holding(host: KeyHost, held: HeldKey, submissions: readonly Submission[], looks: readonly Look[]): Promise<Taken | undefined> {
    const { store, services, told } = host;
    try {
      if (submissions.length > 0) await this.#admitAll(held.state, submissions, await store.now());
      return await takeTurns({ store, ids: services.ids, ended: new Set(looks.flatMap(({ ended }) => ended)), told }, held);
    } catch (error) {
      await store.renew(held.lease, 0).catch(() => {});
      throw error;
    }
  }

  /** Each is stored, and waits, when this settles. */
  async #admitAll(state: KeyState, submissions: readonly Submission[], now: number): Promise<void> {
    const fresh = submissions.filter(({ stored }) => stored === undefined);
    for (const { options } of submissions) if (options.limit !== undefined) state.limit = limitOf(options.limit);
    state.restMs = 0;
    const admit = async (each: Submission): Promise<void> => {
      each.stored = await this.#admit(state, each, now).catch((error: unknown) => ({ error }));
    };
    const isSingle = ({ options }: Submission): boolean => options.singleton === true;
    for (const each of fresh.filter(isSingle)) await admit(each);
    await Promise.all(fresh.filter((each) => !isSingle(each)).map(admit));
  }

  async #admit(state: KeyState, { host, task, options, n, cameAt }: Submission, now: number): Promise<Submitted> {
    const { store, services } = host;
    const { delayMs = 0, debounceMs, singleton = false, priority = 0 } = options;
    const list: TicketList = debounceMs === undefined ? (delayMs > 0 ? "delayed" : "turn") : "quiet";
    const quiet = debounceMs === undefined ? {} : { debounceMs };
    const ticket: Ticket = { taskId: task.id, priority, at: now + delayMs, n, ...quiet, ...(singleton ? { singleton } : {}) };
    const wait = (): Promise<void> => addTicket(store, this.#gate, list, ticket, services.ids);
    const there = await store.read(task.id);
    if (there !== undefined) {
      requireAttached(store, there, task, options);
      // Whoever submitted it before may have come no further.
      if (waitsForTurn(there) && there.labels[GATE] === this.#gate) await wait();
      return { taskId: task.id, isNew: false };
    }
    const before = state.holder;
    if (singleton && before !== null && isOpen(await store.read(before))) return { taskId: before, isNew: false };
    const start = services.clock.now();
    if (cameAt === undefined) await wait();
    const { isNew } = await submitTask(store, task, options, { labels: { [GATE]: this.#gate }, isHeld: true });
    // By now it may have been looked for, and not found.
    if (services.clock.now() - start > STORED_MS / 2) await wait();
    if (singleton) state.holder = task.id;
    return { taskId: task.id, isNew };
  }
}

function settle({ task, stored, done }: Submission, refused: ReadonlyMap<string, string>): void {
  const by = refused.get(task.id);
  if (by !== undefined) done.resolve({ taskId: by, isNew: false });
  else if (stored === undefined || "error" in stored) done.reject(stored?.error);
  else done.resolve(stored);
}

const limitOf = ({ concurrent, perMinute }: KeyLimit): KeyLimit => ({
  ...(concurrent === undefined ? {} : { concurrent }),
  ...(perMinute === undefined ? {} : { perMinute }),
});

const busy = ({ task, options }: Submission): RunError =>
  new RunError(`Task ${task.id} could not be submitted: somebody else holds its key ${JSON.stringify(options.key)}. Submit it again.`, {
    code: "key-busy",
    taskId: task.id,
    retryable: true,
  });

/** By store and record: what one process asks does not get in its own way. */
const gates = new WeakMap<RunStore, Map<string, KeyGate>>();

function gateIn(place: RunStore, gate: string): KeyGate {
  const known = gates.get(place) ?? new Map<string, KeyGate>();
  gates.set(place, known);
  // Those that nobody asks anything of are made again.
  for (const [name, each] of known) if (each.isIdle) known.delete(name);
  const there = known.get(gate) ?? new KeyGate(gate);
  known.set(gate, there);
  return there;
}

/** @throws RunError `run-exists`, `run-differs`, `key-busy`; AsimovError `not-json` */
export async function submitKeyed(host: KeyHost, task: TaskJSON, options: KeyedSubmit): Promise<Submitted> {
  return await gateIn(host.place, gateOf(options)).submit(host, task, options);
}

/** Lets go of what may begin; nothing where somebody else does. @param ended runs of the key that have ended */
export async function lookAtKey(host: KeyHost, gate: string, ended: readonly string[] = []): Promise<void> {
  await gateIn(host.place, gate).look(host, ended);
}
