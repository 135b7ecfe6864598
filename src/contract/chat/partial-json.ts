/** Reads a piece of JSON text as far as it goes, in linear time and without recursion: for showing what streams, never for acting on it. */

/** What is nested deeper is not read: those who show or copy the value recurse. */
const MAX_DEPTH = 1000;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const LETTER_U = 0x75;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const HEX_4 = /[\dA-Fa-f]{4}/y;
const WORDS: readonly (readonly [string, unknown])[] = [
  ["true", true],
  ["false", false],
  ["null", null],
];

/** A container that is open; `key` is the one that waits for its value. */
type Open = { list: unknown[] } | { record: Record<string, unknown>; key: string | undefined };

/**
 * The value of JSON text that may end anywhere: strings, lists and objects that are open are closed, and a scalar or an escape
 * that is not whole is left out. Of text that is no JSON, what came before the fault.
 *
 * @returns `undefined` when there is nothing yet
 * @example
 * previewJson('{"path":"src/a.ts","lines":[1,2,tr'); // { path: "src/a.ts", lines: [1, 2] }
 */
export function previewJson(text: string): unknown {
  return new PrefixReader(text).read();
}

class PrefixReader {
  readonly #text: string;
  readonly #open: Open[] = [];
  #at = 0;
  #root: unknown;

  constructor(text: string) {
    this.#text = text;
  }

  read(): unknown {
    if (this.#readValue()) while (this.#open.length > 0 && this.#step());
    return this.#root;
  }

  /** Reads one entry of the innermost container, or its end. @returns whether more may follow */
  #step(): boolean {
    const open = this.#open.at(-1) as Open;
    const isList = "list" in open;
    const isEmpty = isList ? open.list.length === 0 : open.key === undefined;
    if (this.#takes(isList ? "]" : "}")) {
      this.#open.pop();
      return true;
    }
    if (!isEmpty && !this.#takes(",")) return false;
    if (isList) return this.#readValue();
    this.#skipSpace();
    if (this.#text.charCodeAt(this.#at) !== QUOTE) return false;
    const key = this.#readString();
    if (!key.isWhole || !this.#takes(":")) return false;
    open.key = key.value;
    return this.#readValue();
  }

  /** Reads a scalar, or the start of a container. @returns whether it was whole, so that reading goes on */
  #readValue(): boolean {
    this.#skipSpace();
    const text = this.#text;
    const first = text[this.#at];
    if (first === "{" || first === "[") {
      if (this.#open.length >= MAX_DEPTH) return false;
      this.#at++;
      const open: Open = first === "[" ? { list: [] } : { record: {}, key: undefined };
      this.#put("list" in open ? open.list : open.record);
      this.#open.push(open);
      return true;
    }
    if (first === '"') {
      const { value, isWhole } = this.#readString();
      this.#put(value);
      return isWhole;
    }
    for (const [word, value] of WORDS) {
      if (text.startsWith(word, this.#at)) {
        this.#at += word.length;
        this.#put(value);
        return true;
      }
    }
    return this.#readNumber();
  }

  #readNumber(): boolean {
    NUMBER.lastIndex = this.#at;
    const digits = NUMBER.exec(this.#text)?.[0];
    if (digits === undefined) return false;
    const next = this.#text[this.#at + digits.length];
    // The number goes on in a way that is not whole, as in `1.` and `1e`, or is none, as in `01`.
    if (next !== undefined && /[\w.+-]/.test(next)) return false;
    this.#at += digits.length;
    this.#put(Number(digits));
    return true;
  }

  /** From the opening quote on. */
  #readString(): { value: string; isWhole: boolean } {
    const text = this.#text;
    const start = this.#at + 1;
    let end = start;
    let isEscaped = false;
    for (;;) {
      const unit = text.charCodeAt(end);
      // At the end of the text it is NaN; control characters are no JSON.
      if (!(unit >= 0x20) || unit === QUOTE) break;
      if (unit !== BACKSLASH) {
        end++;
        continue;
      }
      const length = this.#escapeAt(end);
      if (length === 0) break;
      isEscaped = true;
      end += length;
    }
    const isWhole = text.charCodeAt(end) === QUOTE;
    this.#at = end + 1;
    const raw = text.slice(start, end);
    const value = isEscaped ? (JSON.parse(`"${raw}"`) as string) : raw;
    // The other half of the pair is still to come.
    return { value: isWhole ? value : value.replace(/[\ud800-\udbff]$/, ""), isWhole };
  }

  /** @returns how long the escape is; 0 when it is not whole or none */
  #escapeAt(at: number): number {
    const kind = this.#text.charCodeAt(at + 1);
    if (kind !== LETTER_U) return '"\\/bfnrt'.includes(this.#text[at + 1] ?? "?") ? 2 : 0;
    HEX_4.lastIndex = at + 2;
    return HEX_4.test(this.#text) ? 6 : 0;
  }

  #put(value: unknown): void {
    const open = this.#open.at(-1);
    if (open === undefined) this.#root = value;
    else if ("list" in open) open.list.push(value);
    // As `JSON.parse` does: a key `__proto__` is a key like any other.
    else Object.defineProperty(open.record, open.key as string, { value, enumerable: true, writable: true, configurable: true });
  }

  #takes(mark: string): boolean {
    this.#skipSpace();
    if (this.#text[this.#at] !== mark) return false;
    this.#at++;
    return true;
  }

  #skipSpace(): void {
    while (" \t\n\r".includes(this.#text[this.#at] ?? "?")) this.#at++;
  }
}
