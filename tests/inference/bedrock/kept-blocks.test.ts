/** What an answer of Converse holds beside text, thoughts and the user's tools goes back as it came, whole or streamed, and to nobody else. */
import { describe, expect, it } from "vitest";
import { ChatRole } from "#contract/base/vocabulary";
import type { ChatMessage, ContentBlock } from "#contract/chat/message";
import { eventFrame } from "../../support/event-stream.ts";
import { answer, bodyOf, clientOf, endFrames, HELLO, START, sendAll, serve, stopFrame, textFrame, USAGE } from "./converse-server.ts";

const CITATION = {
  title: "E",
  source: "https://example.com",
  sourceContent: [{ text: "so it is" }],
  location: { web: { url: "https://example.com", domain: "example.com" } },
};
/** As Bedrock answers with a tool of its own. */
const SEARCHED = [
  { toolUse: { toolUseId: "s1", name: "grounding", input: { query: "weather" }, type: "server_tool_use" } },
  { toolResult: { toolUseId: "s1", type: "web_search_result", status: "success", content: [{ text: "It " }, { json: { is: "so" } }] } },
  { citationsContent: { content: [{ text: "It is so." }], citations: [CITATION] } },
];
const start = (contentBlockIndex: number, block: object): Buffer => eventFrame("contentBlockStart", { contentBlockIndex, start: block });
const piece = (contentBlockIndex: number, delta: object): Buffer => eventFrame("contentBlockDelta", { contentBlockIndex, delta });
const STREAMED = [
  START,
  start(0, { toolUse: { toolUseId: "s1", name: "grounding", type: "server_tool_use" } }),
  piece(0, { toolUse: { input: '{"query":' } }),
  piece(0, { toolUse: { input: '"weather"}' } }),
  stopFrame(0),
  start(1, { toolResult: { toolUseId: "s1", type: "web_search_result", status: "success" } }),
  piece(1, { toolResult: [{ text: "It " }] }),
  piece(1, { toolResult: [{ json: { is: "so" } }] }),
  stopFrame(1),
  textFrame("It is ", 2),
  piece(2, { citation: CITATION }),
  textFrame("so.", 2),
  stopFrame(2),
  ...endFrames(),
];

interface Body {
  messages: { role: string; content: unknown[] }[];
}
const answered = (blocks: ContentBlock[]): ChatMessage[] => [
  ...HELLO,
  { role: ChatRole.ASSISTANT, content: JSON.parse(JSON.stringify(blocks)) as ContentBlock[] },
  { role: ChatRole.USER, content: "Go on" },
];
const whole = (content: unknown[]): unknown => ({
  output: { message: { role: "assistant", content } },
  stopReason: "end_turn",
  usage: USAGE,
});

describe("a block of Converse that is not read", () => {
  it.each([false, true])("goes back as it came, in its place (streamed: %s)", async (isStreamed) => {
    const server = await serve((_request, response, n) => {
      if (n > 0) answer(response);
      else if (isStreamed) sendAll(response, ...STREAMED);
      else answer(response, whole(SEARCHED));
    });
    const client = clientOf(server.url);
    const first = isStreamed ? await client.stream(HELLO).result : await client.generate(HELLO);
    expect(first.text).toBe("It is so.");
    expect(first.finishReason.unified).toBe("stop");
    await client.generate(answered(first.blocks));
    expect(bodyOf<Body>(server, 1).messages[1]).toEqual({ role: "assistant", content: SEARCHED });
  });

  it("keeps its bytes, and what nobody knows yet", async () => {
    const content = [{ image: { format: "png", source: { bytes: "AAH/gA==" } } }, { hologram: { depth: 3, note: "new" } }, { text: "Hi" }];
    const server = await serve((_request, response, n) => answer(response, n === 0 ? whole(content) : undefined));
    const client = clientOf(server.url);
    const { text, blocks } = await client.generate(HELLO);
    expect(text).toBe("Hi");
    await client.generate(answered(blocks));
    expect(bodyOf<Body>(server, 1).messages[1]?.content).toEqual(content);
  });

  it("stays out of the next request where its pieces add up to nothing known, and is kept with the answer", async () => {
    const server = await serve((_request, response, n) => {
      if (n > 0) return answer(response);
      const strange = [start(0, { image: { format: "png" } }), piece(0, { image: { source: { bytes: "AAH/" } } }), stopFrame(0)];
      sendAll(response, START, ...strange, textFrame("Hi", 1), piece(1, { hologram: "x" }), stopFrame(1), ...endFrames());
    });
    const client = clientOf(server.url);
    const { blocks } = await client.stream(HELLO).result;
    expect(blocks).toMatchObject([
      {
        type: "provider",
        value: { start: { image: { format: "png" } }, deltas: [{ image: { source: { bytes: { $base64: "AAH/" } } } }] },
      },
      { text: "Hi", native: { data: { deltas: [{ $unknown: ["hologram", "x"] }] } } },
    ]);
    await client.generate(answered(blocks));
    expect(bodyOf<Body>(server, 1).messages[1]?.content).toEqual([{ text: "Hi" }]);
  });

  it("goes to no other model", async () => {
    const server = await serve((_request, response, n) => answer(response, n === 0 ? whole(SEARCHED) : undefined));
    const { blocks } = await clientOf(server.url).generate(HELLO);
    await clientOf(server.url, { model: "amazon.nova-pro-v1:0" }).generate(answered(blocks));
    expect(bodyOf<Body>(server, 1).messages[1]?.content).toEqual([{ text: "It is so." }]);
  });
});
