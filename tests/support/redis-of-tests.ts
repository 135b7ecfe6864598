/** The Redis server of the test run, for the processes that tests start, too. */
export const VARIABLE = "ASIMOV_TEST_REDIS_URL";

export function redisOfTests(): string {
  const url = process.env[VARIABLE];
  if (url === undefined) throw new Error(`${VARIABLE} is not set: only vitest's global setup starts a server.`);
  return url;
}
