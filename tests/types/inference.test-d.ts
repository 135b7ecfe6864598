/** The contract of inference as the compiler sees it, by the package's public names: what is right compiles, what is wrong does not. */
import {
  AgentDirectedFlowControl,
  type AsimovError,
  type ChatMessage,
  ChatRole,
  type ContentBlock,
  ContextLengthExceededError,
  defineTool,
  type FlowControlModule,
  type GenerateOptions,
  type Generation,
  InferenceClient,
  InferenceError,
  type InferenceStream,
  type NonRetryableError,
  RetriesExceededError,
  type Schema,
  type StreamPart,
  type TaskOutcome,
  type Tool,
  type ToolChainOptions,
  type ToolChainResult,
  type Usage,
} from "asimov-agents";
import { AnthropicInferenceClient } from "asimov-agents/anthropic";
import { BedrockInferenceClient } from "asimov-agents/bedrock";
import { GoogleGenAIInferenceClient } from "asimov-agents/genai";
import { OpenAIInferenceClient } from "asimov-agents/openai";
import { ScriptedInferenceClient } from "asimov-agents/testing";
import { VertexInferenceClient } from "asimov-agents/vertex";
import { z } from "zod";

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const holds = <Law extends true>(law?: Law): Law | undefined => law;

// The words.
holds<Same<ChatRole, "SYSTEM" | "USER" | "ASSISTANT" | "TOOL_RESULT">>();
holds<Same<ContentBlock["type"], "text" | "thinking" | "file" | "image" | "tool-use" | "tool-result" | "provider">>();
holds<Same<Generation["finishReason"]["unified"], "stop" | "length" | "tool-calls" | "content-filter" | "other">>();
holds<Same<Generation["finishReason"]["raw"], string | null>>();
holds<
  Same<
    ToolChainResult["stopReason"],
    "finished" | "length" | "content-filter" | "refused" | "empty" | "max-iterations" | "stopped" | "context-length"
  >
>();
holds<
  Same<
    StreamPart["type"],
    | "provider"
    | "file"
    | "text-start"
    | "text-delta"
    | "text-end"
    | "thinking-start"
    | "thinking-delta"
    | "thinking-end"
    | "tool-input-start"
    | "tool-input-delta"
    | "tool-call"
    | "source"
    | "finish"
  >
>();

// The clients, with every option of the contract.
export const clients: InferenceClient[] = [
  new AnthropicInferenceClient({ model: "m", apiKey: "k", baseURL: "http://localhost", thinking: true, fetch }),
  new AnthropicInferenceClient({ model: "m", client: { messages: { create: async () => ({}) } } }),
  new OpenAIInferenceClient({ model: "m", apiKey: "k", baseURL: "http://localhost", api: "responses", fetch }),
  new OpenAIInferenceClient({ model: "m", api: "chat" }),
  new BedrockInferenceClient({ model: "m", region: "r", credentials: { accessKeyId: "a", secretAccessKey: "s" }, endpoint: "http://e" }),
  new BedrockInferenceClient({ model: "m", client: { send: async () => ({}) } }),
  new VertexInferenceClient({ model: "m", project: "p", location: "l", apiEndpoint: "e" }),
  new GoogleGenAIInferenceClient({ model: "m", apiKey: "k", baseURL: "http://localhost" }),
  new GoogleGenAIInferenceClient({ model: "m", project: "p", location: "l" }),
  new ScriptedInferenceClient(["Hi"]),
];
// @ts-expect-error: a client needs a model
new AnthropicInferenceClient({ apiKey: "k" });
// @ts-expect-error: an unknown option
new OpenAIInferenceClient({ model: "m", key: "k" });
// @ts-expect-error: an API that there is not
new OpenAIInferenceClient({ model: "m", api: "assistants" });
// @ts-expect-error: credentials are whole
new BedrockInferenceClient({ model: "m", credentials: { accessKeyId: "a" } });
// @ts-expect-error: Vertex takes no fetch
new VertexInferenceClient({ model: "m", fetch });
// @ts-expect-error: what is no client of the SDK
new GoogleGenAIInferenceClient({ model: "m", client: {} });
// @ts-expect-error: the base is for clients of one's own
new InferenceClient();

// What is said.
export const messages: ChatMessage[] = [
  { role: ChatRole.SYSTEM, content: "Be brief.", cacheMarker: true, modelFamilies: ["claude"] },
  { role: "USER", content: [{ type: "text", text: "Hello" }] },
  { role: "ASSISTANT", content: [{ type: "tool-use", id: "t", name: "add", input: { a: 1 } }] },
  { role: "TOOL_RESULT", content: [{ type: "tool-result", toolUseId: "t", content: "1", isError: false }] },
];
// @ts-expect-error: a role that there is not
messages.push({ role: "user", content: "Hello" });
// @ts-expect-error: a result is of a call
messages.push({ role: "TOOL_RESULT", content: [{ type: "tool-result", content: "1" }] });
// @ts-expect-error: an image is data or an address
messages.push({ role: "USER", content: [{ type: "image" }] });

// A tool's input is what its schema says.
export const add: Tool = defineTool({
  name: "add",
  description: "Adds",
  input: z.object({ a: z.number(), b: z.number().default(1) }),
  run: ({ a, b }, { signal, toolUseId, idempotencyKey }) => {
    holds<Same<[typeof a, typeof b], [number, number]>>();
    holds<Same<[typeof signal, typeof toolUseId, typeof idempotencyKey], [AbortSignal, string, string]>>();
    return a + b;
  },
});
defineTool({
  name: "raw",
  description: "Takes JSON Schema",
  input: { type: "object", properties: { a: { type: "number" } } },
  run: (input) => holds<Same<typeof input, unknown>>(),
});
// @ts-expect-error: the schema has no field b
defineTool({ name: "add", description: "Adds", input: z.object({ a: z.number() }), run: ({ b }) => b });
// @ts-expect-error: a tool runs
defineTool({ name: "add", description: "Adds", input: {} });

// What may be asked.
export const asked: Required<Omit<GenerateOptions, "caching">> = {
  maxTokens: 1,
  temperature: 0,
  topP: 1,
  stopSequences: ["\n"],
  tools: [add],
  toolChoice: { name: "add" },
  thinking: { effort: "high" },
  output: z.object({ answer: z.string() }) satisfies Schema,
  signal: new AbortController().signal,
  idleTimeoutMs: 1,
  providerOptions: { anthropic: { service_tier: "auto", headers: { "x-own": "yes" } } },
};
for (const toolChoice of ["auto", "any", "none"] as const) asked.toolChoice = toolChoice;
export const chain: ToolChainOptions = {
  maxIterations: 10,
  middlewares: [(block) => void block.type, async (block) => void block.type],
  modeSwap: { modes: { plan: { description: "Plans", tools: [] } }, initial: "plan" },
  fifoRatio: 0.5,
  toolResultReducer: ({ content }) => content,
};
// @ts-expect-error: a choice that there is not
asked.toolChoice = "required";
// @ts-expect-error: an unknown option
export const misspelt: GenerateOptions = { max_tokens: 1 };

// What comes back.
export async function use(client: InferenceClient): Promise<void> {
  holds<Same<typeof client.model, string>>();
  holds<Same<typeof client.usage, Usage>>();
  // @ts-expect-error: it is the client's to count
  client.usage = { inputTokens: 0, outputTokens: 0, cacheReadTokens: 0, cacheWriteTokens: 0 };

  const whole: Generation = await client.generate(messages, asked);
  holds<Same<[typeof whole.output, typeof whole.raw], [unknown, unknown]>>();
  holds<Same<typeof whole.headers, Record<string, string>>>();
  // @ts-expect-error: what no header tells is absent
  (): number => whole.rateLimits.requests.remaining;
  holds<Same<[typeof whole.text, typeof whole.model, typeof whole.warnings], [string, string, string[]]>>();
  holds<
    Same<
      [Usage["inputTokens"], Usage["cacheReadTokens"], Usage["cacheWriteTokens"], Usage["outputTokens"]],
      [number, number, number, number]
    >
  >();
  // @ts-expect-error: an unknown price is absent, not 0
  (): number => whole.usage.cost;

  const stream: InferenceStream = client.stream(messages, asked);
  for await (const part of stream) {
    if (part.type === "text-delta") holds<Same<typeof part.text, string>>();
    if (part.type === "tool-call") holds<Same<[typeof part.name, typeof part.input], [string, unknown]>>();
    if (part.type === "finish") holds<Same<typeof part.usage, Usage>>();
    // @ts-expect-error: not every part has a text
    part.text;
  }
  for await (const text of stream.text) holds<Same<typeof text, string>>();
  holds<Same<typeof stream.result, Promise<Generation>>>();
  const anyEnd: ToolChainResult = await client.toolChain(messages, [add], chain);
  holds<Same<typeof anyEnd.output, unknown>>();
  // With a schema, the output has its type; without one there is none.
  const output = z.object({ answer: z.string() });
  const [typed, plain] = [await client.generate(messages, { output }), await client.generate(messages, { maxTokens: 1 })];
  holds<Same<[typeof typed.output, typeof plain.output], [{ answer: string }, undefined]>>();
  holds<Same<Awaited<ReturnType<typeof json>>["output"], unknown>>();
  const json = () => client.generate(messages, { output: { type: "object" } });
  const streamed = await client.stream(messages, { output }).result;
  holds<Same<typeof streamed.output, { answer: string }>>();
  for (const end of [await client.toolChain(messages, [add], { output }), await client.streamChain(messages, [add], { output }).result]) {
    if (end.stopReason === "finished") holds<Same<typeof end.output, { answer: string }>>();
    else holds<Same<typeof end.output, undefined>>();
    // @ts-expect-error: of a chain that may not have finished
    end.output.answer;
  }
  for await (const part of client.stream(messages, { output }).partialOutput) holds<Same<typeof part.answer, string | undefined>>();
  for await (const part of client.streamChain(messages, [add], { output }).partialOutput)
    holds<Same<typeof part.answer, string | undefined>>();
  for await (const part of client.stream(messages).partialOutput) holds<Same<typeof part, never>>();
  // @ts-expect-error: a schema is an object
  client.generate(messages, { output: "json" });
}

export function told(error: unknown, outcome: TaskOutcome): string | number | undefined {
  if (error instanceof RetriesExceededError) return error.attempts;
  if (error instanceof ContextLengthExceededError) return (error satisfies NonRetryableError).provider;
  if (error instanceof InferenceError) {
    holds<Same<[typeof error.retryable, typeof error.provider], [boolean, string]>>();
    return (error satisfies AsimovError).status ?? error.retryAfter;
  }
  return outcome.usage.cost;
}

export const flow: FlowControlModule = new AgentDirectedFlowControl({
  name: "vote",
  flowConfig: { decisions: [{ nextNode: "a", metadata: { description: "Goes to a" } }], default: "b" },
  voters: [...clients, ({ options }) => options[0]?.name],
});
