/** What is said of runs and kept by nobody, to and from the other processes of this machine. */
import { monotonicOf, systemClock } from "#contract/base/services";
import { TalkFiles, type TalkSystem } from "./talk-files.ts";

interface Said {
  taskId: string;
  /** The store that said it. */
  by: string;
  said: string;
}

/** How often it is looked for more while there is talk, and for so long after it. */
const LOOK_MS = 20;
const TALK_MS = 3_000;
const IDLE_LOOK_MS = 100;

export class Talk {
  readonly #files: TalkFiles;
  readonly #id: string;
  readonly #heard: (taskId: string, text: string) => void;
  #hearers = 0;
  #activeAt = Number.NEGATIVE_INFINITY;
  #timer: unknown;

  /** @param id what is said by that store is known here */
  constructor(fs: TalkSystem, folder: string, id: string, heard: (taskId: string, text: string) => void) {
    this.#files = new TalkFiles(fs, folder);
    this.#id = id;
    this.#heard = heard;
  }

  /** Where it cannot be written, nobody hears it. */
  say(taskId: string, said: string): void {
    this.#activeAt = monotonicOf(systemClock);
    try {
      this.#files.append(JSON.stringify({ taskId, by: this.#id, said } satisfies Said));
    } catch {}
  }

  /** What others say from now on; returns the end of it, until which it keeps the process alive. */
  hear(): () => void {
    if (this.#hearers++ === 0) this.#start();
    let isHearing = true;
    return () => {
      if (isHearing && --this.#hearers === 0) this.close();
      isHearing = false;
    };
  }

  close(): void {
    systemClock.clearTimeout(this.#timer);
  }

  #start(): void {
    try {
      this.#files.skip();
    } catch {}
    this.#lookLater();
  }

  #lookLater(): void {
    const isTalk = monotonicOf(systemClock) - this.#activeAt < TALK_MS;
    const look = (): void => {
      this.#lookLater();
      this.look();
    };
    this.#timer = systemClock.setTimeout(look, isTalk ? LOOK_MS : IDLE_LOOK_MS);
  }

  /** Now: what was said before something is read is heard before it. */
  look(): void {
    if (this.#hearers === 0) return;
    for (const line of this.#lines()) {
      const { taskId, by, said } = saidOf(line) ?? {};
      if (by === this.#id || taskId === undefined || said === undefined) continue;
      this.#activeAt = monotonicOf(systemClock);
      this.#heard(taskId, said);
    }
  }

  #lines(): string[] {
    try {
      return [...this.#files.next()];
    } catch {
      return [];
    }
  }
}

/** Undefined for a line that its writer did not end. */
function saidOf(line: string): Said | undefined {
  try {
    return JSON.parse(line) as Said;
  } catch {
    return undefined;
  }
}
