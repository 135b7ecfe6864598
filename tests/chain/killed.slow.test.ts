/** A chain whose process is killed goes on in another one to the same end; what had finished is not done again. */
import { readFileSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, inject, it } from "vitest";
import type { Script } from "#testing/script";
import { startInferenceServer } from "#testing/servers/inference-server";
import type { ServedRequest } from "#testing/servers/served-request";
import { type Ended, runFile } from "../support/program.ts";
import type { KilledAgentOrder } from "./killed-agent-process.ts";

const PROCESS = fileURLToPath(new URL("./killed-process.ts", import.meta.url));
const AGENT_PROCESS = fileURLToPath(new URL("./killed-agent-process.ts", import.meta.url));

describe("a tool chain whose process was killed in a tool", () => {
  it("goes on in another process: the finished tool is not run again, and the other has the same key", async () => {
    const directory = await mkdtemp(join(tmpdir(), "chain-"));
    try {
      const killed = await runFile(PROCESS, [directory, "kill"]);
      expect(killed.signal, killed.stderr).toBe("SIGKILL");
      const resumed = await runFile(PROCESS, [directory, "resume"]);
      expect(resumed.code, resumed.stderr).toBe(0);
      expect(JSON.parse(resumed.stdout)).toEqual({ text: "Done.", iterations: 2, calls: 1 });
      const log = (await readFile(join(directory, "log"), "utf8")).trim().split("\n");
      expect(log).toEqual(["1 killed/1/a", "2 killed/1/b", "2 killed/1/b"]);
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});

/** Each client's own SDK asks a server that outlives both processes, and so counts what they ask together. */
describe("a tool chain of an agent whose process was killed, restored in another one", () => {
  const usage = { inputTokens: 10, outputTokens: 7 };
  const turn = (...steps: number[]) => ({ toolCalls: steps.map((step) => ({ name: "work", input: { step } })), usage });
  const done = { text: "Done.", usage };
  /** Of the SDKs' environment nothing may come in from outside. */
  const env = Object.fromEntries(
    Object.keys(process.env)
      .filter((name) => /^(?:ANTHROPIC|OPENAI|AWS|GOOGLE|GEMINI)_/.test(name))
      .map((name) => [name, undefined]),
  );

  async function killed(
    { client, redis }: { client: KilledAgentOrder["client"]; redis: boolean },
    script: (kill: () => void) => Script<ServedRequest>,
    killIn?: number,
  ): Promise<{ resumed: Ended; log: string[]; requests: readonly ServedRequest[] }> {
    const directory = await mkdtemp(join(tmpdir(), "chain-"));
    const kill = () => process.kill(Number(readFileSync(join(directory, "pid"), "utf8")), "SIGKILL");
    const server = await startInferenceServer(client, script(kill));
    const place = redis ? { redis: { url: inject("redisUrl"), prefix: directory } } : {};
    const order: KilledAgentOrder = { directory, client, url: server.url, isResumed: false, ...place };
    try {
      const first = await runFile(AGENT_PROCESS, [JSON.stringify({ ...order, killIn })], { env });
      expect(first.signal, first.stderr).toBe("SIGKILL");
      const resumed = await runFile(AGENT_PROCESS, [JSON.stringify({ ...order, isResumed: true })], { env });
      expect(resumed.code, resumed.stderr).toBe(0);
      server.assertDone();
      return { resumed, log: (await readFile(join(directory, "log"), "utf8")).trim().split("\n"), requests: server.requests };
    } finally {
      await server.close();
      await rm(directory, { recursive: true });
    }
  }

  it.each([
    { client: "anthropic", redis: false },
    { client: "bedrock", redis: true },
    { client: "gemini", redis: false },
    { client: "openai-responses", redis: true },
  ] as const)("runs no ended tool again, and hands the others the same keys: $client, Redis: $redis", async (row) => {
    const { resumed, log, requests } = await killed(row, () => [turn(1, 2, 3), turn(4), done], 3);
    expect(JSON.parse(resumed.stdout)).toEqual({
      status: "COMPLETE",
      result: { text: "Done.", iterations: 3, messages: 6 },
      outputTokens: 21,
    });
    const starts = log.filter((line) => line.includes("starts")).map((line) => line.split(" ") as [string, string, string]);
    expect(starts.map(([step]) => step).sort()).toEqual(["1", "2", "2", "3", "3", "4"]);
    expect(new Set(starts.map(([, , key]) => key)).size).toBe(4);
    expect(log.filter((line) => line.endsWith("ends")).sort()).toEqual(["1 ends", "2 ends", "3 ends", "4 ends"]);
    expect(requests).toHaveLength(3);
  });

  it.each([
    { client: "anthropic", redis: true },
    { client: "bedrock", redis: false },
    { client: "gemini", redis: true },
    { client: "openai-responses", redis: false },
  ] as const)("asks again what was not answered, byte for byte, and nothing else: $client, Redis: $redis", async (row) => {
    const killer = (kill: () => void) => () => {
      kill();
      return "late";
    };
    const { resumed, log, requests } = await killed(row, (kill) => [turn(1, 2), killer(kill), done]);
    expect(JSON.parse(resumed.stdout)).toMatchObject({ status: "COMPLETE", result: { text: "Done.", iterations: 2 }, outputTokens: 14 });
    expect(log.filter((line) => line.includes("starts"))).toHaveLength(2);
    expect(requests).toHaveLength(3);
    expect(JSON.stringify(requests[2]?.body)).toBe(JSON.stringify(requests[1]?.body));
  });
});
