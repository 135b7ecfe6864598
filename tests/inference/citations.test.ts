/** What an answer was drawn from is told in one form by every client that is told of it: whole or streamed, at its block, as a part, and in the answer's sources. */
import type { InferenceClient } from "asimov-agents";
import { describe, expect, it } from "vitest";
import type { Citation } from "#contract/chat/message";
import { eventFrame } from "../support/event-stream.ts";
import { json, type WireServer } from "../support/wire-server.ts";
import * as anthropic from "./anthropic/messages-server.ts";
import * as bedrock from "./bedrock/converse-server.ts";
import * as gemini from "./gemini/gemini-server.ts";
import * as openai from "./openai/openai-server.ts";
import { HELLO, serve } from "./provider-fixture.ts";

type Json = Record<string, unknown>;

interface Row {
  name: string;
  whole(): Promise<InferenceClient>;
  streamed(): Promise<InferenceClient>;
  /** Of the one text block. */
  cited: Citation[];
  sources: Citation[];
}

const answering = (body: Json): Promise<WireServer> => serve((_request, response) => json(response, 200, body));

const SITE = { url: "https://x.y/a", title: "A page" };
const URL_CITATION = { type: "url_citation", ...SITE, start_index: 0, end_index: 2 };
const MESSAGE = {
  id: "m",
  type: "message",
  role: "assistant",
  content: [{ type: "output_text", text: "Hi", annotations: [URL_CITATION] }],
};

const chatOf = async (server: Promise<WireServer>, provider: string) => openai.clientOf((await server).url, { api: "chat", provider });
const chatAnswer = (message: Json, rest: Json = {}): Json => ({
  ...{ id: "c", model: "m", choices: [{ index: 0, message: { role: "assistant", content: "Hi", ...message }, finish_reason: "stop" }] },
  ...rest,
});

const WEB = { type: "web_search_result_location", url: SITE.url, title: SITE.title, cited_text: "It says so.", encrypted_index: "e" };
const PAGE = { type: "page_location", document_index: 1, document_title: "A paper", cited_text: "On page 2.", start_page_number: 2 };
const CLAUDE_CITED: Citation[] = [
  { ...SITE, quote: "It says so." },
  { title: "A paper", quote: "On page 2.", document: 1 },
];

const NOVA = {
  title: "A paper",
  sourceContent: [{ text: "On page 2." }],
  location: { documentPage: { documentIndex: 1, start: 2, end: 2 } },
};

const GROUNDING = {
  groundingChunks: [{ web: { uri: SITE.url, title: SITE.title } }, { web: { uri: "https://x.y/b" } }],
  groundingSupports: [{ segment: { startIndex: 3, endIndex: 5, text: "Hi" }, groundingChunkIndices: [0] }],
};
const grounded = (of: Json): Json => ({ ...of, candidates: [{ ...(of.candidates as Json[])[0], groundingMetadata: GROUNDING }] });

const ROWS: Row[] = [
  {
    name: "OpenAI Responses",
    whole: async () =>
      openai.clientOf((await answering({ id: "r", status: "completed", model: "gpt-5", output: [MESSAGE] })).url, { api: "responses" }),
    streamed: async () => {
      const about = { output_index: 0, item_id: "m" };
      const events = [
        { type: "response.output_item.added", ...about, item: { ...MESSAGE, content: [] } },
        { type: "response.output_text.delta", ...about, delta: "Hi" },
        { type: "response.output_text.annotation.added", ...about, annotation_index: 0, annotation: URL_CITATION },
        { type: "response.output_item.done", ...about, item: MESSAGE },
        openai.completed(),
      ];
      return openai.clientOf((await openai.serveEvents(...events)).url, { api: "responses" });
    },
    cited: [{ ...SITE, start: 0, end: 2 }],
    sources: [SITE],
  },
  {
    name: "OpenAI Chat (OpenRouter)",
    whole: () =>
      chatOf(
        answering(chatAnswer({ annotations: [{ type: "url_citation", url_citation: { ...URL_CITATION, content: "Q" } }] })),
        "openrouter",
      ),
    streamed: () =>
      chatOf(
        openai.serveEvents(
          openai.text("Hi"),
          openai.chunk({ annotations: [{ type: "url_citation", url_citation: { ...URL_CITATION, content: "Q" } }] }),
          openai.end(),
        ),
        "openrouter",
      ),
    cited: [{ ...SITE, quote: "Q", start: 0, end: 2 }],
    sources: [SITE],
  },
  {
    name: "OpenAI Chat (Perplexity)",
    whole: () => chatOf(answering(chatAnswer({}, { citations: [SITE.url, "https://x.y/b"] })), "perplexity"),
    streamed: () => {
      const told = { citations: [SITE.url, "https://x.y/b"] };
      return chatOf(openai.serveEvents({ ...openai.text("Hi"), ...told }, { ...openai.end(), ...told }), "perplexity");
    },
    cited: [{ url: SITE.url }, { url: "https://x.y/b" }],
    sources: [{ url: SITE.url }, { url: "https://x.y/b" }],
  },
  {
    name: "Anthropic",
    whole: async () => {
      const answer = { ...anthropic.answerOf("Hi"), content: [{ type: "text", text: "Hi", citations: [WEB, PAGE] }] };
      return anthropic.clientOf((await answering(answer)).url);
    },
    streamed: async () => {
      const cite = (citation: Json) => anthropic.delta({ type: "citations_delta", citation });
      const started = [anthropic.START, anthropic.blockStart({ type: "text", text: "", citations: [] }), anthropic.text("Hi")];
      const events = [...started, cite(WEB), cite(PAGE), anthropic.stop(), ...anthropic.end()];
      return anthropic.clientOf((await serve((_request, response) => anthropic.sendAll(response, ...events))).url);
    },
    cited: CLAUDE_CITED,
    sources: [SITE, { title: "A paper", document: 1 }],
  },
  {
    name: "Bedrock",
    whole: async () => {
      const content = [{ citationsContent: { content: [{ text: "Hi" }], citations: [NOVA] } }];
      const server = await answering({ ...(bedrock.answerOf("Hi") as Json), output: { message: { role: "assistant", content } } });
      return bedrock.clientOf(server.url);
    },
    streamed: async () => {
      const cite = eventFrame("contentBlockDelta", { contentBlockIndex: 0, delta: { citation: NOVA } });
      const frames = [bedrock.START, bedrock.textFrame("Hi"), cite, bedrock.stopFrame(), ...bedrock.endFrames()];
      return bedrock.clientOf((await serve((_request, response) => bedrock.sendAll(response, ...frames))).url);
    },
    cited: [{ title: "A paper", quote: "On page 2.", document: 1 }],
    sources: [{ title: "A paper", document: 1 }],
  },
  ...gemini.CLIENTS.map(
    ({ name, clientOf }): Row => ({
      name,
      whole: async () => clientOf((await answering(grounded(gemini.end([{ text: "Oh Hi" }])))).url),
      streamed: async () => {
        const chunks = [gemini.chunk([{ text: "Oh " }]), grounded(gemini.chunk([{ text: "Hi" }])), gemini.end([{ text: "!" }])];
        return clientOf((await serve((_request, response) => gemini.sendAll(response, ...chunks))).url);
      },
      cited: [{ ...SITE, start: 3, end: 5 }, { url: "https://x.y/b" }],
      sources: [SITE, { url: "https://x.y/b" }],
    }),
  ),
];

describe.each(ROWS)("citations of $name", ({ whole, streamed, cited, sources }) => {
  it("are at their block and among the answer's sources, whole", async () => {
    const answer = await (await whole()).generate(HELLO);
    const [block] = answer.blocks.filter(({ type }) => type === "text");
    expect((block as { citations?: Citation[] }).citations).toEqual(cited);
    expect(answer.sources).toEqual(sources);
  });

  it("come as parts of a stream, too, and in an answer to a conversation that has them", async () => {
    const client = await streamed();
    const stream = client.stream(HELLO);
    const told: Citation[] = [];
    for await (const part of stream) if (part.type === "source") told.push(part.source);
    const { blocks, sources: all } = await stream.result;
    expect(blocks.filter(({ type }) => type === "text")).toHaveLength(1);
    expect((blocks.find(({ type }) => type === "text") as { citations?: Citation[] }).citations).toEqual(cited);
    expect(all).toEqual(sources);
    expect(told.map(({ url, document }) => url ?? document)).toEqual(
      expect.arrayContaining(sources.map(({ url, document }) => url ?? document)),
    );
    const again = await client.stream([...HELLO, { role: "ASSISTANT", content: JSON.parse(JSON.stringify(blocks)) }, ...HELLO]).result;
    expect(again.sources).toEqual(sources);
  });
});
