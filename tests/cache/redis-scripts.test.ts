/** Each script of the Redis cache takes effect wholly or not at all, whichever of its commands the server refuses. */
import { describe, expect, it } from "vitest";
import { Calls } from "#cache/redis/calls";
import { RedisConnection } from "#cache/redis/connection";
import * as scripts from "#cache/redis/scripts";
import { ownRedis } from "../support/own-redis.ts";

const KEPT = "%kept";
const ARGUMENTS: Readonly<Record<keyof typeof scripts, readonly string[]>> = {
  publish: ['"new"'],
  remove: [],
  replace: ["1", "1", "2"],
  increment: ["1"],
  take: ["2"],
  putBack: ["1"],
};
const rows = Object.entries(scripts).map(([name, script]) => ({
  name: name as keyof typeof scripts,
  script,
  commands: [...new Set(Array.from(script.lua.matchAll(/'([A-Z]{3,})'/g), ([, word = ""]) => word).filter((word) => word !== "KEEPTTL"))],
}));

describe("a script of the redis cache", () => {
  const own = ownRedis();

  async function prepare(name: keyof typeof scripts): Promise<string> {
    await own.raw.flushall();
    await own.raw.set("value", "1");
    await own.raw.rpush("box", '"a"', '"b"', '"c"');
    if (name === "putBack") await own.raw.hset(KEPT, "id", '["\\"x\\"","\\"y\\""]');
    return name === "publish" || name === "take" || name === "putBack" ? "box" : "value";
  }
  async function everything(): Promise<unknown> {
    const hash = await own.raw.hgetall(KEPT);
    return [await own.raw.get("value"), await own.raw.lrange("box", 0, -1), hash, await own.raw.pttl(KEPT)];
  }
  function callsOf(connection: RedisConnection): Calls {
    const calls = new Calls(connection, KEPT);
    calls.acknowledge("arrived-before");
    return calls;
  }
  const caller = (): RedisConnection =>
    new RedisConnection({ port: Number(new URL(own.server.url).port), username: "limited", password: "pass" });

  it.each(rows)("$name leaves all as it was when one of its commands is refused, and takes effect once when it is not", async (row) => {
    expect(row.commands.length).toBeGreaterThan(3);
    for (const refused of row.commands) {
      const key = await prepare(row.name);
      const before = await everything();
      await own.raw.call("acl", "setuser", "limited", "reset", "on", ">pass", "~*", "+@all", `-${refused.toLowerCase()}`);
      const connection = caller();
      const calls = callsOf(connection);
      const ask = (): Promise<unknown> => calls.run(row.script, key, ARGUMENTS[row.name], "id");
      const error = await ask().then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      // What only tidies up may be missing.
      if (error === undefined) expect(refused).toBe("HDEL");
      else {
        expect(error).toMatchObject({ code: "cache-refused", message: expect.stringContaining("Nothing was changed.") });
        expect(await everything(), `without ${refused}`).toEqual(before);
      }
      await own.raw.call("acl", "setuser", "limited", "+@all");
      await ask();
      const after = await everything();
      expect(after).not.toEqual(before);
      // Asked again, as a reconnect does.
      await ask();
      expect((await everything()) as unknown[]).toEqual([...(after as unknown[]).slice(0, 3), expect.any(Number)]);
      await connection.close();
    }
  });

  it.each(rows)("$name is refused for want of memory only where it adds something", async (row) => {
    const key = await prepare(row.name);
    const before = await everything();
    await own.raw.config("SET", "maxmemory", "1");
    const connection = new RedisConnection({ url: own.server.url });
    const done = await callsOf(connection)
      .run(row.script, key, ARGUMENTS[row.name], "id")
      .then(
        () => true,
        (error: { message: string }) => expect(error.message).toContain("OOM"),
      );
    await own.raw.config("SET", "maxmemory", "0");
    expect(done === true).toBe(["remove", "take", "putBack"].includes(row.name));
    if (done !== true) expect(await everything()).toEqual(before);
    await connection.close();
  });
});
