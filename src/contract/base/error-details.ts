/** What is told of a thrown value besides its message: plain data, with secrets masked and sizes cut. */
import { asimovErrorOf, messageOf } from "./errors.ts";
import { redactor } from "./redact.ts";
import { maskText } from "./secrets.ts";

/** Where nothing is known of the one or the other, it is absent. */
export interface ErrorDetails {
  /** The error's class, such as `"TypeError"`. */
  name?: string;
  /** At most 8,000 characters. */
  stack?: string;
  /** What the error was caused by, and so on, at most 5 deep. */
  cause?: ErrorCause;
  /** The error's own properties, or those of a thrown object that is no error. */
  properties?: Record<string, unknown>;
}

export interface ErrorCause extends ErrorDetails {
  message: string;
}

const MAX_STACK = 8_000;
const MAX_MESSAGE = 10_000;
const MAX_CAUSES = 5;
/** More than are shown, so that the mark says that there are more. */
const MAX_PROPERTIES = 100;

const shown = redactor({ maxDepth: 6, maxEntries: 50, maxStringLength: 2_000, maxValues: 500 });
const TOLD_APART: ReadonlySet<string> = new Set(["name", "message", "stack", "cause"]);
/** Those are in the report that holds the details. */
const IN_THE_REPORT: ReadonlySet<string> = new Set(["code", "retryable"]);

/** What `read` gives; a getter of the user's may throw. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

function cut(text: string, most: number): string {
  const masked = maskText(text.slice(0, most * 2));
  return masked.length <= most ? masked : `${masked.slice(0, most - 1)}…`;
}

function propertiesOf(error: object): Record<string, unknown> | undefined {
  const isOurs = asimovErrorOf(error) !== undefined;
  const names = Object.keys(error)
    .filter((name) => !TOLD_APART.has(name) && !(isOurs && IN_THE_REPORT.has(name)))
    .slice(0, MAX_PROPERTIES);
  // An AggregateError's are not enumerable.
  if (Array.isArray((error as AggregateError).errors) && !names.includes("errors")) names.push("errors");
  if (names.length === 0) return undefined;
  return shown(Object.fromEntries(names.map((name) => [name, attempt(() => (error as Record<string, unknown>)[name])]))) as Record<
    string,
    unknown
  >;
}

/** Never throws, whatever was thrown. */
export function errorDetailsOf(thrown: unknown, depth = 0): ErrorDetails {
  if (typeof thrown !== "object" || thrown === null) return {};
  const error = thrown as { name?: unknown; stack?: unknown; cause?: unknown };
  const name = attempt(() => error.name);
  const stack = attempt(() => error.stack);
  const cause = attempt(() => error.cause);
  const properties = attempt(() => propertiesOf(thrown));
  return {
    ...(typeof name === "string" && name !== "" ? { name: cut(name, 200) } : {}),
    ...(typeof stack === "string" ? { stack: cut(stack, MAX_STACK) } : {}),
    ...(cause === undefined || depth >= MAX_CAUSES
      ? {}
      : { cause: { message: shownMessageOf(cause), ...errorDetailsOf(cause, depth + 1) } }),
    ...(properties === undefined ? {} : { properties }),
  };
}

/** The message of anything that was thrown, masked and cut in size; of an object without one, its JSON. Always a string. */
export const shownMessageOf = (thrown: unknown): string => cut(messageOf(thrown, shown), MAX_MESSAGE);
