/** LangGraph.js's SQLite saver on the SQLite that Node has built in, as our store is: its own driver is compiled where it is installed. */
import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import type { Saver } from "./langgraph.ts";

interface Savers {
  SqliteSaver: new (database: object) => Saver;
}

// A name that is no literal keeps compilers from looking for the package.
const packageName: string = "@langchain/langgraph-checkpoint-sqlite";
const { SqliteSaver } = (await import(packageName)) as Savers;

/** What the saver calls of `better-sqlite3`; what is acknowledged is on the disk. */
function driverOf(database: DatabaseSync): object {
  const inTransaction =
    (work: (...given: unknown[]) => unknown) =>
    (...given: unknown[]): unknown => {
      database.exec("begin");
      try {
        const value = work(...given);
        database.exec("commit");
        return value;
      } catch (error) {
        database.exec("rollback");
        throw error;
      }
    };
  const prepare = (sql: string): object => {
    const statement = database.prepare(sql);
    // An absent value is null there, and refused here.
    const bound = (values: SQLInputValue[]): SQLInputValue[] => values.map((value) => value ?? null);
    return {
      run: (...values: SQLInputValue[]) => statement.run(...bound(values)),
      get: (...values: SQLInputValue[]) => statement.get(...bound(values)),
      all: (...values: SQLInputValue[]) => statement.all(...bound(values)),
    };
  };
  return {
    exec: (sql: string) => database.exec(sql),
    pragma: (text: string) => database.exec(`pragma ${text}`),
    prepare,
    transaction: inTransaction,
  };
}

/** A saver in a file, with full durability. */
export function sqliteSaver(file: string): { saver: Saver; close(): void } {
  const database = new DatabaseSync(file);
  database.exec("pragma synchronous = full");
  return { saver: new SqliteSaver(driverOf(database)), close: () => database.close() };
}
