/** Hears what other stores of a server did to runs, as long as somebody listens; the connection for it is made again and again until it is there. */
import * as z from "zod/mini";
import { lazily } from "#contract/base/lazily";
import { systemClock } from "#contract/base/services";

/** A connection that hears. */
export interface Listening {
  end(): void;
}

interface Told {
  /** Missing where it would be too long: any run. */
  taskId?: string;
  /** The store that did it. */
  by: string;
  isCommit?: true;
  /** What was said of the run, in place of a change. */
  said?: string;
  /** Of what a store has said: PostgreSQL tells equal texts of one transaction once. */
  n?: number;
}

const schema = lazily(() =>
  z.object({ taskId: z.optional(z.string()), by: z.string(), isCommit: z.optional(z.literal(true)), said: z.optional(z.string()) }),
);

/** Undefined for what others say there: any program may publish on any channel. */
function readTold(text: string): Told | undefined {
  try {
    return schema().safeParse(JSON.parse(text)).data as Told | undefined;
  } catch {
    return undefined;
  }
}

export interface Hearing {
  readonly isClosed: boolean;
  /** Settles when it hears; a lost connection is told once. */
  listen(hear: (text: string) => void, lost: () => void): Promise<Listening>;
}

const AGAIN_MS = 100;

export class ToldChanges {
  readonly #hearing: Hearing;
  readonly #id: string;
  readonly #tell: (taskId: string | null, isCommit: boolean) => void;
  readonly #say: (taskId: string, text: string) => void;
  #watch: object | undefined;
  #listening: Listening | undefined;
  #timer: unknown;
  #said = 0;

  /** @param id what is told by that store is known here @param say told of what is no change */
  constructor(
    hearing: Hearing,
    id: string,
    tell: (taskId: string | null, isCommit: boolean) => void,
    say: (taskId: string, text: string) => void,
  ) {
    this.#hearing = hearing;
    this.#id = id;
    this.#tell = tell;
    this.#say = say;
  }

  /** What the others hear of a change. @param taskId undefined for any run */
  textOf(taskId: string | undefined, isCommit: boolean): string {
    const told: Told = { ...(taskId === undefined ? {} : { taskId }), by: this.#id, ...(isCommit ? { isCommit } : {}) };
    return JSON.stringify(told);
  }

  /** What the others hear that was said of a run. */
  saidOf(taskId: string, said: string): string {
    return JSON.stringify({ taskId, by: this.#id, said, n: ++this.#said } satisfies Told);
  }

  listen(isWanted: boolean): void {
    systemClock.clearTimeout(this.#timer);
    this.#listening?.end();
    this.#listening = undefined;
    this.#watch = isWanted ? {} : undefined;
    if (isWanted) void this.#open(this.#watch as object);
  }

  async #open(watch: object): Promise<void> {
    const isWanted = (): boolean => this.#watch === watch && !this.#hearing.isClosed;
    const again = (): void => {
      if (isWanted()) this.#timer = systemClock.setTimeout(() => void this.#open(watch), AGAIN_MS);
    };
    try {
      const listening = await this.#hearing.listen((text) => this.#hear(text), again);
      if (!isWanted()) return listening.end();
      this.#listening = listening;
      // What was told before it heard is lost: whoever listens looks at everything.
      this.#tell(null, false);
    } catch {
      again();
    }
  }

  #hear(text: string): void {
    const told = readTold(text);
    if (told === undefined || told.by === this.#id) return;
    const { taskId = null, isCommit = false, said } = told;
    if (said === undefined) this.#tell(taskId, isCommit);
    else if (taskId !== null) this.#say(taskId, said);
  }
}
