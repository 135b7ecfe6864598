/** What a worker looks after beside its runs: ends that nobody has told, schedules, keys, and tasks for agents that it does not have. */
import { type Clock, systemServices } from "#contract/base/services";
import type { StoredRun } from "#contract/store/run-record";
import type { RunStore } from "#contract/store/run-store";
import { GATE, KEY_TYPE } from "#runs/key-record";
import { SCHEDULES } from "#runs/schedules";
import type { AgentHost } from "#runtime/agent-host";
import { tellEnds } from "#runtime/resume-all";
import { Chores } from "./chores.ts";
import { fireSchedules } from "./fire-schedules.ts";
import { firstDue } from "./first-due.ts";
import { openKeys } from "./open-keys.ts";
import { SetAside } from "./set-aside.ts";
import type { UnknownAgents } from "./unknown-agents.ts";

/** Schedules and keys that are looked at, at once. */
const PAGE = 50;

interface LookedAfter {
  clock: Clock;
  store: RunStore;
  /** As what is written to it is told to the queue. */
  told: RunStore;
  leaseMs: number;
  hosts: ReadonlyMap<string, AgentHost>;
  unknown: UnknownAgents;
  refused(error: Error, taskId: string): void;
}

export class Upkeep {
  readonly #of: LookedAfter;
  readonly #chores: Chores;
  readonly #aside = new SetAside();
  /** Runs of schedules that are not in memory any more, with the schedule's name. */
  readonly #scheduled = new Map<string, string>();
  /** Runs of keys that are not in memory any more, by the key's record. */
  readonly #keyed = new Map<string, string[]>();

  constructor(of: LookedAfter) {
    this.#of = of;
    this.#chores = new Chores(of.clock, (error) => of.refused(error as Error, ""));
  }

  get isDone(): boolean {
    return this.#chores.areDone;
  }

  /** A run that is not in memory any more: something may wait for that. */
  over({ taskId, labels }: StoredRun): void {
    const schedule = labels[SCHEDULES];
    if (schedule !== undefined) this.#scheduled.set(taskId, schedule);
    const gate = labels[GATE];
    if (gate !== undefined) this.#keyed.set(gate, [...(this.#keyed.get(gate) ?? []), taskId]);
  }

  /** Settles when it is done, or after a while. @param isAsked whether somebody else may have done something */
  async do(isAsked: boolean): Promise<void> {
    if (isAsked || this.#scheduled.size > 0) await this.#chores.do(() => this.#doAll());
    else if (this.#keyed.size > 0) await this.#chores.do(() => this.#openKeys([]));
  }

  async #doAll(): Promise<void> {
    const { clock, store, told, leaseMs, hosts, unknown } = this.#of;
    await unknown.look();
    for (const host of hosts.values()) await tellEnds(host, (error, taskId) => this.#refused(error, taskId));
    const now = clock.now();
    const own = await firstDue(store, SCHEDULES, PAGE, (run) => this.#aside.has(run, now));
    const [keys, schedules] = [own.filter(({ type }) => type === KEY_TYPE), own.filter(({ type }) => type !== KEY_TYPE)];
    await fireSchedules(told, { due: schedules, ended: await this.#freed() }, { leaseMs, refused: this.#refusedOf(schedules) });
    await this.#openKeys(keys);
  }

  #refused(error: Error, taskId: string, row?: StoredRun): void {
    const { clock, refused } = this.#of;
    if (this.#aside.put(error, taskId, row, clock.now())) refused(error, taskId);
  }

  /** @param rows as they were looked at */
  #refusedOf(rows: readonly StoredRun[]) {
    return (error: Error, taskId: string): void =>
      this.#refused(
        error,
        taskId,
        rows.find((row) => row.taskId === taskId),
      );
  }

  async #openKeys(due: readonly StoredRun[]): Promise<void> {
    const { clock, store, told } = this.#of;
    const ended = new Map(this.#keyed);
    this.#keyed.clear();
    await openKeys({ place: store, store, told, services: { clock, ids: systemServices.ids } }, { due, ended }, this.#refusedOf(due));
  }

  /** Schedules of which a run has ended here. */
  async #freed(): Promise<string[]> {
    const over = [...this.#scheduled];
    this.#scheduled.clear();
    const names: string[] = [];
    for (const [taskId, name] of over) if ((await this.#of.store.read(taskId))?.status !== "open") names.push(name);
    return names;
  }
}
