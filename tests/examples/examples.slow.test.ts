import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, inject, it } from "vitest";
import type { Script } from "#testing/script";
import { type InferenceServerFormat, startInferenceServer } from "#testing/servers/inference-server";
import type { ServedRequest } from "#testing/servers/served-request";
import { postgresUrl } from "../support/postgres-server.ts";
import { type ProgramOptions, ROOT, run, runFile } from "../support/program.ts";

const folder = join(ROOT, "examples");
const files = (await readdir(folder)).filter((name) => /^\d\d-.*\.ts$/.test(name)).sort();

/** What the program printed; it has ended well, and complained of nothing. */
async function linesOf(name: string, options?: ProgramOptions): Promise<string[]> {
  const { stdout, stderr, code } = await runFile(join(folder, name), [], options);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return stdout.trimEnd().split("\n");
}

describe("examples", () => {
  it("are those that the tests below run", () => {
    expect(files).toEqual([
      "01-text-agent.ts",
      "02-fan-out-and-join.ts",
      "03-dynamic-nodes.ts",
      "04-middlewares.ts",
      "05-mailboxes-on-redis.ts",
      "06-resume-after-kill.ts",
      "07-embed-in-your-machine.ts",
      "08-stately-inspector.ts",
      "09-plan-execute-validate.ts",
      "10-route-by-votes.ts",
      "11-coding-chain-resumed.ts",
      "12-local-server.ts",
      "13-worker.ts",
      "14-map-and-reduce.ts",
      "15-approval-page.ts",
      "16-support-desk.ts",
      "17-workers-on-bullmq.ts",
      "18-workers-on-postgres.ts",
    ]);
  });

  it.each(files)("%s is short, and imports the package by its public name alone", async (name) => {
    const text = await readFile(join(folder, name), "utf8");
    const imports = [...text.matchAll(/^(?:import|\} from) .*?"([^"]+)";$/gm)].map(([, from]) => from);
    expect(imports.length).toBeGreaterThan(0);
    for (const from of imports)
      expect(from).toMatch(
        /^(asimov-agents(\/(redis|inspect|machines|actors|testing|anthropic|openai|sqlite|worker))?|@?hono(\/[\w-]+)?|xstate|zod|node:[\w/]+|\.\/workers\/story\.ts)$/,
      );
    expect(text.split("\n").length).toBeLessThanOrEqual(71);
  });

  it("01 shortens a text until the Lua condition no longer holds", async () => {
    expect(await linesOf("01-text-agent.ts")).toEqual([
      "draft 1: 50 words",
      "draft 2: 34 words",
      "draft 3: 18 words",
      "COMPLETE after 3 drafts:",
      "An actor has a state of its own. It takes one message at a time. Machines draw this.",
    ]);
  });

  it("02 ends as PARTIAL with what the good branches gave", async () => {
    expect(await linesOf("02-fan-out-and-join.ts")).toEqual([
      "status: PARTIAL",
      "north: 295",
      'south: the line of south is no list of numbers: "n/a"',
      "east: 135",
      "north and east: 430",
      'failed chains: [["south","country"]]',
    ]);
  });

  it("03 runs the nodes that a node added before what depended on it", async () => {
    expect(await linesOf("03-dynamic-nodes.ts")).toEqual([
      "iteration 1: plan",
      "added: measure main.c, measure add.c",
      "iteration 2: measure main.c",
      "iteration 2: measure add.c",
      "iteration 3: sum",
      "71",
    ]);
  });

  it("04 passes a result through the module's middlewares, then the node's", async () => {
    expect(await linesOf("04-middlewares.ts")).toEqual([
      "attempt 1: not polite",
      "attempt 2: polite",
      "Dear Susan, please answer to [address] soon.",
      "letter number 1",
    ]);
  });

  it("05 lets two agents talk through mailboxes on Redis", async () => {
    expect(await linesOf("05-mailboxes-on-redis.ts", { env: { REDIS_URL: inject("redisUrl") } })).toEqual([
      "reviewer got: A robot may not injure a human being.",
      "writer got: Make it stronger.",
      "reviewer got: A robot may not ever injure a human being.",
      "writer got: Good.",
      "review: COMPLETE, write: COMPLETE",
    ]);
  });

  it("05 says what to do where no Redis is named", async () => {
    const { stdout, stderr, code } = await runFile(join(folder, "05-mailboxes-on-redis.ts"), [], { env: { REDIS_URL: undefined } });
    expect({ stdout, code }).toEqual({ stdout: "", code: 1 });
    expect(stderr).toMatch(/^This example needs a Redis server\. Start one, then: REDIS_URL=redis:\S+ .*05-mailboxes-on-redis\.ts\n$/);
  });

  it("06 goes on in a second process, and runs again only what was not finished", async () => {
    expect(await linesOf("06-resume-after-kill.ts")).toEqual([
      "first process: collects, which is slow and costs money",
      "first process: writes, with the key RUN/write.1/write",
      "second process: the first one ended by SIGKILL",
      "second process: writes, with the key RUN/write.1/write",
      "second process: COMPLETE: Found Ganymede and Callisto.",
    ]);
  });

  it("07 runs an agent in a machine of the user's own", async () => {
    expect(await linesOf("07-embed-in-your-machine.ts")).toEqual(["guesses: 50, 25, 37, 43, 40, 41, 42", "state: won"]);
  });

  it("08 shows every machine, and ends by itself where there is no terminal", async () => {
    const [inspector, ...rest] = await linesOf("08-stately-inspector.ts");
    expect(inspector).toMatch(/^inspector: http:\/\/127\.0\.0\.1:\d+\/\?token=[\w-]{20,}$/);
    expect(rest).toEqual(["status: COMPLETE", "actors: agent, task, plan, write, check"]);
  });

  const offline = { env: { ANTHROPIC_API_KEY: undefined, OPENAI_API_KEY: undefined, LOCAL_BASE_URL: undefined, LOCAL_MODEL: undefined } };

  it("09 goes again until the validator is content", async () => {
    expect(await linesOf("09-plan-execute-validate.ts", offline)).toEqual([
      "plan: name a moon; say what it is made of",
      "draft: Europa is a moon.",
      "validator: Say what it is made of.",
      "draft: Europa is a moon of ice over an ocean.",
      "validator: good",
      expect.stringMatching(/^COMPLETE after 2 drafts, [1-9]\d* tokens$/),
    ]);
  });

  it("09 is what `npm run demo -- --agent llm` runs", async () => {
    const { stdout, code } = await run("npm", ["run", "--silent", "demo", "--", "--agent", "llm"], offline);
    expect({ code, last: stdout.trimEnd().split("\n").at(-1) }).toEqual({
      code: 0,
      last: expect.stringMatching(/^COMPLETE after 2 drafts/),
    });
  });

  /** Live is what a key makes it; the SDK's own variable for another address keeps it on this machine. */
  async function live(name: string, format: InferenceServerFormat, script: Script<ServedRequest>, env: (url: string) => NodeJS.ProcessEnv) {
    const server = await startInferenceServer(format, script);
    try {
      const lines = await linesOf(name, { env: { ...offline.env, ...env(server.url) } });
      server.assertDone();
      return { lines, requests: server.requests };
    } finally {
      await server.close();
    }
  }
  const anthropic = (url: string) => ({ ANTHROPIC_API_KEY: "any", ANTHROPIC_BASE_URL: url });
  const openai = (url: string) => ({ OPENAI_API_KEY: "any", OPENAI_BASE_URL: url });

  it("09 asks Anthropic's model where there is a key", async () => {
    const script = ['{"steps":["one","two"]}', "Ice.", '{"good":true,"advice":""}'];
    const { lines, requests } = await live("09-plan-execute-validate.ts", "anthropic", script, anthropic);
    expect(lines).toEqual(["plan: one; two", "draft: Ice.", "validator: good", expect.stringMatching(/^COMPLETE after 1 drafts/)]);
    expect(requests.map(({ model }) => model)).toEqual(Array.from({ length: 3 }, () => "claude-sonnet-5-5"));
  });

  it("10 asks OpenAI's model where there is a key", async () => {
    const script = ['{"decision":"sales"}', '{"decision":"sales"}', '{"decision":"complaints"}'];
    const { lines, requests } = await live("10-route-by-votes.ts", "openai-chat", script, openai);
    expect(lines).toEqual(['votes: {"complaints":1,"sales":2}', "goes to: sales"]);
    expect(requests[0]?.model).toBe("gpt-5-mini");
  });

  it("11 asks Anthropic's model where there is a key, from both processes", async () => {
    const calls = [
      { name: "write_file", input: { name: "a.mjs", text: "console.log('pass')" } },
      { name: "run_tests", input: { name: "a.mjs" } },
    ];
    const script = [{ toolCalls: calls.slice(0, 1) }, { toolCalls: calls.slice(1) }, { text: "It passes.", expect: "pass\n" }];
    const { lines } = await live("11-coding-chain-resumed.ts", "anthropic", script, anthropic);
    expect(lines.at(-1)).toBe("second process: It passes. (3 model calls in all)");
  });

  it("12 asks the server that it is told of", async () => {
    const env = (url: string) => ({ LOCAL_BASE_URL: url, LOCAL_MODEL: "own-model" });
    const { lines, requests } = await live("12-local-server.ts", "openai-chat", [{ text: "Hi.", chunks: 1 }], env);
    expect(lines[0]).toBe("says: Hi.");
    expect(requests[0]?.model).toBe("own-model");
  });

  it("10 follows the votes among what may be decided", async () => {
    expect(await linesOf("10-route-by-votes.ts", offline)).toEqual(['votes: {"complaints":2,"sales":1}', "goes to: complaints"]);
  });

  it("11 goes on after SIGKILL without a second call of the model, or of a tool that had ended", async () => {
    expect(await linesOf("11-coding-chain-resumed.ts", offline)).toEqual([
      "first process: writes add.mjs, with the key job-1/1/call_1",
      "first process: runs the tests, with the key job-1/2/call_2",
      "second process: the first one ended by SIGKILL",
      "second process: runs the tests, with the key job-1/2/call_2",
      "second process: The tests pass. (3 model calls in all)",
    ]);
  });

  it("12 streams from a server of this machine, through the real SDK", async () => {
    const lines = await linesOf("12-local-server.ts", offline);
    expect(
      lines
        .filter((line) => line.startsWith("says: "))
        .map((line) => line.slice(6))
        .join(""),
    ).toBe("Hello from this machine.");
    expect(lines.at(-1)).toBe("ended by stop; cost unknown, as nobody set a price");
  });

  it("13 fires a daily schedule over a change of the clock, and stops by SIGTERM", async () => {
    expect(await linesOf("13-worker.ts")).toEqual([
      "2026-03-27T12:00 Sum up until now",
      "2026-03-28T08:00 Sum up the day",
      "2026-03-29T07:00 Sum up the day",
      "2026-03-30T07:00 Sum up the day",
      "stopped: nothing is lost, and nothing works",
    ]);
  });

  it("14 counts each file that there is, and tells of one that is not there", async () => {
    const pages = (await readdir(join(ROOT, "docs"))).filter((name) => name.endsWith(".md"));
    expect(await linesOf("14-map-and-reduce.ts")).toEqual([
      `${pages.length + 1} files`,
      `file ${pages.length}: module-failed`,
      expect.stringMatching(new RegExp(`^COMPLETE: ${pages.length} counted, the longest is [a-z]+\\.md$`)),
    ]);
  });

  it("16 waits for mails and for a person over months, and asks each person once", async () => {
    expect(await linesOf("16-support-desk.ts")).toEqual([
      "2026-01-07 the customer: It does not shine",
      "2026-01-07 to the customer: Have you tried again?",
      "2026-02-17 the customer: My money back, please",
      "2026-02-17 asks the agent on duty",
      "2026-02-18 asks the head of support",
      "2026-02-24 to the customer: Your refund: true.",
      "2026-04-25 to the customer: We close this case.",
      "2026-05-18 COMPLETE",
    ]);
  });

  it.each([
    ["17-workers-on-bullmq.ts", async () => ({ REDIS_URL: inject("redisUrl"), DATABASE_URL: undefined })],
    ["18-workers-on-postgres.ts", async () => ({ DATABASE_URL: await postgresUrl(), REDIS_URL: undefined })],
  ])("%s ends each report though a worker is killed, and repeats nothing else", { timeout: 120_000 }, async (name, env) => {
    expect(await linesOf(name, { env: await env() })).toEqual([
      "a web process and three workers are ready",
      "12 reports were asked for",
      "a worker was killed in the middle of its work",
      "12 of 12 are COMPLETE",
      "what was repeated was the killed worker's, under the same key",
      "the others were stopped by SIGTERM",
    ]);
  });

  it.each(["17-workers-on-bullmq.ts", "18-workers-on-postgres.ts"])("%s says what to do where no server is named", async (name) => {
    const { stdout, stderr, code } = await runFile(join(folder, name), [], { env: { REDIS_URL: undefined, DATABASE_URL: undefined } });
    expect({ stdout, code }).toEqual({ stdout: "", code: 1 });
    expect(stderr).toMatch(/^This example needs .+: \w+=\S+ node .*\.ts\n$/);
  });
});
