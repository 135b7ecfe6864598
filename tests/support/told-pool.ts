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

/** As behind a pool that gives each transaction to another of its connections: what a server notifies does not arrive. */
export function deafened(pool: Pool): PostgresPool {
  const deaf = (client: PoolClient): PoolClient =>
    new Proxy(client, {
      get(target, name) {
        const found: unknown = Reflect.get(target, name);
        if (typeof found !== "function") return found;
        if (name !== "on") return found.bind(target);
        return (event: string, listener: () => void) => (event === "notification" ? target : target.on(event as "end", listener));
      },
    });
  return {
    connect: async () => deaf(await pool.connect()) as never,
    end: () => pool.end(),
    on: (event, listener) => pool.on(event, listener),
    removeListener: (event, listener) => pool.removeListener(event, listener),
  };
}

/** The pool, whose answers are looked at on their way. */
export function telling(pool: Pool, told: (rows: Record<string, unknown>[], asked: Asked) => unknown[]): PostgresPool {
  const watched = (client: PoolClient): PoolClient =>
    new Proxy(client, {
      get(target, name) {
        const found: unknown = Reflect.get(target, name);
        if (typeof found !== "function") return found;
        if (name !== "query") return found.bind(target);
        return async (query: Asked) => {
          const answer = await target.query(query);
          return { ...answer, rows: told(answer.rows ?? [], query), rowCount: answer.rowCount };
        };
      },
    });
  return {
    connect: async () => watched(await pool.connect()) as never,
    end: () => pool.end(),
    on: (event, listener) => pool.on(event, listener),
    removeListener: (event, listener) => pool.removeListener(event, listener),
  };
}
