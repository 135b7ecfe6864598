/** Walks a value and copies what may be shown of it; browsers have it without the library that checks options. */
import { isSecretUnder, maskStart, REDACTED } from "./secrets.ts";

/** See `RedactOptions`. */
export interface RedactLimits {
  readonly maxDepth: number;
  readonly maxEntries: number;
  readonly maxStringLength: number;
  readonly maxValues: number;
  readonly maskSecrets: boolean;
}

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
export function* errorEntries(error: Error): Iterable<Entry> {
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

export type ErrorEntries = (error: Error) => Iterable<Entry>;

export class Redactor {
  readonly #limits: RedactLimits;
  readonly #entriesOf: ErrorEntries;
  readonly #ancestors = new Set<object>();
  #left: number;

  constructor(limits: RedactLimits, entriesOf: ErrorEntries) {
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
