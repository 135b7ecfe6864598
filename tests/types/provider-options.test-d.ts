/** `providerOptions` where the SDKs are installed: what they know is checked, what they do not know yet may be said. */
import type { GenerateOptions } from "asimov-agents";
import type {} from "asimov-agents/anthropic";
import type {} from "asimov-agents/bedrock";
import type {} from "asimov-agents/genai";
import type {} from "asimov-agents/openai";

export const beside: GenerateOptions["providerOptions"] = {
  anthropic: { service_tier: "auto", not_known_yet: 1, headers: { "anthropic-beta": "a" } },
  openai: { prompt_cache_key: "k", service_tier: "flex" },
  bedrock: { performanceConfig: { latency: "optimized" } },
  google: {
    safetySettings: [{ category: "HARM_CATEGORY_HARASSMENT", threshold: "BLOCK_NONE" }],
    generationConfig: { responseModalities: ["TEXT", "IMAGE"], not_known_yet: 1 },
  },
  mistral: { safe_prompt: true },
};
// @ts-expect-error: the SDK knows other tiers
export const tier: GenerateOptions["providerOptions"] = { anthropic: { service_tier: "golden" } };
// @ts-expect-error: the SDK knows other categories
export const category: GenerateOptions["providerOptions"] = { google: { safetySettings: [{ category: "HARM_CATEGORY_RUDENESS" }] } };
// @ts-expect-error: a key is a text
export const key: GenerateOptions["providerOptions"] = { openai: { prompt_cache_key: 1 } };
// @ts-expect-error: headers are texts
export const headers: GenerateOptions["providerOptions"] = { anthropic: { headers: { a: 1 } } };
