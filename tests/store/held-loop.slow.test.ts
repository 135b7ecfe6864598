/** The process holds its own event loop for longer than a server has to answer: the server is there, and is not blamed. */
import { RedisStore } from "asimov-agents/redis";
import { expect, inject, it } from "vitest";
import { PostgresStore } from "#store/postgres/store";
import { commitOf, newRun, owned } from "#testing/run-law";
import { hold } from "../support/held-loop.ts";
import { postgresUrl } from "../support/postgres-server.ts";

const name = (): string => `held_${crypto.randomUUID().replaceAll("-", "")}`;

it.each([
  ["Redis", 5_500, async () => new RedisStore({ url: inject("redisUrl"), prefix: `${name()}:` })],
  ["PostgreSQL", 11_000, async () => new PostgresStore({ connectionString: await postgresUrl(), schema: name() })],
] as const)("makes a step in %s, and what takes several questions", async (_, ms, make) => {
  const store = await make();
  const lease = await owned(store);
  await store.create(newRun("old"));
  const made = [store.commit(lease, commitOf(2)), store.create(newRun("new")), store.remove("old")] as const;
  // They are sent.
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
  hold(ms);
  expect(await Promise.all(made)).toMatchObject([{ ok: true }, {}, true]);
  await store.close();
});
