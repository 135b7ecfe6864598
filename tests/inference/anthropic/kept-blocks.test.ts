/** What an answer holds beside text, thoughts and the user's tools goes back byte for byte, whole or streamed, and to nobody else. */
import { describe, expect, it } from "vitest";
import { ChatRole } from "#contract/base/vocabulary";
import type { ChatMessage, ContentBlock } from "#contract/chat/message";
import { json } from "../../support/wire-server.ts";
import {
  answer,
  answerOf,
  blockStart,
  bodyOf,
  clientOf,
  delta,
  end,
  HELLO,
  input,
  type Json,
  MODEL,
  partsOf,
  START,
  sendAll,
  serve,
  stop,
  text,
} from "./messages-server.ts";

const CITATION: Json = {
  type: "web_search_result_location",
  url: "https://example.com",
  title: "E",
  encrypted_index: "ZW5j",
  cited_text: "so it is",
};
/** As the API answers with a tool of its own. */
const SEARCHED: Json[] = [
  { type: "thinking", thinking: "Look it up.", signature: "c2ln" },
  { type: "server_tool_use", id: "srvtoolu_1", name: "web_search", input: { query: "weather" } },
  {
    type: "web_search_tool_result",
    tool_use_id: "srvtoolu_1",
    content: [{ type: "web_search_result", url: "https://example.com", title: "E", encrypted_content: "ZW5jcnlwdGVk" }],
  },
  { type: "text", text: "It is so.", citations: [CITATION] },
  { type: "tool_use", id: "toolu_1", name: "add", input: { a: 1 }, caller: { type: "code_execution_20250825", tool_id: "srvtoolu_2" } },
];
const STREAMED: Json[] = [
  START,
  blockStart({ type: "thinking", thinking: "", signature: "" }, 0),
  delta({ type: "thinking_delta", thinking: "Look it up." }, 0),
  delta({ type: "signature_delta", signature: "c2ln" }, 0),
  stop(0),
  blockStart({ type: "server_tool_use", id: "srvtoolu_1", name: "web_search", input: {} }, 1),
  input('{"query":', 1),
  input('"weather"}', 1),
  stop(1),
  blockStart(SEARCHED[2] as Json, 2),
  stop(2),
  blockStart({ type: "text", text: "", citations: [] }, 3),
  text("It is ", 3),
  delta({ type: "citations_delta", citation: CITATION }, 3),
  text("so.", 3),
  stop(3),
  blockStart({ ...(SEARCHED[4] as Json), input: {} }, 4),
  input('{"a":1}', 4),
  stop(4),
  ...end("tool_use"),
];

const answered = (blocks: ContentBlock[]): ChatMessage[] => [
  ...HELLO,
  { role: ChatRole.ASSISTANT, content: JSON.parse(JSON.stringify(blocks)) as ContentBlock[] },
  { role: ChatRole.TOOL_RESULT, content: [{ type: "tool-result", toolUseId: "toolu_1", content: "2" }] },
];

describe("a block of an answer that is not read", () => {
  it.each([false, true])("goes back as it came, after a journey through JSON (streamed: %s)", async (isStreamed) => {
    const server = await serve((_request, response, n) => {
      if (n > 0) answer(response);
      else if (isStreamed) sendAll(response, ...STREAMED);
      else json(response, 200, { ...answerOf(""), content: SEARCHED, stop_reason: "tool_use" });
    });
    const client = clientOf(server.url);
    const first = isStreamed ? await client.stream(HELLO).result : await client.generate(HELLO);
    expect(first.text).toBe("It is so.");
    expect(first.blocks.map(({ type }) => type)).toEqual(["thinking", "provider", "provider", "text", "tool-use"]);
    await client.generate(answered(first.blocks));
    expect(bodyOf(server, 1).messages[1]).toEqual({ role: "assistant", content: SEARCHED });
  });

  it("is told as it is, with no text, and no tool to run", async () => {
    const server = await serve((_request, response) => sendAll(response, ...STREAMED));
    const parts = await partsOf(clientOf(server.url).stream(HELLO));
    expect(parts.flatMap((part) => (part.type === "text-delta" ? [part.text] : []))).toEqual(["It is ", "so."]);
    expect(parts.flatMap((part) => (part.type === "tool-call" ? [part.name] : []))).toEqual(["add"]);
    const kept = SEARCHED.slice(1, 3).map((value) => ({ type: "provider", provider: "anthropic", model: MODEL, value }));
    expect(parts.filter(({ type }) => type === "provider")).toEqual(kept);
  });

  it("goes to no other model", async () => {
    const server = await serve((_request, response, n) => (n === 0 ? sendAll(response, ...STREAMED) : answer(response)));
    const { blocks } = await clientOf(server.url).stream(HELLO).result;
    await clientOf(server.url, { model: "claude-haiku-4-5" }).generate(answered(blocks));
    expect(bodyOf(server, 1).messages[1]?.content).toEqual([
      { type: "text", text: "It is so." },
      { type: "tool_use", id: "toolu_1", name: "add", input: { a: 1 } },
    ]);
  });

  it("carries no cache marker of ours", async () => {
    const server = await serve((_request, response, n) =>
      n === 0
        ? json(response, 200, { ...answerOf(""), content: [{ type: "text", text: "Wait." }, SEARCHED[1]], stop_reason: "pause_turn" })
        : answer(response),
    );
    const client = clientOf(server.url);
    const { blocks, finishReason } = await client.generate(HELLO);
    expect(finishReason).toEqual({ unified: "other", raw: "pause_turn" });
    await client.generate([...HELLO, { role: ChatRole.ASSISTANT, content: blocks, cacheMarker: true }]);
    expect(bodyOf(server, 1).messages[1]?.content).toEqual([
      { type: "text", text: "Wait.", cache_control: { type: "ephemeral" } },
      SEARCHED[1],
    ]);
  });

  it("is whole where the stream ends it by its own end alone", async () => {
    const open = [START, blockStart({ type: "compaction", content: "" }), delta({ type: "compaction_delta", content: "Until now: " })];
    const more = delta({ type: "compaction_delta", content: "nothing." });
    const server = await serve((_request, response, n) => (n === 0 ? sendAll(response, ...open, more, ...end()) : answer(response)));
    const client = clientOf(server.url);
    const { blocks } = await client.stream(HELLO).result;
    await client.generate([...HELLO, { role: ChatRole.ASSISTANT, content: blocks }, ...HELLO]);
    expect(bodyOf(server, 1).messages[1]?.content).toEqual([{ type: "compaction", content: "Until now: nothing." }]);
  });

  it("is none of an answer that broke off within it", async () => {
    const server = await serve((_request, response) =>
      sendAll(response, START, text("Hm."), stop(), blockStart(SEARCHED[1] as Json, 1), input('{"q', 1)),
    );
    const error = await clientOf(server.url)
      .stream(HELLO)
      .result.catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "stream-truncated" });
    expect(JSON.stringify((error as { partial?: unknown }).partial)).not.toContain("srvtoolu_1");
  });

  it("says nothing where it says what everybody does", async () => {
    const server = await serve((_request, response) =>
      json(response, 200, {
        ...answerOf(""),
        content: [
          { type: "text", text: "Hi", citations: null },
          { type: "tool_use", id: "toolu_1", name: "add", input: {}, caller: { type: "direct" } },
        ],
      }),
    );
    for (const block of (await clientOf(server.url).generate(HELLO)).blocks) expect(block).not.toHaveProperty("native");
  });
});
