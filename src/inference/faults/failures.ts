/** The clients that were asked in turn, and what became of them. */
import { asimovErrorOf } from "#contract/base/errors";
import { ContextLengthExceededError, FinalInferenceError, InferenceError, RetriesExceededError } from "#contract/chat/errors";
import { sumUsage } from "#contract/chat/usage";

interface Asked {
  readonly provider: string;
  readonly model: string;
}

/** The caller's own end, and that of the run's budget: nobody is asked after it, whatever the caller's rule is. */
const ENDS: ReadonlySet<string | undefined> = new Set(["aborted", "budget-exceeded"]);

/** An answer came, though one that does not fit: another client would do no better. */
export const isCannotAnswer = (error: unknown): boolean => error instanceof InferenceError && error.code !== "invalid-output";

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
    if (ENDS.has(asimovErrorOf(error)?.code) || !on(error)) throw error;
    const failed = this.current;
    this.#errors.push(error);
    if (this.current === undefined) throw this.#allFailed();
    this.warnings.push(`${nameOf(failed)} did not answer (${reasonOf(error)}); ${nameOf(this.current)} was asked in its place.`);
    return this.#errors.length;
  }

  #allFailed(): unknown {
    const errors = this.#errors;
    if (errors.length === 1) return errors[0];
    const { provider, model } = this.#all.at(-1) as Asked;
    const said = errors.map((error, at) => `${nameOf(this.#all[at] as Asked)} (${reasonOf(error)})`);
    const message = `No client could answer: ${said.join(", ")}. \`cause.errors\` holds what each failed with.`;
    const known = errors.filter((error) => error instanceof InferenceError);
    const used = known.flatMap(({ usage }) => usage ?? []);
    const waits = known.flatMap(({ retryAfter }) => retryAfter ?? []);
    const facts = {
      ...{ provider, model, cause: new AggregateError(errors, "each client's own error") },
      ...(used.length === 0 ? {} : { usage: sumUsage(used) }),
      ...(waits.length === 0 ? {} : { retryAfter: Math.min(...waits) }),
    };
    // A chain that may leave out its oldest part goes on then.
    if (errors.every((error) => error instanceof ContextLengthExceededError)) {
      return new ContextLengthExceededError(message, { ...facts, code: "context-length-exceeded" });
    }
    const isRetryable = errors.some((error) => asimovErrorOf(error)?.retryable === true);
    if (isRetryable) return new InferenceError(message, { ...facts, code: "all-failed", retryable: true });
    return new FinalInferenceError(message, { ...facts, code: "all-failed" });
  }
}

const nameOf = ({ provider, model }: Asked): string => `${provider} ${model}`;

/** The library's own word; of what others threw nobody knows whether it may be shown. */
function reasonOf(error: unknown): string {
  if (error instanceof RetriesExceededError) {
    const { attempts, cause } = error;
    return attempts === 1 ? reasonOf(cause) : `${reasonOf(cause)} after ${attempts} attempts`;
  }
  return asimovErrorOf(error)?.code ?? (error instanceof Error ? error.name : typeof error);
}
