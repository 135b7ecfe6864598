/** Pools of `pg` as a test wants them: what is asked of them is noted or changed on its way. */
import type { Pool, PoolClient } from "pg";
import type { PostgresPool } from "#store/postgres/options";

export interface Asked {
  text: string;
  values?: unknown[];
}

/** Notes each statement. */
export const noting =
  (texts: string[]) =>
  (rows: Record<string, unknown>[], { text }: Asked): unknown[] => {
    texts.push(text);
    return rows;
  };

/** The pool, with one method of its clients in place of theirs. */
function replacing(pool: Pool, method: "on" | "query", replacement: (client: PoolClient) => unknown): PostgresPool {
  const replaced = (client: PoolClient): PoolClient =>
    new Proxy(client, {
      get(target, name) {
        const found: unknown = Reflect.get(target, name);
        if (typeof found !== "function") return found;
        return name === method ? replacement(target) : found.bind(target);
      },
    });
  return {
    connect: async () => replaced(await pool.connect()) as never,
    end: () => pool.end(),
    on: (event, listener) => pool.on(event, listener),
    removeListener: (event, listener) => pool.removeListener(event, listener),
  };
}

/** As behind a pool that gives each transaction to another of its connections: what a server notifies does not arrive. */
export const deafened = (pool: Pool): PostgresPool =>
  replacing(
    pool,
    "on",
    (client) => (event: string, listener: () => void) => (event === "notification" ? client : client.on(event as "end", listener)),
  );

/** The pool, whose answers are looked at on their way. */
export const telling = (pool: Pool, told: (rows: Record<string, unknown>[], asked: Asked) => unknown[]): PostgresPool =>
  replacing(pool, "query", (client) => async (query: Asked) => {
    const answer = await client.query(query);
    return { ...answer, rows: told(answer.rows ?? [], query), rowCount: answer.rowCount };
  });
