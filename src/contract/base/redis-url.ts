/** Addresses of Redis: which database one names is asked of the server in so many words, since ioredis goes on in another where that one is refused. */
import * as z from "zod/mini";

const DATABASE = /^\/?(\d*)$/;

export const redisUrl = () =>
  z.url({ protocol: /^rediss?$/, error: "expected a URL that starts with redis:// or rediss://" }).check(
    z.refine((text) => !URL.canParse(text) || DATABASE.test(new URL(text).pathname), {
      error: "expected the number of a database behind the address, as in redis://localhost:6379/2",
    }),
  );

/** The address without its database, and that; 0 is where each connection begins. */
export function databaseOf(text: string): { url: string; database: number } {
  const url = new URL(text);
  const [, database = ""] = DATABASE.exec(url.pathname) ?? [];
  const named = url.searchParams.get("db") ?? "";
  url.pathname = "";
  url.searchParams.delete("db");
  return { url: url.href, database: Number(database || named) };
}
