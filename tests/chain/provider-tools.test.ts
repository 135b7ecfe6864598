/** A chain whose provider runs a tool of its own beside one of ours: what that called and gave goes back unchanged with our result. */
import { describe, expect, it } from "vitest";
import type { ChatMessage } from "#contract/chat/message";
import { providerTool } from "#contract/chat/tool";
import * as anthropic from "../inference/anthropic/messages-server.ts";
import { endFrames, START } from "../inference/bedrock/converse-server.ts";
import { blocksOf, played, saidAfter, toolOf } from "../inference/checklist-calls.ts";
import { ask, CLIENT_ROWS, isolateClients, once } from "../inference/client-rows.ts";
import * as gemini from "../inference/gemini/gemini-server.ts";
import * as openai from "../inference/openai/openai-server.ts";
import { type Frame, type Json, RAW, textStream } from "../inference/raw-streams.ts";
import { eventFrame } from "../support/event-stream.ts";

isolateClients();

interface OwnTool {
  tool: [provider: string, definition: Json];
  /** What its provider's answer holds of it, in the provider's form, and what goes back. */
  kept: Json[];
  /** The answer: that, then a call of our tool `add`. */
  frames: Frame[];
}

const messages = (...events: Json[]): Frame[] => events.map((event) => anthropic.sseText([event]));
const SEARCH = { type: "server_tool_use", id: "srvtoolu_1", name: "web_search", input: { query: "one" } };
const FOUND = {
  type: "web_search_tool_result",
  tool_use_id: "srvtoolu_1",
  content: [{ type: "web_search_result", title: "One", url: "https://example.com", encrypted_content: "ZW5jcnlwdGVk", page_age: null }],
};

const start = (contentBlockIndex: number, of: Json): Buffer => eventFrame("contentBlockStart", { contentBlockIndex, start: of });
const delta = (contentBlockIndex: number, of: Json): Buffer => eventFrame("contentBlockDelta", { contentBlockIndex, delta: of });
const stop = (contentBlockIndex: number): Buffer => eventFrame("contentBlockStop", { contentBlockIndex });
const GROUNDING = { toolUseId: "tooluse_1", name: "nova_grounding", type: "server_tool_use" };
const GROUNDED = { toolUseId: "tooluse_1", type: "nova_grounding_result", status: "success" };

const SEARCHED = { id: "ws_1", type: "web_search_call", status: "completed", action: { type: "search", query: "one" } };
const CALLED = { id: "fc_1", type: "function_call", call_id: "call_1", name: "add", arguments: '{"a":1}' };

const parts = (...list: Json[]): Frame[] => [...list.map((part) => gemini.sseText([gemini.chunk([part])])), gemini.sseText([gemini.end()])];
const ADD = { functionCall: { id: "call_1", name: "add", args: { a: 1 } } };
const CODE = [
  { executableCode: { language: "PYTHON", code: "1+1" }, thoughtSignature: "c2lnbmF0dXJl" },
  { codeExecutionResult: { outcome: "OUTCOME_OK", output: "2" } },
];
const SEARCHES = [
  { toolCall: { id: "s1", toolType: "GOOGLE_SEARCH_WEB", args: { queries: ["one"] } }, thoughtSignature: "c2lnbmF0dXJl" },
  { toolResponse: { id: "s1", toolType: "GOOGLE_SEARCH_WEB", response: { search_suggestions: "" } } },
];

const OWN: Readonly<Record<string, OwnTool>> = {
  Anthropic: {
    tool: ["anthropic", { type: "web_search_20250305", name: "web_search" }],
    kept: [SEARCH, FOUND],
    frames: messages(
      ...[anthropic.START, anthropic.blockStart({ ...SEARCH, input: {} }), anthropic.input('{"query":"one"}'), anthropic.stop()],
      ...[anthropic.blockStart(FOUND, 1), anthropic.stop(1), anthropic.tool("call_1", "add", 2), anthropic.input('{"a":1}', 2)],
      ...[anthropic.stop(2), ...anthropic.end("tool_use")],
    ),
  },
  Bedrock: {
    tool: ["bedrock", { systemTool: { name: "nova_grounding" } }],
    kept: [{ toolUse: { ...GROUNDING, input: { query: "one" } } }, { toolResult: { ...GROUNDED, content: [{ text: "One." }] } }],
    frames: [
      ...[START, start(0, { toolUse: GROUNDING }), delta(0, { toolUse: { input: '{"query":"one"}' } }), stop(0)],
      ...[start(1, { toolResult: GROUNDED }), delta(1, { toolResult: [{ text: "One." }] }), stop(1)],
      ...[start(2, { toolUse: { toolUseId: "call_1", name: "add" } }), delta(2, { toolUse: { input: '{"a":1}' } }), stop(2)],
      ...endFrames("tool_use"),
    ],
  },
  "OpenAI Responses": {
    tool: ["openai", { type: "web_search" }],
    kept: [SEARCHED],
    frames: [SEARCHED, CALLED]
      .flatMap((item, output_index): Json[] => [
        { type: "response.output_item.added", output_index, item: { ...item, status: "in_progress" } },
        { type: "response.output_item.done", output_index, item },
      ])
      .concat(openai.completed())
      .map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`),
  },
  "Google GenAI": { tool: ["google", { googleSearch: {} }], kept: SEARCHES, frames: parts(...SEARCHES, ADD) },
  Vertex: { tool: ["google", { codeExecution: {} }], kept: CODE, frames: parts(...CODE, ADD) },
};
const ROWS = CLIENT_ROWS.flatMap((row) => {
  const own = OWN[row.name];
  return own === undefined ? [] : [{ ...row, row, own }];
});

const objectsIn = (value: unknown): object[] =>
  typeof value !== "object" || value === null ? [] : [value, ...Object.values(value).flatMap(objectsIn)];

describe.each(ROWS)("a chain with a tool of its provider's own: $name", ({ row, own: { tool, kept, frames } }) => {
  it("gives back what that called and gave, unchanged and in its place, with the result of ours", async () => {
    const raw = RAW[row.format];
    const { server, client } = await played(row, once, frames, textStream(raw, "Done."));
    const seen: string[] = [];
    const tools = [toolOf("add", () => "2"), providerTool(...tool)];
    const stream = client.streamChain(ask(), tools);
    for await (const { type } of stream) seen.push(type);
    const { text, warnings, messages: said } = await stream.result;
    expect({ text, warnings }).toEqual({ text: "Done.", warnings: [] });
    expect(said.map(({ role }) => role)).toEqual(["USER", "ASSISTANT", "TOOL_RESULT", "ASSISTANT"]);
    expect(blocksOf(said[1] as ChatMessage).map(({ type }) => type)).toEqual([...kept.map(() => "provider"), "tool-use"]);
    expect(seen.filter((type) => type === "provider")).toHaveLength(kept.length);
    const sent = objectsIn(server.requests[1]?.body);
    const places = kept.map((block) => sent.findIndex((one) => JSON.stringify(one) === JSON.stringify(block)));
    expect(places).toEqual(places.toSorted((a, b) => a - b));
    for (const block of kept) expect(sent).toContainEqual(block);
    expect(JSON.stringify(server.requests[1]?.body)).toContain(JSON.stringify(tool[1]).slice(1, -1));
    expect(saidAfter(row, server, 1).at(-1)?.said).toEqual([expect.stringMatching(/^result:\S+ 2$/)]);
  });
});
