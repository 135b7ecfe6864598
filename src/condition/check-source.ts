/** Refuses what is not one Lua expression, and says where Lua stops to understand it. */
import { ConditionError } from "#contract/base/errors";
import { libraryAsValue } from "./lua-names.ts";
import { type LuaToken, luaTokens } from "./lua-tokens.ts";

const MAX_SOURCE_BYTES = 4096;
const MAX_SHOWN = 200;
/** The source stays on the line where it was written; a comment at its end is ended by the line feed. */
const BEFORE = "return function(_ENV) return (";
const AFTER = "\n) end";
const CLOSING: Readonly<Record<string, string>> = { "(": ")", "[": "]", "{": "}" };

/** A condition as messages show it: whole, or its beginning. */
export function shown(source: string): string {
  return source.length <= MAX_SHOWN ? `\`${source}\`` : `\`${source.slice(0, MAX_SHOWN)}…\` (${source.length} characters)`;
}

/** The Lua text whose result is a function of its environment. */
export function functionText(source: string): string {
  return BEFORE + source + AFTER;
}

/** Lua's message without the name of the chunk; the line is kept where there is more than one. */
export function plainMessage(message: string, source: string): string {
  return message.replace(/^condition:(\d+): /, /[\r\n]/.test(source) ? "line $1: " : "");
}

function position(source: string, offset: number): string {
  const lines = source.slice(0, offset).split(/\r\n|\n\r|\n|\r/);
  return `line ${lines.length}, column ${(lines.at(-1) as string).length + 1}`;
}

function refuse(source: string, reason: string): never {
  throw new ConditionError(`${reason} A condition is one Lua 5.4 expression, such as \`n > 2 and task.params.ready == true\`.`, {
    code: "condition-syntax",
    condition: source,
  });
}

/** @throws ConditionError `condition-name` for a value under the name of a function of Lua, which is never read */
export function checkNames(source: string): void {
  const found = libraryAsValue(source);
  if (found === undefined) return;
  const { name, isFunction, start } = found;
  const use = isFunction
    ? `is Lua's function, and is there to be called: \`${name}(…)\``
    : "is Lua's library, and is there for its functions";
  throw new ConditionError(
    `The condition ${shown(source)} takes \`${name}\` for a value at ${position(source, start)}; in a condition \`${name}\` ${use}. ` +
      `A value of that name is \`values.${name}\`.`,
    { code: "condition-name", condition: source },
  );
}

/** @throws ConditionError `condition-syntax` for what need not, or must not, be given to the compiler */
export function checkSource(source: unknown): asserts source is string {
  if (typeof source !== "string")
    refuse("", `A condition must be a string; it is ${source === null ? "null" : `of type ${typeof source}`}.`);
  const size = source.length > MAX_SOURCE_BYTES ? source.length : new TextEncoder().encode(source).length;
  if (size > MAX_SOURCE_BYTES) refuse(source, `The condition ${shown(source)} is longer than ${MAX_SOURCE_BYTES} bytes.`);
  if (source.startsWith("\x1b")) refuse(source, "The condition is compiled Lua, which is never run.");
  const tokens = luaTokens(source);
  if (tokens.length === 0) refuse(source, "The condition is empty.");
  checkTokens(source, tokens);
}

/** Brackets that are balanced at every point keep the expression inside the brackets that the engine puts around it. */
function checkTokens(source: string, tokens: readonly LuaToken[]): void {
  const open: string[] = [];
  for (const [index, token] of tokens.entries()) {
    const fault = (what: string): never =>
      refuse(source, `The condition ${shown(source)} has a syntax error at ${position(source, token.start)}: ${what}.`);
    if (token.kind === "name" && token.text === "_ENV") {
      const before = tokens[index - 1]?.text;
      if (before !== "." && before !== ":") fault("`_ENV` cannot be used, since names are read before the condition runs");
    }
    if (token.kind !== "symbol") continue;
    const closing = CLOSING[token.text];
    if (closing !== undefined) open.push(closing);
    else if ([")", "]", "}"].includes(token.text) && open.pop() !== token.text) fault(`unexpected '${token.text}'`);
  }
}

function isInBrackets(tokens: readonly LuaToken[]): boolean {
  let depth = 0;
  for (const { kind, text } of tokens) {
    if (kind !== "symbol") continue;
    if (CLOSING[text] !== undefined) depth += 1;
    else if (text === ")" || text === "]" || text === "}") depth -= 1;
  }
  return depth > 0;
}

/**
 * The error for a source that does not compile. Its position is the end of the shortest run of tokens that cannot be the beginning of
 * an expression: whatever could be, fails at the end of the text only.
 */
export function syntaxError(source: string, message: string, check: (text: string) => string | undefined): ConditionError {
  const tokens = luaTokens(source);
  const failsAt = (count: number): boolean => {
    const found = check(BEFORE + source.slice(0, (tokens[count - 1] as LuaToken).end));
    return found !== undefined && !found.endsWith("near <eof>");
  };
  let low = 1;
  let high = tokens.length + 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (failsAt(middle)) high = middle;
    else low = middle + 1;
  }
  const offending = tokens[low - 1] ?? tokens.find((token) => token.kind === "malformed");
  const last = tokens.at(-1) as LuaToken;
  let reason = plainMessage(message, "");
  if (offending === undefined) reason = plainMessage(check(BEFORE + source) ?? message, "").replace("<eof>", "the end");
  else if (reason.startsWith("')' expected") && !isInBrackets(tokens.slice(0, low - 1)))
    reason = `unexpected '${offending.text}' after the expression`;
  return new ConditionError(
    `The condition ${shown(source)} has a syntax error at ${position(source, offending?.start ?? last.end)}: ${reason}. ` +
      "A condition is one Lua 5.4 expression, such as `n > 2 and task.params.ready == true`.",
    { code: "condition-syntax", condition: source },
  );
}
