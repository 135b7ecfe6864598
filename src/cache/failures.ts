/** The errors that both caches share, in the same words. */
import { AsimovError } from "#contract/base/errors";

export function cacheClosed(): AsimovError {
  return new AsimovError("The cache is closed: it, or a view of the same store, was closed. Make a new cache to go on.", {
    code: "cache-closed",
  });
}

export function notANumber(key: string): AsimovError {
  return new AsimovError(
    `The value of key "${key}" cannot be incremented: it is no number, or the sum is not finite. Set it to a number first.`,
    {
      code: "not-a-number",
    },
  );
}

/**
 * Decodes what a store holds, which others may have written.
 *
 * @param nameOf where it is stored
 * @throws AsimovError `cache-value-not-json`; the text itself is not shown
 */
export function parseStored<T>(text: string, nameOf: () => string): T {
  try {
    return JSON.parse(text) as T;
  } catch {
    throw new AsimovError(
      `What is stored under "${nameOf()}" is not JSON; it is left there. Whoever wrote it must write JSON text; delete it, or take it with another client.`,
      { code: "cache-value-not-json" },
    );
  }
}
