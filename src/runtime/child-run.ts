/** A run that a module waits for: begun or taken up where nobody owns it, looked at where somebody does, ended with the module that gives it up. */
import { EffectLimits } from "#contract/base/effect-limits";
import { AsimovError, asimovErrorOf, messageOf, NonRetryableError } from "#contract/base/errors";
import { Task } from "#contract/base/task";
import { runInNoScope } from "#contract/chat/call-scope";
import type { Failure } from "#contract/node/result";
import type { KeptChild } from "#contract/run/host";
import type { StoredRun } from "#contract/store/run-record";
import { statusOf } from "#contract/store/run-status";
import type { RunStore } from "#contract/store/run-store";
import { standingOf } from "#keep/owner";
import { isTransient, Patience, untilAnswered } from "#keep/patience";
import { isSubmitted } from "#keep/submission";
import { AnsweredStore } from "#runs/answered-store";
import { type Changes, changesOf } from "#runs/changes";
import { nextChange } from "#runs/follow";
import { cancelRun } from "#runs/orders";
import { readView } from "#runs/read-run";
import type { AgentHost } from "./agent-host.ts";
import type { AgentRun } from "./agent-run.ts";
import { type ChildHands, OthersHands, OwnHands } from "./child-hands.ts";
import type { ChildPlace } from "./child-place.ts";
import { ownScope } from "./scopes.ts";
import { replayRun } from "./start-or-attach.ts";
import { tellStoredEnd } from "./take-run.ts";

/** What was found of it: here, elsewhere, or ended. */
type Found = { run: AgentRun } | { away: StoredRun; at: number } | { ended: StoredRun };
type End = { result: unknown } | { failure: Failure };

/** It is somebody else's by now, or was put down: it is looked for again. */
const ELSEWHERE: ReadonlySet<string> = new Set([
  "run-parked",
  "run-fenced",
  "run-exists",
  "run-owned",
  "run-ended",
  "run-not-ended",
  "store-closed",
]);

const OVER: ReadonlySet<string> = new Set(["run-ended", "run-not-found"]);

/** A store that does not answer may do so later. */
const isPassing = (error: unknown): boolean => isTransient(error) || asimovErrorOf(error)?.code === "effect-timeout";

const elsewhere = (error: unknown): undefined => {
  if (!ELSEWHERE.has(asimovErrorOf(error)?.code ?? "")) throw error;
};

export class ChildRun {
  readonly #place: ChildPlace;
  readonly #agent: AgentHost;
  readonly #id: string;
  #changes: Changes | undefined;
  /** How often it has said that it is about to end, or somebody else that it has: what was read before is old by then. */
  #said = 0;
  readonly #own: OwnHands;
  /** Those of others, once that is known. */
  #hands: ChildHands;
  #beginning: Promise<unknown> | undefined;
  /** For a store that is away. */
  readonly #patience: Patience;
  readonly #limits: EffectLimits;
  /** The parent stays in this process. */
  #leave: (() => void) | undefined;

  constructor(place: ChildPlace, agent: AgentHost) {
    this.#place = place;
    this.#agent = agent;
    this.#id = place.taskId;
    this.#own = new OwnHands(agent, place);
    this.#hands = this.#own;
    this.#patience = new Patience(place.run.clock);
    const { clock, effectTimeoutMs: limitMs } = agent.services;
    this.#limits = new EffectLimits(clock, { limitMs, graceMs: limitMs });
  }

  /** @param begin called where it was not waited for before */
  async result(begin: () => Promise<KeptChild>): Promise<unknown> {
    const { run, node } = this.#place;
    const isNew = this.#place.read() === undefined;
    if (isNew) {
      this.#place.keep(await begin());
      this.#place.started();
      await run.saveProgress(node);
    }
    // Before it waits: where all of its run does that is put down at once.
    this.#stay();
    const unfollow = run.children.follow(this.#id, () => {
      this.#said++;
      this.#stay();
      this.#changes?.hint();
    });
    let signal: AbortSignal | undefined;
    try {
      return await this.#place.wait((given) => {
        signal = given;
        given.addEventListener("abort", () => this.#patience.end(), { once: true });
        return this.#follow(isNew, given);
      });
    } catch (error) {
      // Where only the process stops, it goes on.
      if (signal?.aborted === true && asimovErrorOf(error)?.code !== "run-stopped") await this.#giveUp(messageOf(error));
      throw error;
    } finally {
      unfollow();
      this.#go();
      this.#changes?.end();
    }
  }

  get #kept(): KeptChild {
    return this.#place.read() as KeptChild;
  }

  /** Where it is stored, if it may be: what somebody has stored by default is known after a restart alone. */
  get #store(): RunStore | undefined {
    const store = this.#agent.store() ?? (this.#place.run.isRestored ? this.#agent.keeping().store : undefined);
    return store && new AnsweredStore(store, this.#limits);
  }

  async #follow(isNew: boolean, signal: AbortSignal): Promise<unknown> {
    await this.#findHands();
    for (let isFirst = isNew; ; isFirst = false) {
      signal.throwIfAborted();
      const said = this.#said;
      const found = isFirst ? await this.#begin() : await this.#find(signal);
      signal.throwIfAborted();
      if (found === undefined) continue;
      if ("away" in found) await this.#lookAway(found, said, signal);
      else {
        this.#stay();
        const end = "run" in found ? await this.#outcomeOf(found.run) : await this.#endOf(found.ended);
        if (end !== undefined) return this.#ended(end);
      }
    }
  }

  /** Undefined where that has changed meanwhile. */
  async #find(signal: AbortSignal): Promise<Found | undefined> {
    const here = this.#agent.own.get(this.#id)?.run;
    // Whoever had given it up wanted its end: it is tried again from there.
    if (this.#kept.over === true) await here?.outcome.catch(elsewhere);
    else if (here !== undefined && !this.#hands.areOthers) return { run: here };
    const store = this.#store;
    if (store === undefined) return await this.#begin();
    this.#changes ??= changesOf(store, this.#id, this.#place.run.clock, signal);
    this.#changes.look();
    const [row, now] = await this.#answered(async () => [await store.read(this.#id), await store.now()]);
    signal.throwIfAborted();
    if (row === undefined) return await this.#begin();
    const { over } = this.#kept;
    if (row.status !== "open") return over === true && row.status !== "COMPLETE" ? await this.#retry(row) : { ended: row };
    if (over === true && row.cancel !== null) return { away: row, at: now };
    const status = statusOf(standingOf(row), now);
    if (this.#hands.areOthers) return { away: row, at: now };
    const isOurs = status === "READY" || (status === "PARKED" && this.#place.run.whenWaiting === "hold");
    return isOurs ? await this.#resume() : { away: row, at: now };
  }

  /** A run that others may take is left to them only where its store is that of its parent: there it tells that of its end. */
  async #findHands(): Promise<void> {
    const { childQueue: queue } = this.#place.run;
    const store = this.#store;
    if (queue === undefined || !this.#agent.isNamed || store === undefined || !(await this.#isWithParent(store))) return;
    const asked = new AnsweredStore(queue.store, this.#limits);
    this.#hands = new OthersHands(this.#agent, this.#place, { queue, store: asked, answered: (ask) => this.#answered(ask) });
  }

  /** Undefined where it is to be looked at. */
  async #begin(): Promise<Found | undefined> {
    this.#tried();
    const beginning = this.#hands.begin(new Task({ ...this.#kept.task, id: this.#id }));
    this.#beginning = beginning;
    const run = await beginning;
    return run && { run };
  }

  async #resume(): Promise<Found | undefined> {
    const run = await this.#own.resume().catch(elsewhere);
    if (run === undefined) return undefined;
    this.#tried();
    return { run };
  }

  async #retry(row: StoredRun): Promise<Found | undefined> {
    if (isSubmitted(row)) {
      // Cancelled before anybody had begun it: there is nothing to go on from.
      const store = this.#store as RunStore;
      await this.#answered(async () => {
        await tellStoredEnd(this.#agent, store, row);
        await store.remove(this.#id);
      });
      return undefined;
    }
    const run = await this.#hands.retry(() => this.#tried()).catch(elsewhere);
    return run && { run };
  }

  async #answered<T>(ask: () => Promise<T>): Promise<T> {
    const given = await untilAnswered(this.#patience, () => {}, ask, isPassing);
    this.#patience.renew();
    return given;
  }

  /** From here on its end is that of this attempt. */
  #tried(): void {
    const { over: _over, ended: _ended, ...kept } = this.#kept;
    this.#place.keep(kept);
  }

  /** Of one in this process; undefined where it goes on elsewhere, or was put down. */
  async #outcomeOf(run: AgentRun): Promise<End | undefined> {
    const outcome = await run.outcome.catch(elsewhere);
    if (outcome === undefined || (outcome.status as string) === "PARKED") return undefined;
    if (outcome.status === "COMPLETE") return { result: outcome.task.result };
    const failure = ownScope(run.actor)?.run.failure;
    return { failure: failure ?? { error: outcome.task.error ?? `the run ended as ${outcome.status}`, code: "module-failed" } };
  }

  async #endOf(row: StoredRun): Promise<End | undefined> {
    const store = this.#store as RunStore;
    const replayed = await runInNoScope(() => replayRun(this.#agent, store, row));
    if (replayed !== undefined) return await this.#outcomeOf(replayed);
    const said = (await readView(store, this.#id)).errors.at(-1);
    return { failure: { error: said?.error ?? "The run was cancelled.", code: "cancelled", final: true } };
  }

  #ended(end: End): unknown {
    this.#place.keep({ ...this.#kept, ended: true, ...("failure" in end ? { over: true } : {}) });
    if ("result" in end) return end.result;
    const { error, code, final } = end.failure;
    // Whoever cancelled it wants no other attempt.
    throw final === true || code === "cancelled" ? new NonRetryableError(error, { code }) : new AsimovError(error, { code });
  }

  /** Waits until something has become of it. A parent that may be put down is: the run tells it before it ends. @param said when the row was read */
  async #lookAway({ away: row, at }: { away: StoredRun; at: number }, said: number, signal: AbortSignal): Promise<void> {
    const store = this.#store as RunStore;
    const now = await this.#answered(() => store.now());
    // Also when its lease has run out: until somebody else has it, whoever said so may store its end, and says nothing more.
    const isEnding = row.lease !== null && this.#kept.ending === row.lease.token;
    const mayPark = this.#place.run.whenWaiting === "park" && !isEnding && (await this.#isWithParent(store));
    if (said !== this.#said || signal.aborted) return;
    if (mayPark) this.#go();
    else this.#stay();
    await nextChange(this.#changes as Changes, { run: row, at }, now);
  }

  /** Whether its store is where its parent is: there it tells that of its end. */
  async #isWithParent(store: RunStore): Promise<boolean> {
    const { run, node } = this.#place;
    await run.storeProgress(node);
    const parent = await this.#answered(() => store.read(run.task.id));
    return parent !== undefined && parent.lease?.token === run.fence;
  }

  #stay(): void {
    this.#leave ??= this.#place.run.children.stay();
  }

  #go(): void {
    this.#leave?.();
    this.#leave = undefined;
  }

  /** Nothing outlives its module but what is detached. */
  async #giveUp(why: string): Promise<void> {
    const { detached } = this.#kept;
    if (detached === true) return;
    // Nobody can end what is not there yet.
    await this.#beginning?.catch(() => {});
    this.#place.keep({ ...this.#kept, over: true });
    const here = this.#agent.own.get(this.#id)?.run;
    const reason = `run ${this.#place.run.task.id}, which waited for it, gave it up (${why})`;
    try {
      if (here !== undefined) await here.cancel(reason);
      else if (this.#store !== undefined) await cancelRun(this.#store, this.#id, reason);
    } catch (fault) {
      // Where it could not be told, it is with the end of the parent's node.
      if (!OVER.has(asimovErrorOf(fault)?.code ?? "")) return;
    }
    // Another visit may have begun since.
    const kept = this.#place.read();
    if (kept !== undefined) this.#place.keep({ ...kept, ended: true });
  }
}
