/** Agents that a worker was asked for and does not have: of each is told once, and its runs are left to a worker that has it. */
import { type AsimovError, RunError } from "#contract/base/errors";
import type { Clock } from "#contract/base/services";
import type { StoredRun } from "#contract/store/run-record";
import type { RunStore } from "#contract/store/run-store";
import { SCHEDULES } from "#runs/schedules";

/** Milliseconds after the last of them was looked at. */
const AGAIN_MS = 60_000;
/** So many runs are looked at together, and so many times; the rest follows after so many milliseconds. */
const PAGE = 100;
const PAGES = 5;
const REST_MS = 1_000;

interface Asked {
  clock: Clock;
  store: RunStore;
  /** The agents that it has. */
  known: Pick<ReadonlyMap<string, unknown>, "has" | "keys">;
  refuse(error: AsimovError, run: { agent: string; taskId: string }): void;
}

export class UnknownAgents {
  readonly #of: Asked;
  readonly #told = new Set<string>();
  #againAt = Number.NEGATIVE_INFINITY;
  /** The last that was looked at, where others follow. */
  #after: StoredRun | undefined;

  constructor(of: Asked) {
    this.#of = of;
  }

  /** A run of an agent that it may have. */
  submitted(agent: string, taskId: string): void {
    const { known, refuse } = this.#of;
    if (known.has(agent) || agent === SCHEDULES || this.#told.has(agent)) return;
    this.#told.add(agent);
    const names = [...known.keys()].map((name) => `"${name}"`).join(", ");
    const message = `Run ${taskId} asks for agent "${agent}", and this worker has ${names}: it leaves the run to a worker that has it.`;
    refuse(new RunError(message, { code: "worker-unknown-agent", taskId }), { agent, taskId });
  }

  async look(): Promise<void> {
    const { clock, store } = this.#of;
    const now = clock.now();
    if (now < this.#againAt) return;
    this.#againAt = now + REST_MS;
    for (let left = PAGES; left > 0; left--) {
      const page = await store.find({ statuses: ["READY"], limit: PAGE, ...(this.#after === undefined ? {} : { after: this.#after }) });
      for (const { agent, taskId } of page) this.submitted(agent, taskId);
      this.#after = page.length === PAGE ? page.at(-1) : undefined;
      if (this.#after !== undefined) continue;
      this.#againAt = now + AGAIN_MS;
      return;
    }
  }
}
