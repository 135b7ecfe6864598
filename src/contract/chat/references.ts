/** What the references of a schema lead to: places of the same schema, by pointer, anchor or `$id`, and nothing outside of it. */
import type { Dialect, Keywords } from "./dialects.ts";

/** The keywords of a schema that decide, and nothing else; `$ref` is a JSON pointer. */
export type Decisions = { [keyword: string]: unknown };
export type Judged = boolean | Decisions;

/** What a schema without an `$id` is called. */
export const UNNAMED = "json-schema://root/";

/** One further, as JSON pointers say it. */
export const step = (at: string, key: string): string => `${at}/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`;

function split(reference: string): [address: string, fragment: string] {
  const at = reference.indexOf("#");
  return at === -1 ? [reference, ""] : [reference.slice(0, at), decodeURIComponent(reference.slice(at + 1))];
}

const absolute = (address: string, base: string): string => (address === "" ? base : new URL(address, base).href);

export class References {
  /** Every schema, by its JSON pointer. */
  readonly schemas = new Map<string, Judged>();
  readonly #dialect: Dialect;
  readonly #places = new Map<string, string>([[UNNAMED, "#"]]);
  readonly #refs: { from: Decisions; at: string; told: string; address: string; fragment: string }[] = [];

  constructor(dialect: Dialect) {
    this.#dialect = dialect;
  }

  /** Notes what a schema calls itself. @returns what addresses within it are relative to. @throws Error */
  enter({ $id, $ref, $anchor, $dynamicAnchor }: Keywords, at: string, base: string): string {
    // What stands beside `$ref` counts for nothing there.
    if (this.#dialect === "7" && $ref !== undefined) return base;
    let own = base;
    if ($id !== undefined) {
      const [address, fragment] = split($id as string);
      own = absolute(address, base);
      if (fragment === "" || address !== "") this.#name(own, at);
      if (fragment !== "") this.#name(`${own}#${fragment}`, at);
    }
    if (this.#dialect === "7") return own;
    for (const anchor of [$anchor, $dynamicAnchor]) if (anchor !== undefined) this.#name(`${own}#${anchor}`, at);
    return own;
  }

  #name(name: string, at: string): void {
    const other = this.#places.get(name);
    if (other !== undefined && other !== at) throw new Error(`it has the same name as ${other}`);
    this.#places.set(name, at);
  }

  /** @throws Error */
  refer(from: Decisions, told: string, at: string, base: string): void {
    const [address, fragment] = split(told);
    this.#refs.push({ from, at, told, address: absolute(address, base), fragment });
  }

  /** Where each `$ref` leads, by what it then holds. @throws Error with the place of one that leads nowhere */
  resolve(): Record<string, Judged> {
    const targets: Record<string, Judged> = {};
    for (const { from, at, told, address, fragment } of this.#refs) {
      const start = this.#places.get(address);
      if (start === undefined) throw new Error(`at ${at}: "${told}" is elsewhere; put what it means under $defs`);
      const place = fragment === "" || fragment.startsWith("/") ? start + fragment : this.#places.get(`${address}#${fragment}`);
      const target = place === undefined ? undefined : this.schemas.get(place);
      if (place === undefined || target === undefined) throw new Error(`at ${at}: "${told}" leads to no schema`);
      from.$ref = place;
      targets[place] = target;
    }
    return targets;
  }
}
