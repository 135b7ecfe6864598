/** A process that does nothing but follow a run of another one: it says what the run tells, until it has ended. */
import { FileStore, Runs } from "asimov-agents";
import { SqliteStore } from "asimov-agents/sqlite";

const [kind, place, taskId] = process.argv.slice(2) as [string, string, string];
const runs = new Runs(kind === "SQLite" ? new SqliteStore({ file: place }) : new FileStore({ dir: place }));
for await (const { type } of runs.events(taskId)) console.log(type);
