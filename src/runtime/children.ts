/** The runs that modules of a run wait for: each is known by what its module has kept of it, also after a restart. */
import type { ChildEnding } from "#contract/run/child-end";
import type { KeptChild } from "#contract/run/host";
import { dependentOf, type ReplayLog, type ReplayPlace } from "#replay/replay-log";

interface Place {
  at: ReplayPlace;
  entry: string;
}

export class Children {
  readonly #log: ReplayLog;
  readonly #places = new Map<string, Place>();
  /** Told, by those that are followed here, of what comes to them. */
  readonly #followed = new Map<string, () => void>();
  #stays = 0;
  readonly #free: () => void;

  /** @param free told when nothing of them keeps the run in this process any more */
  constructor(log: ReplayLog, free: () => void) {
    this.#log = log;
    this.#free = free;
    for (const [at, entry, text] of log.runs()) this.#places.set((JSON.parse(text) as KeptChild).taskId, { at, entry });
  }

  keep(at: ReplayPlace, entry: string, kept: KeptChild): void {
    this.#places.set(kept.taskId, { at, entry });
    this.#log.write(at, entry, JSON.stringify(kept));
  }

  /** It is about to end, as it says; one that no module waits for is passed over. */
  ending({ taskId, token }: ChildEnding): void {
    const place = this.#places.get(taskId);
    const text = place === undefined ? undefined : this.#log.read(place.at, place.entry);
    if (place === undefined || text === undefined) return;
    this.keep(place.at, place.entry, { ...(JSON.parse(text) as KeptChild), ending: token });
    this.#followed.get(taskId)?.();
  }

  /** Calls back when something has come for it. Returns the end of that. */
  follow(taskId: string, heard: () => void): () => void {
    this.#followed.set(taskId, heard);
    return () => this.#followed.delete(taskId);
  }

  /** Those that end with the run, or with the node at that place: whatever waits for one of them later tries it again. */
  leave(at?: ReplayPlace): string[] {
    const left: string[] = [];
    for (const [place, entry, text] of [...this.#log.runs()]) {
      if (at !== undefined && place !== at && !place.startsWith(`${at}/`)) continue;
      const dependent = dependentOf(text);
      if (dependent.length > 0) this.keep(place, entry, { ...(JSON.parse(text) as KeptChild), over: true });
      left.push(...dependent);
    }
    return left;
  }

  /** Whether the run is to stay in this process, though all of it waits: a child of it works here, or is about to end. */
  get stays(): boolean {
    return this.#stays > 0;
  }

  /** Returns the end of that. */
  stay(): () => void {
    let isOver = false;
    this.#stays++;
    return () => {
      if (isOver) return;
      isOver = true;
      this.#stays--;
      if (this.#stays === 0) this.#free();
    };
  }
}
