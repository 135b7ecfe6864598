/** What is sent to a provider in its own words must be what the body of a request can hold. */
import { AsimovError } from "./errors.ts";

/** JSON leaves out functions and symbols in silence. @throws AsimovError `invalid-options`, naming the place */
export function requireSent(value: unknown, place: string, above: readonly object[] = []): void {
  if (typeof value === "function" || typeof value === "symbol" || typeof value === "bigint") throw unsent(place, `a ${typeof value}`);
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return;
  if (above.includes(value)) throw unsent(place, "a reference back to one of its own parents");
  for (const [key, part] of Object.entries(value)) requireSent(part, `${place}.${key}`, [...above, value]);
}

const unsent = (place: string, what: string): AsimovError =>
  new AsimovError(`${place}: expected what the body of a request can hold; it is ${what}.`, { code: "invalid-options" });
