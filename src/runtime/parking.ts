/** A run that is put down, once for all who ask, and what is said of it where its store does not answer. */
import { asimovErrorOf, RunError } from "#contract/base/errors";

interface Run {
  readonly taskId: string;
  limited<T>(what: string, work: () => Promise<T>): Promise<T>;
  /** Its lease is kept, unless it is on its way back: whether it is kept. */
  keepOn(): boolean;
  readonly isEnding: boolean;
  refusal(what: string): Error;
}

export class Parking {
  readonly #run: Run;
  readonly #done: Promise<void>;
  #isOver = false;

  /** @param putDown asks, when it is about to give the run back, whether it still is to */
  constructor(run: Run, putDown: (isWanted: () => boolean) => Promise<void>) {
    this.#run = run;
    this.#done = putDown(() => !this.#isOver);
    const over = (): void => {
      this.#isOver = true;
    };
    this.#done.then(over, over);
  }

  /** Done, refused or withdrawn: whoever asks from now on asks anew. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** @throws RunError `run-not-parked`, `run-parking`, and what putting it down threw */
  async wait(): Promise<void> {
    try {
      await this.#run.limited("parking the run", () => this.#done);
    } catch (error) {
      // Where it was to be stored first, and that took too long, the same is true.
      throw this.#isOver && asimovErrorOf(error)?.code !== "effect-timeout" ? error : this.#unanswered(error);
    }
  }

  #unanswered(cause: unknown): Error {
    const { taskId, isEnding } = this.#run;
    if (!this.#run.keepOn()) {
      return new RunError(
        `Run ${taskId} is not parked yet: its store has not answered whether it took it. Nothing more of it starts here; when the store answers it is parked, and \`outcome\` rejects with \`run-parked\`.`,
        { code: "run-parking", taskId, retryable: true, cause },
      );
    }
    this.#isOver = true;
    if (isEnding) return this.#run.refusal("park");
    return new RunError(`Run ${taskId} was not parked: its store has not answered. The run goes on; park it when the store is there.`, {
      code: "run-not-parked",
      taskId,
      retryable: true,
      cause,
    });
  }
}
