import { describe, expect, it } from "vitest";
import type { ChatMessage, ContentBlock } from "#contract/chat/message";
import { json } from "../../support/wire-server.ts";
import { bodyOf, call, chunk, clientOf, completed, end, HELLO, hiAnswer, type Json, sendAll, serve, text, tools } from "./openai-server.ts";

/** What the next turn says: the answer as it was kept in a store, and the results of its calls. */
const nextTurn = (blocks: ContentBlock[]): ChatMessage[] => [
  ...HELLO,
  { role: "ASSISTANT", content: JSON.parse(JSON.stringify(blocks)) },
  ...blocks.flatMap((block): ChatMessage[] =>
    block.type === "tool-use" ? [{ role: "TOOL_RESULT", content: [{ type: "tool-result", toolUseId: block.id, content: "3" }] }] : [],
  ),
];

describe("an item of the Responses API that is not read", () => {
  const ITEMS: Json[] = [
    { id: "rs_1", type: "reasoning", summary: [], encrypted_content: "c2VjcmV0" },
    { id: "ws_1", type: "web_search_call", status: "completed", action: { type: "search", query: "weather" } },
    { id: "msg_1", type: "message", role: "assistant", content: [{ type: "output_text", text: "Sunny." }] },
  ];

  it.each(["whole", "streamed"])("goes back as it came, in its place, to the same model alone, where it came %s", async (how) => {
    const events = ITEMS.flatMap((item, output_index) => [
      { type: "response.output_item.added", output_index, item: { ...item, status: "in_progress" } },
      { type: `response.${item.type}.searching`, output_index, item_id: item.id },
      { type: "response.output_item.done", output_index, item },
    ]);
    const server = await serve((_request, response, n) => {
      if (n > 0) return json(response, 200, hiAnswer("responses"));
      return how === "whole" ? json(response, 200, { ...hiAnswer("responses"), output: ITEMS }) : sendAll(response, ...events, completed());
    });
    const client = clientOf(server.url, { api: "responses" });
    const { blocks, text: said } = how === "whole" ? await client.generate(HELLO) : await client.stream(HELLO).result;
    expect(said).toBe("Sunny.");
    const next = [...nextTurn(blocks), ...HELLO];
    await client.generate(next);
    await clientOf(server.url, { api: "responses", model: "another-model" }).generate(next);
    const inputs = [1, 2].map((n) => (bodyOf(server, n).input as Json[]).slice(1, -1));
    const message = { type: "message", role: "assistant", content: [{ type: "output_text", text: "Sunny." }] };
    expect(inputs).toEqual([[ITEMS[0], ITEMS[1], message], [message]]);
  });
});

describe("thoughts of the Responses API", () => {
  const ITEMS: Json[] = [
    {
      id: "rs_1",
      type: "reasoning",
      summary: [
        { type: "summary_text", text: "Hm." },
        { type: "summary_text", text: "Well." },
      ],
      encrypted_content: "c2VjcmV0",
    },
    { id: "msg_1", type: "message", role: "assistant", phase: "commentary", content: [{ type: "output_text", text: "Let me." }] },
    { id: "rs_2", type: "reasoning", summary: [], encrypted_content: "c2VjcmV0Mg" },
    { id: "fc_1", type: "function_call", call_id: "call_a", name: "add", arguments: '{"a":1}' },
  ];
  const sent = [
    ITEMS[0],
    { type: "message", role: "assistant", content: [{ type: "output_text", text: "Let me." }], phase: "commentary" },
    ITEMS[2],
    { type: "function_call", call_id: "call_a", name: "add", arguments: '{"a":1}' },
    { type: "function_call_output", call_id: "call_a", output: "3" },
  ];

  it.each(["whole", "streamed"])("go back encrypted, in their places, after a round trip through JSON, where they came %s", async (how) => {
    const server = await serve((_request, response, n) => {
      if (n > 0) json(response, 200, hiAnswer("responses"));
      else if (how === "whole") json(response, 200, { ...hiAnswer("responses"), output: ITEMS });
      else
        sendAll(
          response,
          ...ITEMS.flatMap((item, output_index) => [
            {
              type: "response.output_item.added",
              output_index,
              item: { ...item, encrypted_content: "", summary: [], content: [], arguments: "" },
            },
            { type: "response.output_item.done", output_index, item },
          ]),
          completed(),
        );
    });
    const client = clientOf(server.url, { api: "responses" });
    const { blocks } = how === "whole" ? await client.generate(HELLO) : await client.stream(HELLO).result;
    expect(blocks.map(({ type }) => type)).toEqual(["thinking", "text", "thinking", "tool-use"]);
    expect(bodyOf(server)).toMatchObject({ store: false, include: ["reasoning.encrypted_content"] });
    await client.generate(nextTurn(blocks));
    expect((bodyOf(server, 1).input as Json[]).slice(1)).toEqual(sent);
  });
});

describe("a call that is signed by Gemini, behind a server that speaks as OpenAI does", () => {
  it("goes back with its signature, after a round trip through JSON", async () => {
    const extra_content = { google: { thought_signature: "c2ln" } };
    const server = await serve((_request, response, n) => {
      if (n > 0) return json(response, 200, hiAnswer("chat"));
      const signed = { ...call(0, '{"a":1}', { id: "call_a", name: "add" }), extra_content };
      sendAll(response, tools(signed), tools(call(1, '{"b":2}', { id: "call_b", name: "add" })), end("tool_calls"));
    });
    const client = clientOf(server.url);
    const { blocks } = await client.stream(HELLO).result;
    await client.generate(nextTurn(blocks));
    expect((bodyOf(server, 1).messages as Json[])[1]?.tool_calls).toEqual([
      { id: "call_a", type: "function", function: { name: "add", arguments: '{"a":1}' }, extra_content },
      { id: "call_b", type: "function", function: { name: "add", arguments: '{"b":2}' } },
    ]);
  });
});

describe("thoughts of OpenRouter", () => {
  const DETAILS: Json[] = [
    { type: "reasoning.text", format: "anthropic-claude-v1", index: 0, text: "Hm. Well.", signature: "c2ln" },
    { type: "reasoning.encrypted", format: "anthropic-claude-v1", index: 1, data: "c2VjcmV0", id: "rs_1" },
  ];

  it.each(["whole", "streamed"])(
    "go back with the call that they led to, after a round trip through JSON, where they came %s",
    async (how) => {
      const detail = (piece: Json): Json => chunk({ reasoning: piece.text ?? null, reasoning_details: [piece] });
      const server = await serve((_request, response, n) => {
        if (n > 0) json(response, 200, hiAnswer("chat"));
        else if (how === "whole") {
          const calls = [{ id: "call_a", type: "function", function: { name: "add", arguments: '{"a":1}' } }];
          const message = { role: "assistant", content: null, reasoning: "Hm. Well.", reasoning_details: DETAILS, tool_calls: calls };
          json(response, 200, { ...hiAnswer("chat"), choices: [{ index: 0, message, finish_reason: "tool_calls" }] });
        } else {
          sendAll(
            response,
            detail({ type: "reasoning.text", format: "anthropic-claude-v1", index: 0, text: "Hm. " }),
            detail({ type: "reasoning.text", format: "anthropic-claude-v1", index: 0, text: "Well.", signature: null }),
            detail({ type: "reasoning.text", format: "anthropic-claude-v1", index: 0, signature: "c2ln" }),
            detail(DETAILS[1] as Json),
            tools(call(0, '{"a":1}', { id: "call_a", name: "add" })),
            end("tool_calls"),
          );
        }
      });
      const client = clientOf(server.url, { provider: "openrouter" });
      const { blocks } = how === "whole" ? await client.generate(HELLO) : await client.stream(HELLO).result;
      expect(blocks).toMatchObject([
        { type: "thinking", text: "Hm. Well." },
        { type: "tool-use", id: "call_a" },
      ]);
      await client.generate(nextTurn(blocks));
      expect((bodyOf(server, 1).messages as Json[])[1]).toEqual({
        role: "assistant",
        content: null,
        reasoning: "Hm. Well.",
        reasoning_details: DETAILS,
        tool_calls: [{ id: "call_a", type: "function", function: { name: "add", arguments: '{"a":1}' } }],
      });
    },
  );

  it("go back once each, where text stands between them, and where they are encrypted alone", async () => {
    const encrypted = { type: "reasoning.encrypted", format: "openai-responses-v1", index: 0, data: "c2VjcmV0", id: "rs_1" };
    const late = { type: "reasoning.encrypted", format: "openai-responses-v1", index: 1, data: "c3BhZXQ", id: "rs_2" };
    const server = await serve((_request, response, n) => {
      if (n > 0) json(response, 200, hiAnswer("chat"));
      else
        sendAll(
          response,
          chunk({ content: "", reasoning: null, reasoning_details: [encrypted] }),
          text("Let me."),
          chunk({ reasoning: "Hm.", reasoning_details: [DETAILS[0] as Json] }),
          tools(call(0, '{"a":1}', { id: "call_a", name: "add" })),
          chunk({ content: "", reasoning_details: [late] }, "tool_calls"),
        );
    });
    const client = clientOf(server.url, { provider: "openrouter" });
    const { blocks, text: said } = await client.stream(HELLO).result;
    expect(said).toBe("Let me.");
    await client.generate(nextTurn(blocks));
    expect((bodyOf(server, 1).messages as Json[])[1]).toMatchObject({
      content: [{ type: "text", text: "Let me." }],
      reasoning_details: [encrypted, DETAILS[0], late],
    });
  });
});

describe("thoughts of Mistral, which are parts of the content", () => {
  const PARTS: Json[] = [
    { type: "thinking", thinking: [{ type: "text", text: "Hm." }], closed: true },
    { type: "text", text: "Yes." },
  ];

  it.each(["whole", "streamed"])("go back as such, to the same model alone, where they came %s", async (how) => {
    const server = await serve((_request, response, n) => {
      if (n > 0) return json(response, 200, hiAnswer("chat"));
      const content = PARTS as unknown as string;
      if (how === "streamed") return sendAll(response, chunk({ content }), end());
      return json(response, 200, { id: "c", model: "m", choices: [{ message: { role: "assistant", content }, finish_reason: "stop" }] });
    });
    const client = clientOf(server.url, { api: "chat" });
    const { blocks } = how === "whole" ? await client.generate(HELLO) : await client.stream(HELLO).result;
    const next = [...nextTurn(blocks), ...HELLO];
    await client.generate(next);
    await clientOf(server.url, { api: "chat", model: "another-model" }).generate(next);
    const answers = [1, 2].map((n) => (bodyOf(server, n).messages as Json[])[1]);
    expect(answers).toEqual([
      { role: "assistant", content: PARTS },
      { role: "assistant", content: "Yes." },
    ]);
  });
});
