/** Models of the AI SDK's own mock, in each version of its specification, and the parts that they answer with. */
import type { LanguageModelV4, LanguageModelV4GenerateResult, LanguageModelV4StreamPart } from "@ai-sdk/provider";
import { simulateReadableStream } from "ai";
import { type MockLanguageModelV3, MockLanguageModelV4 } from "ai/test";
import { AiSdkInferenceClient } from "asimov-agents/ai-sdk";
import type { AiSdkClientOptions } from "#inference/ai-sdk/options";

export const USAGE: LanguageModelV4GenerateResult["usage"] = {
  inputTokens: { total: 100, noCache: 30, cacheRead: 60, cacheWrite: 10 },
  outputTokens: { total: 20, text: 15, reasoning: 5 },
};
export const STOP: LanguageModelV4StreamPart = { type: "finish", usage: USAGE, finishReason: { unified: "stop", raw: "end" } };

export const textOf = (...deltas: string[]): LanguageModelV4StreamPart[] => [
  { type: "text-start", id: "0" },
  ...deltas.map((delta): LanguageModelV4StreamPart => ({ type: "text-delta", id: "0", delta })),
  { type: "text-end", id: "0" },
];

type Streamed = Awaited<ReturnType<LanguageModelV4["doStream"]>>;

export const streamOf = (parts: readonly LanguageModelV4StreamPart[], more: Omit<Streamed, "stream"> = {}): Streamed => ({
  stream: simulateReadableStream({ chunks: [...parts], initialDelayInMs: null, chunkDelayInMs: null }),
  ...more,
});

/** Answers each request with the parts of its turn. */
export function streaming(...turns: LanguageModelV4StreamPart[][]): MockLanguageModelV4 {
  return new MockLanguageModelV4({ provider: "mock.chat", modelId: "mock-1", doStream: turns.map((parts) => streamOf(parts)) });
}

/** Answers each request whole. */
export function answering(...turns: Partial<LanguageModelV4GenerateResult>[]): MockLanguageModelV4 {
  const whole = turns.map((turn) => ({
    content: [],
    finishReason: { unified: "stop", raw: "end" } as const,
    usage: USAGE,
    warnings: [],
    ...turn,
  }));
  return new MockLanguageModelV4({ provider: "mock.chat", modelId: "mock-1", doGenerate: whole });
}

export const clientOf = (model: AiSdkClientOptions["model"], options: Omit<AiSdkClientOptions, "model"> = {}): AiSdkInferenceClient =>
  new AiSdkInferenceClient({ model, retry: { maxAttempts: 1 }, ...options });

/** Version 2 is what version 3 is, but for what it says and is given. */
export const inVersion = (specificationVersion: "v2" | "v3", model: MockLanguageModelV3): AiSdkClientOptions["model"] =>
  Object.assign(model, { specificationVersion }) as AiSdkClientOptions["model"];
