/** How the parts of a stored run are named: by what they hold, behind the path of nodes whose nested graph they are of. */

/**
 * `agent`, `task`, `graph`, `order`; `cells/CHUNK`, `added/NUMBER`, `past/NUMBER`, `error/NUMBER`, `usage/KEY`, `node/NAME`; and, for the whole run, `kept/PLACE:ENTRY` and those of its values and its picture (`view`, `view-graph`, `view/NAME`, `item/INDEX/NAME`).
 * Those of a nested graph begin with its path: `@outer/inner:node/NAME`, with names as `encodeURIComponent` writes them.
 */
export const prefixOf = (path: readonly string[]): string => (path.length === 0 ? "" : `@${path.map(encodeURIComponent).join("/")}:`);

export const isOfNested = (name: string): boolean => name.startsWith("@");

/** Of a part's name: the prefix of its graph, and the rest. */
export function splitName(name: string): [prefix: string, rest: string] {
  const end = isOfNested(name) ? name.indexOf(":") + 1 : 0;
  return [name.slice(0, end), name.slice(end)];
}

/** Of the picture: one item of a node. */
export const itemPart = (node: string, index: number): string => `item/${index}/${node}`;
