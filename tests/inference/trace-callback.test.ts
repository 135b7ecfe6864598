/** The caller's own record of each call: what was asked, what came back and what it used; told once, whatever the record's reader does. */
import { afterEach, describe, expect, it } from "vitest";
import type { InferenceClient } from "#clients/inference-client";
import type { CallRecord } from "#inference/call/call-settings";
import type { Script } from "#testing/script";
import { type InferenceServer, startInferenceServer } from "#testing/servers/inference-server";
import type { ServedRequest } from "#testing/servers/served-request";
import { add, ask, EVERY_ROW, errorOf, isolateClients, twice } from "./client-rows.ts";

const open: InferenceServer[] = [];

isolateClients();

afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close()));
});

describe.each(EVERY_ROW)("the trace callback of every client: $name", ({ format, make }) => {
  async function traced(script: Script<ServedRequest>, onTrace: (record: CallRecord) => void): Promise<InferenceClient> {
    const server = await startInferenceServer(format, script);
    open.push(server);
    return make(server.url, { maxTokens: 4096, ...twice, onTrace });
  }

  it("gets request, response and usage, whole or streamed, with the number of attempts", async () => {
    const records: CallRecord[] = [];
    const usage = { inputTokens: 20, outputTokens: 10 };
    const client = await traced([{ error: { status: 503 } }, { text: "One", usage }, { text: "Two", usage }], (record) => {
      records.push(record);
    });
    const whole = await client.generate(ask("Say one."), { tools: [add] });
    const streamed = await client.stream(ask("Say two.")).result;
    expect(records).toMatchObject([
      { provider: client.provider, model: client.model, attempts: 2, response: { text: "One" }, usage },
      { provider: client.provider, model: client.model, attempts: 1, response: { text: "Two" }, usage },
    ]);
    expect(records.map(({ response }) => response)).toEqual([whole, streamed]);
    expect(JSON.stringify(records[0]?.request.messages)).toContain("Say one.");
    expect(records[0]?.request.tools.map(({ name }) => name)).toEqual(["add"]);
    for (const { durationMs, error } of records) expect([durationMs >= 0, error]).toEqual([true, undefined]);
  });

  it("gets the error of a call that failed, and once for each turn of a chain", async () => {
    const records: CallRecord[] = [];
    const call = { toolCalls: [{ name: "add", input: { a: 1, b: 2, note: "" } }] };
    const client = await traced([call, { error: { status: 400 } }], (record) => {
      records.push(record);
    });
    const thrown = await errorOf(client.toolChain(ask(), [add]));
    expect(records.map(({ error }) => error)).toEqual([undefined, thrown]);
    expect(records[1]).toMatchObject({ attempts: 1, usage: { inputTokens: 0, outputTokens: 0 } });
  });

  it.each<[string, () => void]>([
    ["throws", () => expect.unreachable("the log is full")],
    ["rejects", async () => expect.unreachable("the log is full")],
  ])("changes nothing of a call where it %s", async (_, onTrace) => {
    const client = await traced(["One", { error: { status: 400 } }], onTrace);
    expect((await client.generate(ask())).text).toBe("One");
    expect((await errorOf(client.generate(ask()))).message).not.toContain("the log is full");
  });
});
