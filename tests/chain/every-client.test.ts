/** What holds of chains and votes on every client alike, each on its provider's own SDK against a local server of its wire format. */
import { afterEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { Agent } from "#agent";
import { fencedToolParser } from "#chain/tool-parser";
import type { InferenceClient } from "#clients/inference-client";
import { Task } from "#contract/base/task";
import { defineTool } from "#contract/chat/tool";
import type { ToolChainOptions } from "#contract/chat/tool-chain";
import { defineModule } from "#contract/node/module";
import { Node } from "#contract/node/node";
import { AgentDirectedFlowControl } from "#inference/votes/agent-directed-flow-control";
import type { Script, ScriptedTurn } from "#testing/script";
import { type InferenceServer, startInferenceServer } from "#testing/servers/inference-server";
import type { ServedRequest } from "#testing/servers/served-request";
import { ask, EVERY_ROW, errorOf, isolateClients, twice } from "../inference/client-rows.ts";

const open: InferenceServer[] = [];

isolateClients();

afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close()));
});

const look = defineTool({ name: "look", description: "Looks", input: z.object({ at: z.string() }), run: ({ at }) => `saw ${at}` });
const looks = (at: string): ScriptedTurn => ({ toolCalls: [{ name: "look", input: { at } }] });
const bodyOf = ({ body }: ServedRequest): string => JSON.stringify(body);
const tooLong: ScriptedTurn = { error: { reason: "context-length-exceeded" } };

describe.each(EVERY_ROW)("a chain on every client: $name", ({ format, make }) => {
  async function serve(script: Script<ServedRequest>): Promise<{ server: InferenceServer; client: InferenceClient }> {
    const server = await startInferenceServer(format, script);
    open.push(server);
    return { server, client: make(server.url, { maxTokens: 4096, ...twice }) };
  }

  async function chain(script: Script<ServedRequest>, options: ToolChainOptions = {}) {
    const { server, client } = await serve(script);
    const result = await client.toolChain(ask("Go."), [look], options);
    server.assertDone();
    return { result, bodies: server.requests.map(bodyOf), client };
  }

  const usage = { inputTokens: 10, outputTokens: 5 };
  const broken: [string, ScriptedTurn][] = [
    ["has an error in its middle", { text: "half of it", error: { status: 503, after: 1 }, usage }],
    ["ends before its end", { text: "half of it", truncated: true, usage }],
  ];

  it.each(broken)("asks again for an answer that nobody watches when it %s, and counts what that has used", async (_, turn) => {
    const { result, client } = await chain([turn, { ...looks("here"), usage }, { text: "Done.", usage }]);
    expect(result).toMatchObject({ text: "Done.", iterations: 2, stopReason: "finished" });
    expect(JSON.stringify(result.messages)).not.toContain("half");
    expect(client.usage.inputTokens).toBe(result.usage.inputTokens);
    // Who tells nothing before the end has told nothing of what broke off.
    expect(result.usage.inputTokens).toBe(["anthropic", "gemini"].includes(format) ? 30 : 20);
  });

  it.each(broken)("asks nothing again once a middleware may have seen it: the answer %s", async (_, turn) => {
    const { server, client } = await serve([turn]);
    const seen: string[] = [];
    const error = await errorOf(client.toolChain(ask("Go."), [look], { middlewares: [({ type }) => void seen.push(type)] }));
    expect(error).toMatchObject({ retryable: true, partial: [{ type: "text", text: expect.stringContaining("half") }] });
    server.assertDone();
  });

  it("runs a tool, and is stopped by one", async () => {
    const stop = defineTool({ name: "stop", description: "Stops", input: { type: "object" }, run: (_input, context) => context.stop() });
    const { server, client } = await serve([{ toolCalls: [{ name: "look", input: { at: "home" } }, { name: "stop" }] }]);
    const { stopReason, messages } = await client.toolChain(ask("Go."), [look, stop]);
    expect(stopReason).toBe("stopped");
    expect(messages.at(-1)?.content).toMatchObject([{ content: "saw home" }, { content: "(no output)" }]);
    server.assertDone();
  });

  it("ends where the conversation is too long, or with fifoRatio goes on without its oldest turns", async () => {
    const turns = [looks("the first place"), looks("the second place"), looks("the last place"), tooLong];
    expect((await chain(turns)).result).toMatchObject({ stopReason: "context-length", iterations: 3 });
    const { result, bodies } = await chain([...turns, "It fits."], { fifoRatio: 0.5 });
    expect(result).toMatchObject({ stopReason: "finished", text: "It fits." });
    expect(bodies.at(-1)).toContain("saw the last place");
    expect(bodies.at(-1)).not.toContain("the first place");
  });

  it("changes prompt and tools with the mode", async () => {
    const saw = defineTool({ name: "saw_wood", description: "Saws", input: { type: "object" }, run: () => "sawn" });
    const modes = {
      plan: { description: "Plans", system: "You plan.", tools: [] },
      build: { description: "Builds", system: "You build.", tools: [saw] },
    };
    const { bodies } = await chain([{ toolCalls: [{ name: "switch_mode", input: { mode: "build" } }] }, "Built."], {
      modeSwap: { modes, initial: "plan" },
    });
    const has = (text: string): boolean[] => bodies.map((body) => body.includes(text));
    expect([has("You plan."), has("You build."), has("saw_wood"), has("look")]).toEqual([
      [true, false],
      [false, true],
      [false, true],
      [true, true],
    ]);
  });

  it("serves a model without tools in text alone", async () => {
    const call = '```tool\n{"name":"look","input":{"at":"home"}}\n```';
    const { result, bodies } = await chain([`Well.\n${call}`, "Done."], { toolParser: fencedToolParser });
    expect(result.text).toBe("Done.");
    expect(bodies[1]).toContain("Result of look:\\nsaw home");
    for (const body of bodies) expect(body).not.toMatch(/"(?:tools|toolConfig|tool_use|toolUse|functionCall|function_call|tool_calls)"/);
  });

  it("sends an answer that does not fit its schema back once, within a chain and without", async () => {
    const output = z.object({ n: z.number() });
    const { result, bodies } = await chain([looks("home"), "no json", '{"n":1}'], { output });
    expect(result.output).toEqual({ n: 1 });
    expect(bodies[2]).toContain("does not fit the schema");
    const { server, client } = await serve(['{"n":"one"}', '{"n":1}', "no json", "none again"]);
    expect((await client.generate(ask("Count."), { output })).output).toEqual({ n: 1 });
    expect(await errorOf(client.generate(ask("Count."), { output }))).toMatchObject({ code: "invalid-output" });
    server.assertDone();
  });

  it("decides by its vote", async () => {
    const { server, client } = await serve(['{"decision":"red","reason":"It is loud."}']);
    const route = new AgentDirectedFlowControl({
      name: "route",
      flowConfig: { decisions: [{ nextNode: "green" }, { nextNode: "red" }], default: "green" },
      voters: [client],
    });
    const end = (name: string) =>
      new Node({ name, dependencies: ["route"], modules: [defineModule({ name, process: async () => ({ status: "success" }) })] });
    const nodes = [new Node({ name: "route", type: "FLOW_CONTROL", modules: [route] }), end("green"), end("red")];
    const { nodes: results, usage: spent } = await new Agent({ nodes }).runTask(new Task({ type: "t", objective: "SHOUT" }));
    expect(results.route?.results[0]).toMatchObject({
      decision: "red",
      ballots: [{ status: "valid", decision: "red", reason: "It is loud." }],
    });
    expect(spent.outputTokens).toBeGreaterThan(0);
    server.assertDone();
  });
});
