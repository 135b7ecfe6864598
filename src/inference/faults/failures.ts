/** The clients that were asked in turn, and what became of them. */
import { asimovErrorOf } from "#contract/base/errors";
import { ContextLengthExceededError, InferenceError } from "#contract/chat/errors";
import { addUsage, NO_USAGE, type Usage } from "#contract/chat/usage";

interface Asked {
  readonly provider: string;
  readonly model: string;
}

/** An answer that came, and does not fit; the caller's own end: no other client would do better. */
const NO_REASON: ReadonlySet<string> = new Set(["aborted", "invalid-output"]);

export const isCannotAnswer = (error: unknown): boolean => error instanceof InferenceError && !NO_REASON.has(error.code);

export class Failures {
  readonly warnings: string[] = [];
  readonly #all: readonly Asked[];
  readonly #errors: unknown[] = [];

  constructor(all: readonly Asked[]) {
    this.#all = all;
  }

  /** Whose turn it is. */
  get current(): Asked {
    return this.#all[this.#errors.length] as Asked;
  }

  /** @returns whose turn is next. @throws the error where nobody else is asked after it, and where all have failed what says so */
  goOn(error: unknown, on: (error: unknown) => boolean): number {
    if (!on(error)) throw error;
    const failed = this.current;
    this.#errors.push(error);
    if (this.current === undefined) throw this.#allFailed();
    this.warnings.push(`${nameOf(failed)} did not answer (${reasonOf(error)}); ${nameOf(this.current)} was asked in its place.`);
    return this.#errors.length;
  }

  #allFailed(): unknown {
    const errors = this.#errors;
    const last = errors.at(-1);
    // A chain that may leave out its oldest part goes on then.
    if (errors.length === 1 || errors.every((error) => error instanceof ContextLengthExceededError)) return last;
    const { provider, model } = this.#all.at(-1) as Asked;
    const said = errors.map((error, at) => `${nameOf(this.#all[at] as Asked)} (${reasonOf(error)})`);
    const known = errors.filter((error) => error instanceof InferenceError);
    const usage = known.reduce<Usage>((sum, { usage: used }) => (used === undefined ? sum : addUsage(sum, used)), NO_USAGE);
    const waits = known.flatMap(({ retryAfter }) => retryAfter ?? []);
    return new InferenceError(`No client could answer: ${said.join(", ")}. \`cause.errors\` holds what each failed with.`, {
      ...{ code: "all-failed", provider, model, usage },
      retryable: errors.some((error) => asimovErrorOf(error)?.retryable === true),
      ...(waits.length === 0 ? {} : { retryAfter: Math.min(...waits) }),
      cause: new AggregateError(errors, "each client's own error"),
    });
  }
}

const nameOf = ({ provider, model }: Asked): string => `${provider} ${model}`;

/** The library's own word; of what others threw nobody knows whether it may be shown. */
const reasonOf = (error: unknown): string => asimovErrorOf(error)?.code ?? (error instanceof Error ? error.name : typeof error);
