/** The texts of one graph's parts: found by kind, and read as what they must be. */
import type * as z from "zod/mini";
import { messageOf, SnapshotError } from "#contract/base/errors";
import { lazily } from "#contract/base/lazily";
import { parseOptions } from "#contract/base/options";

/** By name, without the prefix of the graph. */
export type Parts = ReadonlyMap<string, string>;

/** Throws what is wrong with a value. */
export type Shape = (value: unknown) => void;

/** By a schema, which checks alone: what it would copy is a whole run. */
export function schemaShape(make: () => z.ZodMiniType): Shape {
  const schema = lazily(make);
  return (value) => void parseOptions(schema(), value, "Its shape");
}

/** By hand: of what there is as much of as of nodes, schemas would take a third of a restore. */
export const checkedShape =
  (is: (value: unknown) => boolean, expected: string): Shape =>
  (value) => {
    if (!is(value)) throw new TypeError(`Its shape: expected ${expected}.`);
  };

export class PartTexts {
  readonly all: Parts;
  /** Of each kind, such as `node/`, what follows it in the names of its parts. */
  #names: Map<string, string[]> | undefined;

  constructor(all: Parts) {
    this.all = all;
  }

  names(kind: string): readonly string[] {
    this.#names ??= namesByKind(this.all.keys());
    return this.#names.get(kind) ?? [];
  }

  /** In rising order. */
  numbers(kind: string): number[] {
    return this.names(kind)
      .map(Number)
      .sort((a, b) => a - b);
  }

  /** @throws SnapshotError `snapshot-damaged` */
  read<T>(name: string, shape: Shape): T {
    const value = this.find<T>(name, shape);
    if (value === undefined) throw damaged(`it holds no part "${name}"`);
    return value;
  }

  /** Undefined where there is none. @throws SnapshotError `snapshot-damaged` */
  find<T>(name: string, shape: Shape): T | undefined {
    const text = this.all.get(name);
    if (text === undefined) return undefined;
    try {
      const value: T = JSON.parse(text);
      shape(value);
      return value;
    } catch (error) {
      throw damaged(`part "${name}" cannot be read: ${messageOf(error)}`, error);
    }
  }
}

function namesByKind(names: Iterable<string>): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const name of names) {
    const end = name.indexOf("/") + 1;
    const kind = name.slice(0, end);
    const known = found.get(kind);
    if (known === undefined) found.set(kind, [name.slice(end)]);
    else known.push(name.slice(end));
  }
  return found;
}

export const damaged = (what: string, cause?: unknown): SnapshotError =>
  new SnapshotError(`The snapshot is damaged: ${what}.`, { code: "snapshot-damaged", cause });
