/** Statements with their values, and how columns are read. */
import type { PostgresQuery } from "./options.ts";
import { untagged } from "./sealed.ts";

export interface Result {
  rows: Row[];
  /** How many rows were found or changed. */
  count: number;
}

/** Numbers, booleans and bytes as such, all else as text. */
export type Row = Record<string, unknown>;

/** One that is sent, or several at once; its first line says what it is, on the server, too (`pg_stat_activity`). */
export interface Statement {
  readonly name: string;
  readonly text: string;
}

/**
 * @param name what it does
 * @param gives its rows, or "nothing"
 * @example statement({ name: "read a run", gives: "its row, if there is one", sql: "select * from :runs where key = $1" })
 */
export const statement = ({ name, gives, sql }: { name: string; gives: string; sql: string }): Statement => ({
  name,
  text: `/* ${name}: gives ${gives} */\n${sql}`,
});

/** Runs one statement on the connection of a transaction. */
export type Run = (statement: Statement, values?: readonly unknown[]) => Promise<Result>;

/** The moment, by the server's clock, each time that it is asked. */
export const NOW = "floor(extract(epoch from clock_timestamp()) * 1000)::bigint";

const HEX = "\\x";

export function bytesOf(text: string): Buffer {
  if (text.startsWith(HEX)) return Buffer.from(text.slice(HEX.length), "hex");
  // As `bytea_output = escape` writes it.
  return Buffer.from(
    text.replaceAll(/\\(\\|[0-7]{3})/g, (_, code: string) => (code === "\\" ? code : String.fromCharCode(Number.parseInt(code, 8)))),
    "latin1",
  );
}

/** By the number of the type. */
const PARSERS: Readonly<Record<number, (text: string) => unknown>> = {
  16: (text) => text === "t",
  17: (text) => untagged(bytesOf(text)),
  20: Number,
  23: Number,
};

const asText = (text: string): string => text;

const types: NonNullable<PostgresQuery["types"]> = { getTypeParser: (oid) => PARSERS[oid] ?? asText };

export const queryOf = (text: string, values: readonly unknown[] = []): PostgresQuery => ({ text, values: [...values], types });

/** The values of a statement that is put together. */
export class Values {
  readonly list: unknown[] = [];

  /** @returns how the statement names it */
  add(value: unknown): string {
    this.list.push(value);
    return `$${this.list.length}`;
  }
}
