/** What the cache methods accept, checked by hand because it is checked at every call. */

import { AsimovError } from "#contract/base/errors";
import type { ReceiveOptions } from "#contract/store/cache";

const shown = (value: unknown): string => (typeof value === "number" ? String(value) : value === null ? "null" : typeof value);

/** @throws AsimovError `invalid-options` for an option that the method does not have */
export function refuseUnknown(options: object | undefined, method: string, known: readonly string[]): void {
  if (options === undefined) return;
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue;
    throw new AsimovError(`\`${method}\` has no option "${name}"; it takes ${known.join(", ")}.`, { code: "invalid-options" });
  }
}

/** Whole milliseconds. @throws AsimovError `invalid-options` */
export function requireTtl(ttlMs: unknown): number | undefined {
  if (ttlMs === undefined) return undefined;
  if (typeof ttlMs === "number" && ttlMs >= 1 && ttlMs <= Number.MAX_SAFE_INTEGER) return Math.ceil(ttlMs);
  throw new AsimovError(`\`ttlMs\` must be a number of milliseconds, at least 1; got ${shown(ttlMs)}. Leave it out to keep the key.`, {
    code: "invalid-options",
  });
}

/** @throws AsimovError `invalid-options`, or the signal's reason when it is aborted already */
export function requireReceiveOptions(options: ReceiveOptions): void {
  refuseUnknown(options, "getMessage", ["timeoutMs", "signal", "permit"]);
  const { timeoutMs, signal } = options;
  if (timeoutMs !== undefined && !(typeof timeoutMs === "number" && timeoutMs >= 0)) {
    throw new AsimovError(
      `\`timeoutMs\` must be a number of milliseconds, at least 0; got ${shown(timeoutMs)}. 0 takes only what is there; leave it out to wait without end.`,
      { code: "invalid-options" },
    );
  }
  signal?.throwIfAborted();
}

/** @throws AsimovError `not-a-number` */
export function requireSummand(by: unknown): asserts by is number {
  if (typeof by === "number" && Number.isFinite(by)) return;
  throw new AsimovError(`\`increment\` adds a finite number; got ${shown(by)}.`, { code: "not-a-number" });
}
