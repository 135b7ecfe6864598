/** What a page is told of what failed: the words of tools and modules may hold what is no page's business, such as an address with its password. */
import { AsimovError } from "#contract/base/errors";

/** @param untold what is told where nobody has words for it */
export type ErrorWords = (error: unknown, untold?: string) => string;

/** Of the user's own code: of what it threw only the text and the code are kept. */
const FOREIGN: ReadonlySet<string> = new Set(["tool-failed", "module-failed", "run-failed", "non-retryable", "actor-failed"]);

const isOurs = (error: unknown): error is AsimovError => error instanceof AsimovError && !FOREIGN.has(error.code);

export function errorWords(onError: ((error: unknown) => string | undefined) | undefined): ErrorWords {
  return (error, untold = "The answer failed.") => {
    try {
      return onError?.(error) ?? (isOurs(error) ? error.message : untold);
    } catch {
      return untold;
    }
  };
}
