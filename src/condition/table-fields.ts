/** Which fields of a table a condition reads, so that no more than those is copied for it. */
import { environmentUses } from "./lua-names.ts";
import type { LuaToken } from "./lua-tokens.ts";

/** The field that these tokens after a table's name look up, where they say which. */
function fieldOf([first, second, third]: readonly (LuaToken | undefined)[]): string | undefined {
  if (first?.text === "." && second?.kind === "name") return second.text;
  const quoted = first?.text === "[" && second?.kind === "string" && third?.text === "]" ? second.text : undefined;
  // A long string, or one with an escape, is left to Lua.
  return quoted !== undefined && /^["'][^\\]*["']$/.test(quoted) ? quoted.slice(1, -1) : undefined;
}

/** Sorted, without repetition; undefined where any field may be read, as by `pairs(results)`. */
export function tableFields(source: string, table: string): readonly string[] | undefined {
  const fields = new Set<string>();
  for (const { name, following } of environmentUses(source)) {
    if (name.text !== table) continue;
    const field = fieldOf(following);
    if (field === undefined) return undefined;
    fields.add(field);
  }
  return [...fields].sort();
}
