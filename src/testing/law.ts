/** One sentence that a driver must keep, as a check that any test runner can call. */

/**
 * @example
 * for (const { name, run } of cacheLaws(options)) it(name, run);
 */
export interface Law {
  /** What holds, in the present tense. */
  name: string;
  /** Rejects, saying what was expected and what came, when the law does not hold. */
  run: () => Promise<void>;
}

export function requireTrue(holds: boolean, message: string): asserts holds {
  if (!holds) throw new Error(message);
}

/** The values must be the same JSON. */
export function requireEqual(found: unknown, expected: unknown, what: string): void {
  const [a, b] = [JSON.stringify(found), JSON.stringify(expected)];
  if (a !== b) throw new Error(`${what}: expected ${b}, found ${a}`);
}

/** The promise must reject with an error of this code, whatever its class. */
export async function requireCode(promise: Promise<unknown>, code: string, what: string): Promise<void> {
  const found = await promise.then(
    () => "no error",
    (error: unknown) => (error as { code?: unknown } | null)?.code ?? `an error without a code: ${String(error)}`,
  );
  if (found !== code) throw new Error(`${what}: expected the error code ${code}, found ${String(found)}`);
}
