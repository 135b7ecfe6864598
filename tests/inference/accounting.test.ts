/** What calls cost, on every client: one running total, a budget that refuses the call that would go over it before it is made, and limits that the provider tells. */
import { describe, expect, it } from "vitest";
import { Agent } from "#agent";
import { Task } from "#contract/base/task";
import { defineModule } from "#contract/node/module";
import { Node } from "#contract/node/node";
import type { Budget } from "#contract/run/budget";
import type { CallRecord, ClientOptions } from "#inference/call/call-settings";
import type { ScriptedTurn } from "#testing/script";
import { json } from "../support/wire-server.ts";
import { played, scripted } from "./checklist-calls.ts";
import { add, ask, errorOf, isolateClients, once, EVERY_ROW as ROWS, twice } from "./client-rows.ts";
import { RAW } from "./raw-streams.ts";

isolateClients();

const usage = { inputTokens: 100, outputTokens: 20, cacheReadTokens: 60 };
/** Dollars for a million. */
const price = { input: 1, output: 10, cacheRead: 0.1 };
const cost = (40 * 1 + 60 * 0.1 + 20 * 10) / 1_000_000;

describe.each(ROWS)("what calls cost: $name", (row) => {
  it("adds up to the client's running total, call by call and turn by turn", async () => {
    const call = { toolCalls: [{ name: "add", input: { a: 1, b: 2, note: "" }, id: "call_1" }], usage };
    const script = [{ text: "One", usage }, { error: { status: 503 } }, { text: "Two", usage }, call, { text: "Three", usage }];
    const { server, client } = await scripted(row, script, { ...twice, prices: () => price });
    expect(client.usage).toEqual({ inputTokens: 0, outputTokens: 0, cacheReadTokens: 0, cacheWriteTokens: 0, cost: 0 });
    const whole = await client.generate(ask());
    const before = client.usage;
    const streamed = await client.stream(ask()).result;
    const chain = await client.toolChain(ask(), [add]);
    for (const one of [whole, streamed]) expect(one.usage).toMatchObject({ ...usage, cost: expect.closeTo(cost, 12) });
    expect(chain.usage).toMatchObject({ inputTokens: 200, outputTokens: 40, cost: expect.closeTo(2 * cost, 12) });
    expect(before).toMatchObject({ inputTokens: 100 });
    expect(client.usage).toMatchObject({
      ...{ inputTokens: 400, outputTokens: 80, cacheReadTokens: 240 },
      cost: expect.closeTo(4 * cost, 12),
    });
    server.assertDone();
  });

  it.each<[string, ScriptedTurn]>([
    ["is refused", { error: { status: 400 } }],
    ["is too long", { error: { status: 400, reason: "context-length-exceeded" } }],
    ["breaks off before a usage is told", { text: "One", truncated: true }],
    ["is never answered", { error: { status: 503 } }],
  ])("have no cost where a call without a price %s, and 0 where there is a price", async (_how, turn) => {
    for (const [prices, expected] of [
      [() => price, expect.any(Number)],
      [() => undefined, undefined],
    ] as const) {
      const told: CallRecord[] = [];
      const { client } = await scripted(row, [turn, turn], { ...once, prices, onTrace: (record) => void told.push(record) });
      const think = defineModule({
        name: "think",
        process: () => client.stream(ask()).result.then(() => ({ status: "success" as const })),
      });
      const node = new Node({ name: "think", modules: [think], nodeConfig: { maxRetries: 1 } });
      const { usage: spent, nodes: results } = await new Agent({ nodes: [node] }).runTask(new Task({ type: "t", objective: "o" }));
      const chain = await client.toolChain(ask(), [add]).catch(() => undefined);
      for (const one of [spent, results.think?.usage, client.usage, ...told.map((record) => record.usage)])
        expect(one?.cost).toEqual(expected);
      if (chain !== undefined) expect(chain.usage.cost).toEqual(expected);
      expect(told.map(({ error }) => error?.name)).toEqual([expect.any(String), expect.any(String)]);
    }
  });

  it.each<[string, Budget, number]>([
    ["calls", { maxCalls: 1 }, 1],
    ["tokens", { maxTokens: 1000 }, 0],
    ["dollars", { maxCost: 0.000_001 }, 0],
  ])("ends the task as FAILED before the call that would go over a budget of %s", async (_what, budget, made) => {
    const { server, client } = await scripted(row, ["One", "never", "never"], { ...once, prices: () => price });
    const think = defineModule({
      name: "think",
      process: async ({ signal }) => {
        await client.generate(ask(), { maxTokens: 2000 * (budget.maxTokens === undefined ? 0.1 : 1), signal });
        return { status: "success", result: (await client.stream(ask(), { maxTokens: 200, signal }).result).text };
      },
    });
    const agent = new Agent({ nodes: [new Node({ name: "think", modules: [think] })], budget });
    const { status, task, errors, usage: spent } = await agent.runTask(new Task({ type: "t", objective: "o" }));
    expect(status).toBe("FAILED");
    expect(task.error).toContain(`budget.${Object.keys(budget)[0]}`);
    expect(errors).toContainEqual(expect.objectContaining({ code: "budget-exceeded", error: task.error }));
    expect(server.requests).toHaveLength(made);
    expect(spent).toEqual(client.usage);
  });

  const nearlySpent = { "x-ratelimit-limit-requests": "100", "x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1m0s" };
  it.each<[string, ClientOptions, Record<string, string>]>([
    ["the provider tells that its limit is nearly reached", {}, nearlySpent],
    ["another request would go over the user's limit", { limits: { requestsPerMinute: 1 } }, {}],
    ["more tokens would go over the user's limit", { limits: { tokensPerMinute: 10 } }, {}],
  ])("waits where %s, before it is refused", async (_when, options, told) => {
    const { server, client } = await played(row, { ...once, ...options }, (response) => json(response, 200, RAW[row.format].whole, told));
    await client.generate(ask());
    const controller = new AbortController();
    const waiting = client.generate(ask(), { signal: controller.signal });
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
    controller.abort();
    expect(await errorOf(waiting)).toMatchObject({ code: "aborted" });
    expect(server.requests).toHaveLength(1);
  });
});
