/** What a name may be: anything that works as a record key, a file name once encoded, and a Redis key. */
import { AsimovError } from "./errors.ts";

/** Longer names are refused, so that a path of nested names still fits a log line or a span. */
export const MAX_NAME_LENGTH = 512;

const RESERVED = new Set(["__proto__", "constructor", "prototype"]);
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const CONTROL = /[\u0000-\u001f\u007f]/;

/** Why a name is refused, or undefined when it is fine. Emoji, `../x` and spaces within are fine. */
export function nameFault(name: unknown): string | undefined {
  if (typeof name !== "string") return `must be a string, got ${name === null ? "null" : typeof name}`;
  if (name.trim() === "") return "must not be empty";
  if (name.length > MAX_NAME_LENGTH) return `must have at most ${MAX_NAME_LENGTH} characters, got ${name.length}`;
  if (RESERVED.has(name)) return `must not be "${name}", which JavaScript objects reserve`;
  if (CONTROL.test(name)) return "must not contain control characters";
  if (!name.isWellFormed()) return "must not contain half of a surrogate pair";
  return undefined;
}

/** @throws AsimovError `invalid-name` */
export function requireName(name: unknown, what: string): string {
  const fault = nameFault(name);
  if (fault === undefined) return name as string;
  const shown = typeof name === "string" ? ` ${JSON.stringify(name.slice(0, 60))}` : "";
  throw new AsimovError(`The name of a ${what} ${fault}:${shown || " no name"}.`, { code: "invalid-name" });
}
