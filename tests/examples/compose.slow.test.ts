/** The servers of the compose file, started with its words and Debian's programs: the stories of the examples are told on them. */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { startPostgresServer } from "../support/postgres-server.ts";
import { ROOT, runFile } from "../support/program.ts";
import { startRedisServer } from "../support/redis-server.ts";

const text = await readFile(join(ROOT, "examples/workers/compose.yaml"), "utf8");

/** What the file starts, without the program's own name. */
function wordsOf(program: string): string[] {
  const [, words] = new RegExp(`command: (\\["${program}".*\\])`).exec(text) ?? [];
  const [name, ...rest] = JSON.parse(words ?? "[]") as string[];
  expect(name).toBe(program);
  return rest;
}

const tell = async (file: string, env: Record<string, string | undefined>): Promise<void> => {
  const { stdout, stderr, code } = await runFile(join(ROOT, "examples", file), [], { env });
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toContain("12 of 12 are COMPLETE\n");
};

describe("examples/workers/compose.yaml", () => {
  it("starts a Redis that keeps what it acknowledged, on which the story of BullMQ holds", { timeout: 120_000 }, async () => {
    const words = wordsOf("redis-server");
    expect(words.join(" ")).toContain("--maxmemory-policy noeviction --appendonly yes --appendfsync always");
    const server = await startRedisServer(undefined, words);
    await tell("17-workers-on-bullmq.ts", { REDIS_URL: server.url, DATABASE_URL: undefined });
    await server.stop();
  });

  it("starts a PostgreSQL that keeps what it acknowledged, on which the other one holds", { timeout: 120_000 }, async () => {
    const words = wordsOf("postgres");
    expect(words).toEqual(expect.arrayContaining(["fsync=on", "synchronous_commit=on"]));
    const server = await startPostgresServer(...words.filter((word) => word !== "-c"));
    await tell("18-workers-on-postgres.ts", { DATABASE_URL: server.url, REDIS_URL: undefined });
    await server.stop();
  });

  it("names programs that there are", () => {
    const programs = [...text.matchAll(/\["node", "([\w-]+\.ts)"\]/g)].map(([, file = ""]) => file);
    expect(programs.sort()).toEqual(["web.ts", "worker.ts"]);
    for (const file of programs) expect(existsSync(join(ROOT, "examples/workers", file))).toBe(true);
  });
});
