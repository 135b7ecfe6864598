/** The PostgreSQL server that tests share, for the processes that they start, too. */
export const VARIABLE = "ASIMOV_TEST_POSTGRES_URL";

export function postgresOfTests(): string {
  const url = process.env[VARIABLE];
  if (url === undefined) throw new Error(`${VARIABLE} is not set: await \`postgresUrl()\` first, which starts the server.`);
  return url;
}
