/** Many rows as the values of one statement. */
import type { Sealed } from "#contract/store/run-record";
import { Blob } from "./sealed.ts";
import type { Run } from "./statement.ts";

type Type = "uuid" | "bigint" | "text" | "boolean";

/** By the names of the columns. */
export type Columns<Item> = Readonly<
  Record<string, readonly [type: Type, of: (item: Item) => unknown] | readonly [type: "sealed", of: (item: Item) => Sealed | undefined]>
>;

export interface Given {
  /** A relation of those columns, with the name `given`. */
  from: string;
  values: unknown[];
}

export function given<Item>(items: readonly Item[], columns: Columns<Item>): Given {
  const values: unknown[] = [];
  const [arrays, names, selected] = [[] as string[], [] as string[], [] as string[]];
  const add = (name: string, type: string, list: unknown[]): void => {
    values.push(list);
    arrays.push(`$${values.length}::${type}[]`);
    names.push(name);
  };
  const blobs: (() => void)[] = [];
  for (const [name, [type, of]] of Object.entries(columns)) {
    if (type !== "sealed") {
      add(name, type, items.map(of));
      selected.push(`n.${name}`);
      continue;
    }
    const blob = new Blob();
    for (const item of items) blob.add(of(item));
    add(`${name}_at`, "int", blob.at);
    add(`${name}_size`, "int", blob.size);
    blobs.push(() => {
      values.push(blob.value);
      selected.push(`substring($${values.length}::bytea from n.${name}_at for n.${name}_size) as ${name}`);
    });
  }
  for (const addBlob of blobs) addBlob();
  return { from: `(select ${selected.join(", ")} from unnest(${arrays.join(", ")}) as n (${names.join(", ")})) as given`, values };
}

/** @returns how many rows there are more */
export async function insertInto<Item>(
  run: Run,
  table: string,
  items: readonly Item[],
  columns: Columns<Item>,
  more = "",
): Promise<number> {
  if (items.length === 0) return 0;
  const { from, values } = given(items, columns);
  const names = Object.keys(columns).join(", ");
  return (await run(`insert into :${table} (${names}) select ${names} from ${from} ${more}`, values)).count;
}
