/** The PostgreSQL server that tests share, for the processes that they start, too. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** Its address, or the folder that holds that once it is started. */
export const VARIABLE = "ASIMOV_TEST_POSTGRES";

export const addressIn = (folder: string): string => join(folder, "url");

export function postgresOfTests(): string {
  const given = process.env[VARIABLE];
  if (given === undefined) throw new Error(`${VARIABLE} is not set: only vitest's global setup sets it.`);
  return given.startsWith("postgres") ? given : readFileSync(addressIn(given), "utf8");
}
