/** Hears what other processes did to runs, as long as somebody listens; the connection for it is made again and again until it is there. */
import { systemClock } from "#contract/base/services";
import type { Connection, Listening } from "./connection.ts";

interface Told {
  taskId: string;
  /** The store that did it. */
  by: string;
  isCommit?: true;
}

export const toldText = (taskId: string, by: string, isCommit: boolean): string =>
  JSON.stringify({ taskId, by, ...(isCommit ? { isCommit } : {}) } satisfies Told);

const AGAIN_MS = 100;

export class Changes {
  readonly #connection: Connection;
  readonly #id: string;
  readonly #tell: (taskId: string | null, isCommit: boolean) => void;
  #watch: object | undefined;
  #listening: Listening | undefined;
  #timer: unknown;

  /** @param id what is told by that store is known here */
  constructor(connection: Connection, id: string, tell: (taskId: string | null, isCommit: boolean) => void) {
    this.#connection = connection;
    this.#id = id;
    this.#tell = tell;
  }

  listen(isWanted: boolean): void {
    systemClock.clearTimeout(this.#timer);
    this.#listening?.end();
    this.#listening = undefined;
    this.#watch = isWanted ? {} : undefined;
    if (isWanted) void this.#open(this.#watch as object);
  }

  async #open(watch: object): Promise<void> {
    const isWanted = (): boolean => this.#watch === watch && !this.#connection.isClosed;
    const again = (): void => {
      if (isWanted()) this.#timer = systemClock.setTimeout(() => void this.#open(watch), AGAIN_MS);
    };
    try {
      const listening = await this.#connection.listen((message) => this.#hear(message), again);
      if (!isWanted()) return listening.end();
      this.#listening = listening;
      // What was told before it heard is lost: whoever listens looks at everything.
      this.#tell(null, false);
    } catch {
      again();
    }
  }

  #hear(message: string): void {
    const { taskId, by, isCommit = false } = JSON.parse(message) as Told;
    if (by !== this.#id) this.#tell(taskId, isCommit);
  }
}
