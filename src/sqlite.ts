/** The entry point `asimov-agents/sqlite`: runs in a file of SQLite; it needs a Node that has `node:sqlite` (22.13 or newer). */
export { SqliteStore, type SqliteStoreOptions } from "./store/sqlite/store.ts";
