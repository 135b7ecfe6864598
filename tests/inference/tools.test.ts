/** What of tools only some providers know: schemas held to the letter, a choice among some, tools that a provider runs. On every client they are told, or said to be left out. */
import { describe, expect, it } from "vitest";
import { z } from "zod";
import type { GenerateOptions } from "#contract/chat/generation";
import { defineTool, providerTool, type Tool } from "#contract/chat/tool";
import type { ClientOptions } from "#inference/call/call-settings";
import { ScriptedInferenceClient } from "#testing/scripted-inference-client";
import {
  blockStart,
  clientOf,
  end,
  bodyOf as messagesBody,
  START,
  text as said,
  sendAll,
  serve,
  stop,
} from "./anthropic/messages-server.ts";
import { scripted } from "./checklist-calls.ts";
import { ask, type ClientRow, isolateClients, once, CLIENT_ROWS as ROWS } from "./client-rows.ts";

isolateClients();

const tool = (name: string, strict: boolean, input = z.object({ a: z.number().min(1) })): Tool =>
  defineTool({ name, description: "Does", input, strict, run: () => 1 });
const [one, two] = [tool("one", false), tool("two", false)];

async function sent(row: ClientRow, options: GenerateOptions, more: ClientOptions & { model?: string } = {}) {
  const { server, client } = await scripted(row, [{ text: "1" }], { ...once, ...more });
  const { warnings } = await client.generate(ask(), options);
  return { body: server.requests[0]?.body as Record<string, unknown>, warnings };
}

/** What a request says of a strict tool. */
const STRICT: Readonly<Record<ClientRow["name"], object>> = {
  Anthropic: {
    tools: [
      { name: "one", strict: true, input_schema: { additionalProperties: false, properties: { a: { description: "(minimum: 1)" } } } },
    ],
  },
  Bedrock: { toolConfig: { tools: [{ toolSpec: { name: "one", strict: true, inputSchema: { json: { additionalProperties: false } } } }] } },
  "OpenAI Responses": { tools: [{ name: "one", strict: true, parameters: { additionalProperties: false, required: ["a"] } }] },
  "OpenAI Chat Completions": { tools: [{ function: { name: "one", strict: true, parameters: { additionalProperties: false } } }] },
  "Google GenAI": { toolConfig: { functionCallingConfig: { mode: "VALIDATED" } } },
  Vertex: { toolConfig: { functionCallingConfig: { mode: "VALIDATED" } } },
};

/** What it says of a choice among some. */
const ONLY: Readonly<Record<ClientRow["name"], object>> = {
  Anthropic: { tools: [{ name: "two" }] },
  Bedrock: { toolConfig: { tools: [{ toolSpec: { name: "two" } }] } },
  "OpenAI Responses": { tools: [{ name: "two" }] },
  "OpenAI Chat Completions": { tools: [{ function: { name: "two" } }] },
  "Google GenAI": { toolConfig: { functionCallingConfig: { mode: "VALIDATED", allowedFunctionNames: ["two"] } } },
  Vertex: { toolConfig: { functionCallingConfig: { mode: "VALIDATED", allowedFunctionNames: ["two"] } } },
};

/** A tool of the provider's own, and where it stands. */
const OWN: Readonly<Record<ClientRow["name"], [provider: string, definition: Record<string, unknown>, body: object]>> = {
  Anthropic: [
    "anthropic",
    { type: "web_search_20250305", name: "web_search", max_uses: 3 },
    { tools: [{ name: "one" }, { name: "web_search", max_uses: 3 }] },
  ],
  Bedrock: [
    "bedrock",
    { systemTool: { name: "nova_grounding" } },
    { toolConfig: { tools: [{ toolSpec: { name: "one" } }, { systemTool: { name: "nova_grounding" } }] } },
  ],
  "OpenAI Responses": [
    "openai",
    { type: "web_search", search_context_size: "low" },
    { tools: [{ name: "one" }, { type: "web_search", search_context_size: "low" }] },
  ],
  "OpenAI Chat Completions": ["openai", { type: "browser_search" }, { tools: [{ type: "function" }, { type: "browser_search" }] }],
  "Google GenAI": ["google", { googleSearch: {} }, { tools: [{ functionDeclarations: [{ name: "one" }] }, { googleSearch: {} }] }],
  Vertex: ["google", { googleSearch: {} }, { tools: [{ functionDeclarations: [{ name: "one" }] }, { googleSearch: {} }] }],
};

describe.each(ROWS)("tools through $name", (row) => {
  it("are strict where that is asked for, and not by themselves", async () => {
    const { body, warnings } = await sent(row, { tools: [tool("one", true)] });
    expect(body).toMatchObject(STRICT[row.name] as object);
    expect(warnings).toEqual([]);
    expect(JSON.stringify((await sent(row, { tools: [one] })).body)).not.toMatch(/"strict":true|VALIDATED/);
  });

  it("may be chosen among some alone", async () => {
    const { body, warnings } = await sent(row, { tools: [one, two], toolChoice: { only: ["two"] } });
    expect(body).toMatchObject(ONLY[row.name] as object);
    expect(warnings).toEqual([]);
  });

  it("may be the provider's own, in its words, and of no other", async () => {
    const [provider, definition, expected] = OWN[row.name] as [string, Record<string, unknown>, object];
    const { body, warnings } = await sent(row, { tools: [one, providerTool(provider, definition)] });
    expect(body).toMatchObject(expected);
    expect(warnings).toEqual([]);
    const foreign = providerTool("elsewhere", { type: "crystal_ball" });
    const other = await sent(row, { tools: [one, foreign] });
    expect(JSON.stringify(other.body)).not.toContain("crystal_ball");
    expect(other.warnings).toEqual([expect.stringContaining('does not take the tool "crystal_ball" of elsewhere; it was left out')]);
    await expect(sent(row, { tools: [one, foreign] }, { unsupported: "error" })).rejects.toMatchObject({ code: "unsupported" });
  });

  it("refuse a choice among tools that are none", async () => {
    const asked = sent(row, { tools: [one], toolChoice: { only: ["one", "three"] } });
    await expect(asked).rejects.toMatchObject({ code: "invalid-options", message: expect.stringContaining('"three"') });
  });
});

describe("tools that a model of a provider cannot be held to", () => {
  const rowOf = (name: string): ClientRow => ROWS.find((row) => row.name === name) as ClientRow;

  it.each([
    ["Anthropic", "claude-3-5-haiku-20241022"],
    ["Bedrock", "amazon.nova-pro-v1:0"],
    ["Google GenAI", "gemini-2.0-flash"],
  ])("are told without, with a warning: %s %s", async (name, model) => {
    const { body, warnings } = await sent(rowOf(name), { tools: [tool("one", true)] }, { model });
    expect(JSON.stringify(body)).not.toMatch(/"strict":true|VALIDATED/);
    expect(warnings).toEqual([
      `${name === "Bedrock" ? "aws.bedrock" : name === "Anthropic" ? "anthropic" : "gcp.gemini"} ${model} does not take strict tools; their inputs are checked before they run.`,
    ]);
  });

  it.each(["Anthropic", "Bedrock"])("are told loosely where a schema has free keys, with a warning: %s", async (name) => {
    const free = tool("one", true, z.object({ a: z.record(z.string(), z.number()) }) as never);
    const { body, warnings } = await sent(rowOf(name), { tools: [free] });
    expect(JSON.stringify(body)).not.toContain('"strict":true');
    expect(warnings).toEqual([expect.stringContaining('the schema of the tool "one" to the letter; what comes is checked')]);
  });

  it("are told loosely where a schema goes beyond what OpenAI can hold to, with a warning", async () => {
    const loose = tool("one", true, z.object({ a: z.number(), b: z.number().optional() }) as never);
    const { body, warnings } = await sent(rowOf("OpenAI Responses"), { tools: [loose] });
    expect(body).toMatchObject({ tools: [{ name: "one", strict: false }] });
    expect(warnings).toEqual([expect.stringContaining('the schema of the tool "one" to the letter; what comes is checked')]);
  });
});

describe("a chain with a tool of Anthropic's own", () => {
  const search = providerTool("anthropic", { type: "web_search_20250305", name: "web_search" });
  const CALL = { type: "server_tool_use", id: "srvtoolu_1", name: "web_search", input: { query: "weather" } };
  const paused = [START, blockStart(CALL), stop(), ...end("pause_turn")];

  it("goes on where the provider paused, with what it answered, and ends by the rest", async () => {
    const server = await serve((_request, response, n) =>
      sendAll(response, ...(n === 0 ? paused : [START, said("Sunny."), stop(), ...end()])),
    );
    const { text, stopReason, iterations, messages } = await clientOf(server.url).toolChain(ask(), [search]);
    expect({ text, stopReason, iterations }).toEqual({ text: "Sunny.", stopReason: "finished", iterations: 2 });
    expect(messagesBody(server, 1).messages.at(-1)).toMatchObject({ role: "assistant", content: [CALL] });
    expect(messages.map(({ role }) => role)).toEqual(["USER", "ASSISTANT", "ASSISTANT"]);
  });

  it("ends at its last call of the model, also while the provider pauses", async () => {
    const server = await serve((_request, response) => sendAll(response, ...paused));
    const { stopReason, iterations } = await clientOf(server.url).toolChain(ask(), [search], { maxIterations: 3 });
    expect({ stopReason, iterations }).toEqual({ stopReason: "max-iterations", iterations: 3 });
  });
});

describe("a tool that a provider knows", () => {
  it("runs here where the caller gives what runs it", async () => {
    const shell = providerTool("scripted", { type: "bash_20250124", name: "bash" }, (input) => `ran ${JSON.stringify(input)}`);
    const client = new ScriptedInferenceClient([{ toolCalls: [{ name: "bash", input: { command: "ls" } }] }, "Done."]);
    const { messages } = await client.toolChain(ask(), [shell]);
    expect(messages[2]?.content).toMatchObject([{ type: "tool-result", content: 'ran {"command":"ls"}' }]);
  });

  it("is told to be run by its provider where the model calls it as one of ours", async () => {
    const client = new ScriptedInferenceClient([{ toolCalls: [{ name: "bash", input: {} }] }, "Done."]);
    const { messages } = await client.toolChain(ask(), [providerTool("scripted", { type: "bash_20250124", name: "bash" })]);
    expect(messages[2]?.content).toMatchObject([{ isError: true, content: expect.stringContaining("it is run by scripted") }]);
  });

  it.each([
    ["no provider", "", { type: "t" }],
    ["no definition", "anthropic", undefined],
    ["one without a name", "anthropic", {}],
  ])("is refused: %s", (_what, provider, definition) => {
    expect(() => providerTool(provider, definition as never)).toThrow(expect.objectContaining({ code: "invalid-options" }));
  });
});
