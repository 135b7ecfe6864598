/** The entry point `asimov-agents/postgres`: the runs in PostgreSQL; it needs the package `pg`. */
export type { PostgresClient, PostgresPool, PostgresStoreOptions } from "./store/postgres/options.ts";
export { PostgresStore } from "./store/postgres/store.ts";
