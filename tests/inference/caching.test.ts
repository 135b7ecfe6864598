/** Over thirty turns, told by what the servers got alone: markers are never too many, and what was said stays byte for byte the same. */
import { afterEach, describe, expect, it } from "vitest";
import { AnthropicInferenceClient } from "../../src/anthropic.ts";
import { BedrockInferenceClient } from "../../src/bedrock.ts";
import { defineTool } from "../../src/contract/tool.ts";
import { ChatRole } from "../../src/contract/vocabulary.ts";
import type { InferenceClient } from "../../src/inference/client.ts";
import { OpenAIInferenceClient } from "../../src/openai.ts";
import { type InferenceServer, type InferenceServerFormat, startInferenceServer } from "../../src/testing.ts";
import { marksIn, withoutMarks } from "./read-request.ts";

const TURNS = 30;
let server: InferenceServer | undefined;

afterEach(async () => {
  await server?.close();
});

const look = defineTool({ name: "look", description: "Looks something up", input: { type: "object" }, run: () => "found something new" });
const say = (role: ChatRole, content: string, cacheMarker = false) => ({ role, content, cacheMarker });

type Json = Record<string, unknown>;

const rows: [string, InferenceServerFormat, string, (url: string) => InferenceClient][] = [
  ["Anthropic", "anthropic", "messages", (baseURL) => new AnthropicInferenceClient({ model: "claude-opus-5", apiKey: "k", baseURL })],
  [
    "Bedrock",
    "bedrock",
    "messages",
    (endpoint) =>
      new BedrockInferenceClient({
        model: "global.anthropic.claude-opus-5-v1:0",
        region: "us-east-1",
        endpoint,
        credentials: { accessKeyId: "AKIA", secretAccessKey: "s" },
      }),
  ],
  [
    "OpenAI",
    "openai-responses",
    "input",
    (baseURL) => new OpenAIInferenceClient({ model: "gpt-5.6-sol", apiKey: "k", baseURL, api: "responses", provider: "openai" }),
  ],
];

describe.each(rows)("caching on %s", (_name, format, list, clientOf) => {
  it.each([false, true])("marks at most four places, and leaves what was said as it was; with markers of the caller: %s", async (own) => {
    const script = Array.from({ length: TURNS }, (_, turn) =>
      turn === TURNS - 1 ? "done" : { text: `Step ${turn}.`, toolCalls: [{ name: "look", input: { turn }, id: `call_${turn}` }] },
    );
    server = await startInferenceServer(format, script);
    const asked = [
      say(ChatRole.SYSTEM, "You look things up."),
      say(ChatRole.USER, "First this.", own),
      say(ChatRole.USER, "Then that.", own),
    ];
    const { iterations } = await clientOf(server.url).toolChain(asked, [look], { maxIterations: TURNS });
    expect(iterations).toBe(TURNS);
    const bodies = server.requests.map(({ body }) => body as Json);
    expect(bodies).toHaveLength(TURNS);
    for (const [turn, body] of bodies.entries()) {
      const marks = marksIn(body);
      expect(marks.length).toBeGreaterThan(0);
      expect(marks.length).toBeLessThanOrEqual(4);
      const before = bodies[turn - 1];
      if (before === undefined) continue;
      const { [list]: said, ...rest } = withoutMarks(body) as Record<string, unknown[]>;
      const { [list]: saidBefore, ...restBefore } = withoutMarks(before) as Record<string, unknown[]>;
      expect(JSON.stringify(rest)).toBe(JSON.stringify(restBefore));
      expect(JSON.stringify(said?.slice(0, saidBefore?.length))).toBe(JSON.stringify(saidBefore));
      // What the provider stored last time is asked for this time.
      expect(marks).toContain(
        marksIn(before)
          .filter((mark) => mark.startsWith(`/${list}/`))
          .at(-1),
      );
    }
  });
});
