/** The free names of a Lua condition, found by a lexer that knows Lua's scopes: each name is at most one key to read. */
import { type LuaToken, luaTokens } from "./lua-tokens.ts";

const TABLES: ReadonlySet<string> = new Set(["math", "string", "table", "utf8"]);
const FUNCTIONS: ReadonlySet<string> = new Set(["ipairs", "next", "pairs", "select", "tonumber", "tostring", "type"]);
/** What a condition finds besides the names of its scope; these are never read from the run's values. */
export const CONDITION_LIBRARIES: ReadonlySet<string> = new Set([...TABLES, ...FUNCTIONS]);

/** An open bracket, or an open block with the names that are local to it. */
interface Frame {
  /** The token that closes it, or for a block `end` or `until`. */
  readonly closing: string;
  readonly locals: Set<string>;
  /** Declared by a `local` statement that may not be over yet: `local x = x` reads the outer `x`. */
  pending: string[];
  /** The variables of a `for`, which belong to the block that its `do` opens. */
  loop: string[];
}

const CLOSING: Readonly<Record<string, string>> = { "(": ")", "[": "]", "{": "}" };
const STATEMENTS = new Set("break do end else elseif for function goto if local repeat return until while ; ::".split(" "));

function frame(closing: string, locals: readonly string[] = []): Frame {
  return { closing, locals: new Set(locals), pending: [], loop: [] };
}

/** Whether an expression can end with this token; a name that follows begins a new statement. */
function endsExpression(token: LuaToken | undefined): boolean {
  if (token === undefined) return false;
  if (token.kind === "symbol") return [")", "]", "}", "..."].includes(token.text);
  if (token.kind === "keyword") return ["end", "nil", "true", "false"].includes(token.text);
  return true;
}

interface NameUse {
  readonly name: LuaToken;
  /** The tokens after it, as many as there are of three. */
  readonly following: readonly LuaToken[];
}

/** Every use of a name that is read from, or written to, the environment: the libraries are included. */
export function environmentUses(source: string): NameUse[] {
  const tokens = luaTokens(source);
  const uses: NameUse[] = [];
  const frames: Frame[] = [frame("")];
  const depths = new Map<string, number>();
  let at = 0;

  const top = (): Frame => frames[frames.length - 1] as Frame;
  const text = (offset = 0): string | undefined => tokens[at + offset]?.text;
  const isName = (): boolean => tokens[at]?.kind === "name";
  const declare = (name: string): void => {
    if (top().locals.has(name)) return;
    top().locals.add(name);
    depths.set(name, (depths.get(name) ?? 0) + 1);
  };
  const open = (closing: string, locals: readonly string[] = []): void => {
    frames.push(frame(closing));
    for (const name of locals) declare(name);
  };
  const close = (closing: string): void => {
    if (frames.length === 1 || top().closing !== closing) return;
    for (const name of top().locals) depths.set(name, (depths.get(name) ?? 1) - 1);
    frames.pop();
  };
  const nameList = (): string[] => {
    const list: string[] = [];
    while (isName()) {
      list.push(text() as string);
      at += 1;
      if (text() === "<" && text(2) === ">") at += 3;
      if (text() !== ",") break;
      at += 1;
    }
    return list;
  };
  const functionBody = (implicit: readonly string[]): void => {
    const parameters: string[] = [...implicit];
    if (text() === "(") {
      at += 1;
      parameters.push(...nameList());
      if (text() === "...") at += 1;
      if (text() === ")") at += 1;
    }
    open("end", parameters);
  };

  while (at < tokens.length) {
    const token = tokens[at] as LuaToken;
    const before = tokens[at - 1];
    if (endsExpression(before) && (token.kind === "name" || STATEMENTS.has(token.text))) {
      for (const name of top().pending) declare(name);
      top().pending = [];
    }
    at += 1;
    if (token.kind === "name") {
      const isField = before?.kind === "symbol" && (before.text === "." || before.text === ":");
      const isLabel = before?.text === "goto" || (before?.text === "::" && text() === "::");
      const isKey = top().closing === "}" && text() === "=" && (before?.text === "{" || before?.text === "," || before?.text === ";");
      if (!isField && !isLabel && !isKey && (depths.get(token.text) ?? 0) === 0)
        uses.push({ name: token, following: tokens.slice(at, at + 3) });
      continue;
    }
    if (token.kind !== "keyword" && token.kind !== "symbol") continue;
    switch (token.text) {
      case "(":
      case "[":
      case "{":
        open(CLOSING[token.text] as string);
        break;
      case "function": {
        let implicit: string[] = [];
        if (isName()) {
          if ((depths.get(text() as string) ?? 0) === 0) uses.push({ name: tokens[at] as LuaToken, following: [] });
          at += 1;
          while ((text() === "." || text() === ":") && tokens[at + 1]?.kind === "name") {
            if (text() === ":") implicit = ["self"];
            at += 2;
          }
        }
        functionBody(implicit);
        break;
      }
      case "local":
        if (text() === "function" && tokens[at + 1]?.kind === "name") {
          declare(text(1) as string);
          at += 2;
          functionBody([]);
        } else {
          top().pending.push(...nameList());
        }
        break;
      case "for":
        top().loop = nameList();
        break;
      case "do": {
        const { loop } = top();
        top().loop = [];
        open("end", loop);
        break;
      }
      case "then":
        open("end");
        break;
      case "else":
        close("end");
        open("end");
        break;
      case "elseif":
        close("end");
        break;
      case "repeat":
        open("until");
        break;
      case ")":
      case "]":
      case "}":
      case "end":
      case "until":
        close(token.text);
        break;
      default:
        break;
    }
  }
  return uses;
}

/** Every name that is read from, or written to, the environment: the libraries are included. Sorted, without repetition. */
export function environmentNames(source: string): string[] {
  return [...new Set(environmentUses(source).map(({ name }) => name.text))].sort();
}

/**
 * The first use of a library's name that is neither a call of the function nor a look into the table: whoever wrote it means a value of
 * that name, which is never read.
 */
export function libraryAsValue(source: string): { name: string; isFunction: boolean; start: number } | undefined {
  for (const { name, following } of environmentUses(source)) {
    if (!CONDITION_LIBRARIES.has(name.text)) continue;
    const isFunction = FUNCTIONS.has(name.text);
    const [after] = following;
    const isMeant = isFunction
      ? after?.kind === "string" || after?.text === "(" || after?.text === "{"
      : after?.text === "." || after?.text === "[";
    if (!isMeant) return { name: name.text, isFunction, start: name.start };
  }
  return undefined;
}

/**
 * The names that a condition may read from its scope: neither local, nor a keyword, a field, a label, or a library of the sandbox.
 * Sorted, without repetition; linear time; never throws, since the compiler reports what does not parse. A name may be listed that is
 * never read, where a `local` statement cannot be told apart from its surroundings; a name that is read is never left out.
 *
 * @example
 * freeNames('n > 2 and task.params["a" .. suffix] == math.pi'); // ["n", "suffix", "task"]
 */
export function freeNames(source: string): string[] {
  return environmentNames(source).filter((name) => !CONDITION_LIBRARIES.has(name));
}
