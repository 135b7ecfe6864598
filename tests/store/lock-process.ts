/** A process that holds a database of SQLite until its standard input ends. */
import { DatabaseSync } from "node:sqlite";

const [file] = process.argv.slice(2) as [string];
const database = new DatabaseSync(file);
database.exec("pragma busy_timeout = 60000; begin immediate");
console.log("held");
process.stdin.resume().on("end", () => {
  database.exec("commit");
  database.close();
});
