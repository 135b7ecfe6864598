/** Copies of values that are safe to show: secrets are masked, sizes are cut, whatever is odd becomes a visible mark. */
import * as z from "zod/mini";
import { lazily } from "./lazily.ts";
import { parseOptions } from "./options.ts";
import { isSecretUnder, maskStart, REDACTED } from "./secrets.ts";

/** How much of a value is shown. What is cut leaves a mark that says how much it was. */
export interface RedactOptions {
  /** Levels of nesting, 1 to 64. Default 8. */
  maxDepth?: number;
  /** Entries of one array, object, Map or Set, the mark included; at least 2. Default 100. */
  maxEntries?: number;
  /** Characters of one string, the mark included; at least 64. Default 2,000. */
  maxStringLength?: number;
  /** Values in all; at least 1. Default 5,000. */
  maxValues?: number;
  /** Whether secrets are masked. Default true. */
  maskSecrets?: boolean;
}

const schema = lazily(() =>
  z.strictObject({
    maxDepth: z._default(z.int().check(z.gte(1), z.lte(64)), 8),
    maxEntries: z._default(z.int().check(z.gte(2)), 100),
    maxStringLength: z._default(z.int().check(z.gte(64)), 2_000),
    maxValues: z._default(z.int().check(z.gte(1)), 5_000),
    maskSecrets: z._default(z.boolean(), true),
  }),
);

/** Room for the mark of a cut string. */
const MARK_LENGTH = 40;

const count = (amount: number): string => amount.toLocaleString("en-US");

export type Entry = readonly [key: string, read: () => unknown];

function* indexEntries(list: readonly unknown[]): Iterable<Entry> {
  for (let index = 0; index < list.length; index++) yield ["", () => list[index]];
}

function* setEntries(set: ReadonlySet<unknown>): Iterable<Entry> {
  for (const value of set) yield ["", () => value];
}

function* mapEntries(map: ReadonlyMap<unknown, unknown>): Iterable<Entry> {
  for (const [key, value] of map) yield [typeof key === "object" || typeof key === "function" ? "[object]" : String(key), () => value];
}

function* ownEntries(object: object): Iterable<Entry> {
  for (const key in object) if (Object.hasOwn(object, key)) yield [key, () => (object as Record<string, unknown>)[key]];
}

/** A stack is left out: it shows paths of the machine, and arguments in some engines. */
function* errorEntries(error: Error): Iterable<Entry> {
  yield ["name", () => error.name];
  yield ["message", () => error.message];
  if (error.cause !== undefined) yield ["cause", () => error.cause];
  yield* ownEntries(error);
}

/** An actor reference in the form in which XState stores one. */
function actorMark(object: object): unknown {
  const actor = object as { sessionId?: unknown; id?: unknown; send?: unknown; getSnapshot?: unknown };
  const isActor = typeof actor.send === "function" && typeof actor.getSnapshot === "function" && typeof actor.sessionId === "string";
  return isActor ? { xstate$$type: 1, id: String(actor.id) } : undefined;
}

type ErrorEntries = (error: Error) => Iterable<Entry>;

class Redactor {
  readonly #limits: z.infer<ReturnType<typeof schema>>;
  readonly #entriesOf: ErrorEntries;
  readonly #ancestors = new Set<object>();
  #left: number;

  constructor(limits: z.infer<ReturnType<typeof schema>>, entriesOf: ErrorEntries) {
    this.#limits = limits;
    this.#entriesOf = entriesOf;
    this.#left = limits.maxValues;
  }

  value(value: unknown): unknown {
    this.#left--;
    switch (typeof value) {
      case "string":
        return this.#text(value);
      case "function":
        return `[function ${typeof value.name === "string" ? this.#text(value.name) : ""}]`;
      case "symbol":
        return this.#text(value.toString());
      case "number":
        // JSON would make it null.
        return Number.isFinite(value) ? value : String(value);
      case "bigint":
        return this.#text(String(value));
      case "object":
        return value === null ? null : this.#guarded(() => this.#object(value));
      default:
        return value;
    }
  }

  #guarded(show: () => unknown): unknown {
    try {
      return show();
    } catch {
      return "[unreadable]";
    }
  }

  #text(text: string): string {
    const { maxStringLength, maskSecrets } = this.#limits;
    const { start, left } = maskSecrets ? maskStart(text, maxStringLength) : { start: text, left: 0 };
    if (left === 0 && start.length <= maxStringLength) return start;
    const kept = start.slice(0, maxStringLength - MARK_LENGTH);
    return `${kept}… ${count(left + start.length - kept.length)} more characters`;
  }

  #object(object: object): unknown {
    if (this.#ancestors.has(object)) return "[circular]";
    const actor = actorMark(object);
    if (actor !== undefined) return actor;
    if (object instanceof Date) return Number.isNaN(object.getTime()) ? "[invalid date]" : object.toISOString();
    if (object instanceof RegExp || object instanceof URL) return this.#text(String(object));
    if (ArrayBuffer.isView(object) || object instanceof ArrayBuffer) return `[${count(object.byteLength)} bytes]`;
    if (object instanceof Promise) return "[promise]";
    if (this.#ancestors.size >= this.#limits.maxDepth) return Array.isArray(object) ? `[array of ${count(object.length)}]` : "[object]";
    this.#ancestors.add(object);
    try {
      if (Array.isArray(object)) return this.#list(indexEntries(object), object.length);
      if (object instanceof Set) return this.#list(setEntries(object), object.size);
      if (object instanceof Map) return this.#record(mapEntries(object));
      return this.#record(object instanceof Error ? this.#entriesOf(object) : ownEntries(object));
    } finally {
      this.#ancestors.delete(object);
    }
  }

  #list(entries: Iterable<Entry>, size: number): unknown[] {
    const kept = size > this.#limits.maxEntries ? this.#limits.maxEntries - 1 : size;
    const shown: unknown[] = [];
    for (const [, read] of entries) {
      if (shown.length >= kept || this.#left <= 0) {
        shown.push(`… ${count(size - shown.length)} more`);
        break;
      }
      shown.push(this.#guarded(() => this.value(read())));
    }
    return shown;
  }

  #record(entries: Iterable<Entry>): Record<string, unknown> {
    const shown: [string, unknown][] = [];
    let taken = 0;
    let cut = 0;
    for (const [key, read] of entries) {
      taken++;
      // Past the limit entries are only counted, and not for long.
      if (taken > this.#limits.maxEntries || this.#left <= 0) {
        cut++;
        if (cut >= this.#limits.maxEntries) break;
      } else {
        shown.push([this.#text(key), this.#guarded(() => this.#field(key, read()))]);
      }
    }
    if (cut > 0) {
      if (shown.length === this.#limits.maxEntries) {
        shown.pop();
        cut++;
      }
      shown.push(["…", `${cut >= this.#limits.maxEntries ? "at least " : ""}${count(cut)} more`]);
    }
    // `fromEntries` makes a key `__proto__` a plain property.
    return Object.fromEntries(shown);
  }

  #field(key: string, value: unknown): unknown {
    return this.#limits.maskSecrets && isSecretUnder(key, value) ? REDACTED : this.value(value);
  }
}

/**
 * Parses the options once; the function it returns may be called for any number of values.
 *
 * @param entriesOf what is shown of an error
 * @throws AsimovError `invalid-options`
 */
export function redactor(options: RedactOptions = {}, entriesOf: ErrorEntries = errorEntries): (value: unknown) => unknown {
  const limits = parseOptions(schema(), options, "redact");
  return (value) => new Redactor(limits, entriesOf).value(value);
}

/**
 * A plain copy of any value that is safe to show: secrets are `"[redacted]"`, what is too deep, too wide or too long is cut with a mark.
 * Masked are values under keys such as `apiKey`, `token`, `password`, `cookie`, and texts such as bearer tokens, provider keys, JWTs and
 * passwords in URLs; numbers under `tokens` are counts, and stay. It never throws for any value, and takes time in proportion to what it keeps.
 *
 * @example
 * redact({ apiKey: "sk-12345678", usage: { tokens: 250 } }); // { apiKey: "[redacted]", usage: { tokens: 250 } }
 */
export function redact(value: unknown, options?: RedactOptions): unknown {
  return redactor(options)(value);
}
