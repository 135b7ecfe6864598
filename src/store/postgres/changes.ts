/** Hears what other processes did to runs, as long as somebody listens; the connection for it is made again and again until it is there. */
import { systemClock } from "#contract/base/services";
import { digestOf } from "#contract/store/digest";
import type { Listening, Server } from "./server.ts";
import type { Run } from "./statement.ts";

interface Told {
  /** Missing where it would be too long. */
  taskId?: string;
  /** The store that did it. */
  by: string;
  isCommit?: true;
}

export interface Changed {
  taskId: string;
  isCommit: boolean;
}

const AGAIN_MS = 100;
/** PostgreSQL takes 8,000 bytes. */
const MOST_BYTES = 7_900;

export class Changes {
  readonly #server: Server;
  readonly #id: string;
  readonly #channel: string;
  readonly #tell: (taskId: string | null, isCommit: boolean) => void;
  #watch: object | undefined;
  #listening: Listening | undefined;
  #timer: unknown;

  /** @param id what is told by that store is known here */
  constructor(server: Server, id: string, tell: (taskId: string | null, isCommit: boolean) => void) {
    this.#server = server;
    this.#id = id;
    this.#tell = tell;
    this.#channel = `asimov_${digestOf(server.schema)}`;
  }

  /** With the transaction of those changes. */
  async notify(run: Run, changes: readonly Changed[]): Promise<void> {
    const told = new Set(changes.map((changed) => this.#textOf(changed)));
    await run("select pg_notify($1, told) from unnest($2::text[]) as t (told)", [this.#channel, [...told]]);
  }

  listen(isWanted: boolean): void {
    systemClock.clearTimeout(this.#timer);
    this.#listening?.end();
    this.#listening = undefined;
    this.#watch = isWanted ? {} : undefined;
    if (isWanted) void this.#open(this.#watch as object);
  }

  #textOf({ taskId, isCommit }: Changed): string {
    const told: Told = { taskId, by: this.#id, ...(isCommit ? { isCommit } : {}) };
    const text = JSON.stringify(told);
    return Buffer.byteLength(text) <= MOST_BYTES ? text : JSON.stringify({ by: this.#id } satisfies Told);
  }

  async #open(watch: object): Promise<void> {
    const isWanted = (): boolean => this.#watch === watch && !this.#server.isClosed;
    const again = (): void => {
      if (isWanted()) this.#timer = systemClock.setTimeout(() => void this.#open(watch), AGAIN_MS);
    };
    try {
      const listening = await this.#server.listen(this.#channel, (payload) => this.#hear(payload), again);
      if (!isWanted()) return listening.end();
      this.#listening = listening;
      // What was told before it heard is lost: whoever listens looks at everything.
      this.#tell(null, false);
    } catch {
      again();
    }
  }

  #hear(payload: string): void {
    const { taskId = null, by, isCommit = false } = JSON.parse(payload) as Told;
    if (by !== this.#id) this.#tell(taskId, isCommit);
  }
}
