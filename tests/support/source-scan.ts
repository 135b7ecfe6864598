/** Reads what a TypeScript file imports and does, without a compiler: comments are gone, strings cannot pretend to be code. */

export interface ImportOf {
  specifier: string;
  /** `type` leaves no trace at run time; `dynamic` loads when it is reached. */
  kind: "static" | "type" | "dynamic";
}

export interface ScannedSource {
  imports: ImportOf[];
  /** The code alone: comments are gone, every string, template and regular expression is empty. */
  code: string;
}

/** Words after which a slash begins a regular expression, as it does after most signs and not after a value. */
const BEFORE_REGEX = /(?:^|[(,=:[!&|?{};+\-*%~^<>]|\b(?:return|typeof|case|in|of|do|else|void|await|yield))\s*$/;

/** The source with comments blanked and literals replaced by `"N"`, an index into them. */
function withoutLiterals(source: string): { text: string; literals: string[] } {
  const literals: string[] = [];
  /** For each open template, the depth of braces at which its `${` was opened. */
  const templates: number[] = [];
  let text = "";
  let depth = 0;
  let at = 0;
  const keep = (literal: string): void => {
    literals.push(literal);
    text += `"${literals.length - 1}"`;
  };
  const readTemplate = (): void => {
    const start = at;
    while (at < source.length && source[at] !== "`" && !source.startsWith("${", at)) at += source[at] === "\\" ? 2 : 1;
    keep(source.slice(start, at));
    if (source[at] === "`") at++;
    else {
      at += 2;
      templates.push(depth);
      text += "+(";
    }
  };
  while (at < source.length) {
    const character = source[at] as string;
    if (source.startsWith("//", at)) {
      const end = source.indexOf("\n", at);
      at = end === -1 ? source.length : end;
    } else if (source.startsWith("/*", at)) {
      const end = source.indexOf("*/", at + 2);
      at = end === -1 ? source.length : end + 2;
      text += " ";
    } else if (character === '"' || character === "'") {
      const start = ++at;
      while (at < source.length && source[at] !== character) at += source[at] === "\\" ? 2 : 1;
      keep(source.slice(start, at++));
    } else if (character === "`") {
      at++;
      readTemplate();
    } else if (character === "}" && templates.at(-1) === depth) {
      templates.pop();
      at++;
      text += ")+";
      readTemplate();
    } else if (character === "/" && BEFORE_REGEX.test(text.slice(-20))) {
      let inClass = false;
      for (at++; at < source.length && (inClass || source[at] !== "/"); at++) {
        if (source[at] === "\\") at++;
        else if (source[at] === "[") inClass = true;
        else if (source[at] === "]") inClass = false;
      }
      at++;
      keep("");
    } else {
      if (character === "{") depth++;
      if (character === "}") depth--;
      text += character;
      at++;
    }
  }
  return { text, literals };
}

const FROM = /\b(import|export)\s+(type\s+(?!from\b))?(?:[\w$*{}\s,]+?\s*from\s*)?"(\d+)"/g;
const CALL = /\bimport\s*\(\s*"(\d+)"/g;

export function scanSource(source: string): ScannedSource {
  const { text, literals } = withoutLiterals(source);
  const named = (index: string | undefined): string => literals[Number(index)] ?? "";
  const imports: ImportOf[] = [
    ...Array.from(text.matchAll(FROM), ([, , type, index]): ImportOf => ({ specifier: named(index), kind: type ? "type" : "static" })),
    ...Array.from(text.matchAll(CALL), ([, index]): ImportOf => ({ specifier: named(index), kind: "dynamic" })),
  ];
  return { imports, code: text.replace(/"\d+"/g, '""') };
}
