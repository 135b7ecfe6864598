/** Keys, headers and prompts are in no message, log, span, record or snapshot, wherever a client has its key from, and whatever a server repeats. */
import { inspect } from "node:util";
import { describe, expect, it, vi } from "vitest";
import { Agent } from "#agent";
import { MemoryCache } from "#cache/memory/cache";
import { Task } from "#contract/base/task";
import { defineModule } from "#contract/node/module";
import { Node } from "#contract/node/node";
import type { CallRecord } from "#inference/call/call-settings";
import { MemoryStore } from "#store/memory/store";
import { recorder } from "../../telemetry/recorder.ts";
import { ask, CLIENT_ROWS, errorOf, isolateClients, once } from "../client-rows.ts";
import { HOLDERS, type Holder, KEY, temporary } from "../key-holders.ts";
import { RAW, refuseAs, servePlays, textStream } from "../raw-streams.ts";

isolateClients();
const { ended } = recorder();

const PROMPT = "the planted prompt, unmistakable among prompts";

/** All ways in which a value is looked at. */
const shown = (value: unknown): string =>
  [String(value), value instanceof Error ? value.stack : "", JSON.stringify(value), inspect(value, { depth: 20, showHidden: true })].join(
    "\n",
  );

/** Everything that is written to the console while the work goes on. */
async function logOf(work: () => Promise<unknown>): Promise<string> {
  const lines: unknown[] = [];
  const keep = (...words: unknown[]): boolean => lines.push(...words) > 0;
  for (const method of ["log", "info", "warn", "error", "debug", "trace"] as const) vi.spyOn(console, method).mockImplementation(keep);
  const streams = [process.stdout, process.stderr].map((stream) => vi.spyOn(stream, "write").mockImplementation(keep));
  try {
    await work();
  } finally {
    for (const stream of streams) stream.mockRestore();
  }
  return lines.map((line) => inspect(line, { depth: 20 })).join("\n");
}

describe.each(HOLDERS)("a key: $name", ({ format, make }) => {
  const raw = RAW[format];

  async function calls(...plays: Parameters<typeof servePlays>[1][]) {
    const records: CallRecord[] = [];
    const server = await servePlays(raw, ...plays);
    const client = make(server.url, { ...once, onTrace: (record) => void records.push(record) });
    return { server, client, records };
  }

  it("is sent, and not shown in an error, a record, a span or a log, though the server repeats it", async () => {
    const { server, client, records } = await calls(refuseAs(raw, 400, {}, `Not with ${KEY}; ${KEY.toUpperCase()}. ${PROMPT}`));
    const errors: Error[] = [];
    // What not every version of an SDK masks in its own log is not logged.
    for (const name of ["ANTHROPIC_LOG", "OPENAI_LOG"]) vi.stubEnv(name, "debug");
    const log = await logOf(async () => {
      errors.push(await errorOf(client.generate(ask(PROMPT))), await errorOf(client.stream(ask(PROMPT)).result));
    });
    expect(log).not.toMatch(/sending request|headers/);
    expect(server.requests).toHaveLength(2);
    for (const { headers } of server.requests) expect(JSON.stringify(headers)).toContain(KEY);
    expect(errors.map(({ message }) => message)).toEqual([0, 1].map(() => expect.stringContaining("status 400")));
    const seen = [...errors.map(shown), inspect(ended(), { depth: 12 }), log].join("\n");
    for (const word of [KEY, temporary.secretAccessKey, PROMPT, "unmistakable"])
      expect(seen.toLowerCase()).not.toContain(word.toLowerCase());
    // The record is of what was asked; keys are no part of that.
    expect(records).toHaveLength(2);
    expect(shown(records).toLowerCase()).not.toContain(KEY.toLowerCase());
  });

  it("is not in the client, whoever looks at it, nor in an answer and its record", async () => {
    const { client, records } = await calls(
      (response) => {
        response.writeHead(200, { "content-type": "application/json" });
        response.end(JSON.stringify(raw.strangeWhole));
      },
      textStream(raw, "Hi"),
    );
    const whole = await client.generate(ask());
    const streamed = await client.stream(ask()).result;
    const seen = [client, whole, streamed, records].map(shown).join("\n");
    for (const word of [KEY, temporary.secretAccessKey]) expect(seen).not.toContain(word);
  });
});

describe.each(CLIENT_ROWS)("a run that fails by its model: $name", ({ format }) => {
  it("shows neither key nor prompt in its outcome, its mailboxes and its snapshots", async () => {
    const { make } = HOLDERS.find((entry) => entry.format === format) as Holder;
    const raw = RAW[format];
    const server = await servePlays(raw, refuseAs(raw, 400, {}, `Not with ${KEY}: ${PROMPT}`));
    const client = make(server.url, once);
    const cache = new MemoryCache();
    const store = new MemoryStore({ keep: 10_000 });
    const think = defineModule({
      name: "think",
      process: async () => ({ status: "success", result: (await client.generate(ask(PROMPT))).text }),
    });
    const hasFailed = Promise.withResolvers<void>();
    const rest = defineModule({
      name: "rest",
      async process() {
        await hasFailed.promise;
        return { status: "success" };
      },
    });
    const nodes = [
      new Node({ name: "think", modules: [think], nodeConfig: { maxRetries: 1 } }),
      new Node({ name: "rest", modules: [rest] }),
      // What is stored before it holds how the others ended.
      new Node({ name: "after", modules: [rest], dependencies: ["rest"], snapshot: "ALWAYS" }),
    ];
    const save = vi.spyOn(store, "commit");
    const agent = new Agent({
      nodes,
      cache,
      valuesIn: "cache",
      outputMailbox: "agent_output",
      errorMailbox: "agent_error",
      store,
      snapshot: "NEVER",
    });
    const run = agent.start(new Task({ type: "t", objective: "o" }));
    for await (const { type } of run.events()) if (type === "node.failed") hasFailed.resolve();
    const outcome = await run.outcome;
    expect(outcome.status).toBe("PARTIAL");
    const mailboxes = [await cache.peekMailbox("agent_error"), await cache.peekMailbox("agent_output"), await cache.getAll()];
    for (const place of [outcome, mailboxes, save.mock.calls]) {
      expect(shown(place)).toContain("status 400");
      for (const word of [KEY, PROMPT, "unmistakable"]) expect(shown(place)).not.toContain(word);
    }
  });
});
