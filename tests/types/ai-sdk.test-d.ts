/** Models and pages of the AI SDK fit as they are: no cast stands between its types and ours. */
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import type { LanguageModelV2, LanguageModelV3, LanguageModelV4 } from "@ai-sdk/provider";
import { createUIMessageStreamResponse, pipeUIMessageStreamToResponse, type UIMessage, type UIMessageChunk } from "ai";
import { type Agent, type InferenceClient, type RunStore, Runs, type Task } from "asimov-agents";
import { AiSdkInferenceClient, type RunUiData, toUiMessageStream, type UiMessageChunk, type UiMetadata } from "asimov-agents/ai-sdk";
import { z } from "zod";

declare const models: [LanguageModelV2, LanguageModelV3, LanguageModelV4];
declare const client: InferenceClient;
declare const agent: Agent;
declare const task: Task;
declare const store: RunStore;
declare const response: import("node:http").ServerResponse;

new AiSdkInferenceClient({ model: models[0] });
new AiSdkInferenceClient({ model: models[1] });
new AiSdkInferenceClient({ model: models[2], maxTokens: 100 });
new AiSdkInferenceClient({ model: createAnthropic()("claude-sonnet-5-5") });
new AiSdkInferenceClient({ model: createOpenAICompatible({ name: "local", baseURL: "http://127.0.0.1" })("m") });
// @ts-expect-error an id is no model
new AiSdkInferenceClient({ model: "openai/gpt-5" });
// @ts-expect-error keys are the package's own
new AiSdkInferenceClient({ model: models[2], apiKey: "k" });

const chunk = {} as UiMessageChunk;
const theirs: UIMessageChunk<UiMetadata, RunUiData> = chunk;
void theirs;

createUIMessageStreamResponse({ stream: toUiMessageStream(client.streamChain([], [])) });
createUIMessageStreamResponse({ stream: toUiMessageStream(client.stream([])) });
createUIMessageStreamResponse({ stream: toUiMessageStream(client.streamChain([], [], { output: z.object({ a: z.number() }) })) });
createUIMessageStreamResponse({ stream: toUiMessageStream(agent.start(task)) });
createUIMessageStreamResponse({ stream: toUiMessageStream(agent.start(task, { whenWaiting: "park" }), { from: 3 }) });
void pipeUIMessageStreamToResponse({ response, stream: toUiMessageStream(new Runs(store).events("id", { deltas: true })) });
createUIMessageStreamResponse({ stream: toUiMessageStream(new Runs(store).events("id")) });
// @ts-expect-error text alone has no parts
toUiMessageStream(client.stream([]).text);

declare const message: UIMessage<UiMetadata, RunUiData>;
for (const part of message.parts) {
  if (part.type === "data-node") void (part.data.status satisfies string);
  if (part.type === "data-question") void (part.data.shownHash satisfies string);
}
