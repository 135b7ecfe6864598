/** What is told of a thrown value besides its message: plain data, with secrets masked and sizes cut. */
import { asimovErrorOf, messageOf, nameOf } from "./errors.ts";
import { ACTOR_MARK } from "./json.ts";
import { lazily } from "./lazily.ts";
import { redactor } from "./redact.ts";
import type { Entry } from "./redactor.ts";
import { maskStart } from "./secrets.ts";

/** Where nothing is known of the one or the other, it is absent. */
export interface ErrorDetails {
  /** The error's class, such as `"TypeError"`, or the name that the error gives itself. */
  name?: string;
  /** At most 8,000 characters. */
  stack?: string;
  /** What the error was caused by, and so on, at most 5 deep. */
  cause?: ErrorCause;
  /** The error's own properties, or those of a thrown object that is no error. Errors in there are told as causes are. */
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

const LIMITS = { maxDepth: 6, maxEntries: 50, maxStringLength: 2_000, maxValues: 500 };
const redacted = lazily(() => redactor(LIMITS, heldEntries));
/** A report is kept in snapshots and goes to mailboxes: what looks like an actor in it would be refused there. */
const withoutActors = (_key: string, value: unknown): unknown =>
  typeof value === "object" && value !== null && Object.hasOwn(value, ACTOR_MARK) ? "[actor]" : value;
/** Always JSON. */
const shown = (value: object): unknown => JSON.parse(JSON.stringify(redacted()(value), withoutActors));
/** For a message: errors without stacks. */
const shownBriefly = lazily(() => redactor(LIMITS));
const TOLD_APART: ReadonlySet<string> = new Set(["name", "message", "stack", "cause"]);

/** What `read` gives; a getter of the user's may throw. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

function cut(text: string, most: number): string {
  const { start, left } = maskStart(text, most * 2);
  return left === 0 && start.length <= most ? start : `${start.slice(0, most - 1)}…`;
}

/** An AggregateError's errors are not enumerable. */
function ownNames(error: object): string[] {
  const names = Object.keys(error).filter((name) => !TOLD_APART.has(name));
  return Array.isArray((error as AggregateError).errors) && !names.includes("errors") ? [...names, "errors"] : names;
}

function propertiesOf(error: object, names: readonly string[]): Record<string, unknown> | undefined {
  const read = (name: string): unknown => attempt(() => (error as Record<string, unknown>)[name]);
  const told = names.slice(0, MAX_PROPERTIES).map((name) => [name, read(name)] as const);
  return told.length === 0 ? undefined : Object.fromEntries(told);
}

/** An error that another one holds in a property. */
function* heldEntries(error: Error): Iterable<Entry> {
  const stack = attempt(() => error.stack);
  const cause = attempt(() => error.cause);
  const properties = propertiesOf(error, ownNames(error));
  yield ["message", () => error.message];
  yield ["name", () => nameOf(error)];
  if (typeof stack === "string") yield ["stack", () => stack];
  if (cause !== undefined) yield ["cause", () => (cause instanceof Error ? cause : causeOf(cause, MAX_CAUSES))];
  if (properties !== undefined) yield ["properties", () => properties];
}

/**
 * Never throws, whatever was thrown.
 *
 * @param depth how many errors it was the cause of: the code of the first, where it is of the library's own, is in the report that
 * holds the details
 */
export function errorDetailsOf(thrown: unknown, depth = 0): ErrorDetails {
  if (typeof thrown !== "object" || thrown === null) return {};
  const error = thrown as { stack?: unknown; cause?: unknown };
  const name = attempt(() => nameOf(thrown));
  const stack = attempt(() => error.stack);
  const cause = attempt(() => error.cause);
  const isReported = depth === 0 && asimovErrorOf(thrown) !== undefined;
  const properties = attempt(() =>
    propertiesOf(
      thrown,
      ownNames(thrown).filter((property) => !(isReported && property === "code")),
    ),
  );
  return {
    ...(typeof name === "string" && name !== "" ? { name: cut(name, 200) } : {}),
    ...(typeof stack === "string" ? { stack: cut(stack, MAX_STACK) } : {}),
    ...(cause === undefined || depth >= MAX_CAUSES ? {} : { cause: causeOf(cause, depth + 1) }),
    ...(properties === undefined ? {} : { properties: shown(properties) as Record<string, unknown> }),
  };
}

const causeOf = (cause: unknown, depth: number): ErrorCause => ({ message: shownMessageOf(cause), ...errorDetailsOf(cause, depth) });

/** The message of anything that was thrown, masked and cut in size; of an object without one, its JSON. Always a string. */
export const shownMessageOf = (thrown: unknown): string => cut(messageOf(thrown, shownBriefly()), MAX_MESSAGE);
