/** Runs that this process could not go on with: those of a graph that does not fit are never tried again, others when they or the store have changed. */
import { asimovErrorOf } from "#contract/base/errors";
import type { StoredRun } from "#contract/store/run-record";

/** Milliseconds after which something that may go away is tried again. */
const AGAIN_MS = 5_000;

/** What only says that somebody else was faster. */
const RACED: ReadonlySet<string | undefined> = new Set([
  "run-owned",
  "run-ended",
  "run-not-found",
  "run-fenced",
  "run-parked",
  "run-stopped",
]);

export class Refusals {
  readonly #unfit = new Set<string>();
  readonly #aside = new Map<string, { generation: number; until: number }>();

  /** @param pair the run's graph and the agent's */
  isRefused({ taskId, generation }: StoredRun, pair: string, now: number): boolean {
    if (this.#unfit.has(pair)) return true;
    const aside = this.#aside.get(taskId);
    if (aside === undefined) return false;
    if (aside.generation === generation && aside.until > now) return true;
    this.#aside.delete(taskId);
    return false;
  }

  /** Whether somebody is to be told: of a graph that does not fit once, though several runs of it were tried together. */
  add(error: unknown, { taskId, generation }: StoredRun, pair: string, now: number): "raced" | "news" | "known" {
    const known = asimovErrorOf(error);
    if (RACED.has(known?.code)) return "raced";
    if (known?.code === "snapshot-other-graph") {
      const isKnown = this.#unfit.has(pair);
      this.#unfit.add(pair);
      return isKnown ? "known" : "news";
    }
    this.#aside.set(taskId, { generation, until: known?.retryable === true ? now + AGAIN_MS : Number.POSITIVE_INFINITY });
    return "news";
  }
}
