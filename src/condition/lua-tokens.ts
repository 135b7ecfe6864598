/** A lexer for Lua 5.4 that takes linear time and never throws: what Lua itself would refuse becomes a token of kind `malformed`. */

export type LuaTokenKind = "name" | "keyword" | "string" | "number" | "symbol" | "malformed";

export interface LuaToken {
  readonly kind: LuaTokenKind;
  readonly text: string;
  /** Offset of the first character, in UTF-16 units. */
  readonly start: number;
  readonly end: number;
}

const KEYWORDS = new Set(
  "and break do else elseif end false for function goto if in local nil not or repeat return then true until while".split(" "),
);
const SPACE = /[ \t\v\f\r\n]+/y;
const NAME = /[A-Za-z_][A-Za-z0-9_]*/y;
/** As greedy as Lua's own reader, which takes `3..2` and `0xg` for one malformed number. */
const NUMBER = /0[xX](?:[pP][+-]?|[0-9A-Fa-f.])*\w*|\.?[0-9](?:[eE][+-]?|[0-9A-Fa-f.])*\w*/y;
const GOOD_NUMBER =
  /^(?:0[xX](?:[0-9A-Fa-f]+(?:\.[0-9A-Fa-f]*)?|\.[0-9A-Fa-f]+)(?:[pP][+-]?[0-9]+)?|(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)$/;
const SYMBOL = /\.\.\.|\.\.|==|~=|<=|>=|<<|>>|\/\/|::|[-+*/%^#&~|<>=(){}[\];:,.]/y;
const LONG_OPENING = /\[(=*)\[/y;
function match(pattern: RegExp, source: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(source);
}

/** Where the string that opens at `at` ends. After a backslash every character is taken, and `\\z` skips the white space after it. */
function quotedEnd(source: string, at: number): { end: number; closed: boolean } {
  const quote = source[at];
  let end = at + 1;
  while (end < source.length) {
    const char = source[end];
    if (char === quote) return { end: end + 1, closed: true };
    if (char === "\n" || char === "\r") break;
    if (char !== "\\") {
      end += 1;
      continue;
    }
    const escaped = source.slice(end + 1, end + 3);
    end += escaped === "\r\n" || escaped === "\n\r" ? 3 : 2;
    if (escaped[0] === "z") end += match(SPACE, source, end)?.[0].length ?? 0;
  }
  return { end: Math.min(end, source.length), closed: false };
}

/** The tokens of a Lua source; white space and comments are left out. */
export function luaTokens(source: string): LuaToken[] {
  const tokens: LuaToken[] = [];
  let at = 0;
  const take = (kind: LuaTokenKind, end: number): void => {
    tokens.push({ kind, text: source.slice(at, end), start: at, end });
    at = end;
  };
  const longEnd = (opening: RegExpExecArray): { end: number; closed: boolean } => {
    const closing = `]${opening[1]}]`;
    const found = source.indexOf(closing, opening.index + opening[0].length);
    return found < 0 ? { end: source.length, closed: false } : { end: found + closing.length, closed: true };
  };

  while (at < source.length) {
    const space = match(SPACE, source, at);
    if (space !== null) {
      at += space[0].length;
      continue;
    }
    if (source.startsWith("--", at)) {
      const opening = match(LONG_OPENING, source, at + 2);
      if (opening === null) {
        while (at < source.length && source[at] !== "\n" && source[at] !== "\r") at += 1;
        continue;
      }
      const { end, closed } = longEnd(opening);
      if (closed) at = end;
      else take("malformed", end);
      continue;
    }
    const char = source[at] as string;
    const name = match(NAME, source, at);
    if (name !== null) {
      take(KEYWORDS.has(name[0]) ? "keyword" : "name", at + name[0].length);
      continue;
    }
    const number = match(NUMBER, source, at);
    if (number !== null) {
      take(GOOD_NUMBER.test(number[0]) ? "number" : "malformed", at + number[0].length);
      continue;
    }
    if (char === '"' || char === "'") {
      const { end, closed } = quotedEnd(source, at);
      take(closed ? "string" : "malformed", end);
      continue;
    }
    const opening = match(LONG_OPENING, source, at);
    if (opening !== null) {
      const { end, closed } = longEnd(opening);
      take(closed ? "string" : "malformed", end);
      continue;
    }
    const symbol = match(SYMBOL, source, at);
    if (symbol !== null) take("symbol", at + symbol[0].length);
    else take("malformed", at + ((source.codePointAt(at) as number) > 0xffff ? 2 : 1));
  }
  return tokens;
}
