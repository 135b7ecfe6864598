/** The providers that the AI SDK calls by names of its own: what OpenTelemetry calls them, and what is asked of them in their own words. */
import type { SharedV4ProviderOptions } from "@ai-sdk/provider";
import type { Thinking } from "#contract/chat/generation";
import type { JsonSchema } from "#contract/chat/schema";
import type { SchemaFit } from "#contract/chat/wire";
import type { Capabilities } from "#inference/request/capabilities";
import { outputFit } from "#inference/request/output-schema";
import { fitOf } from "#inference/request/strict-schema";
import type { AiSdkModel } from "./options.ts";

type Options = SharedV4ProviderOptions;
type Asked = Exclude<Thinking, false>;

interface Known {
  /** OpenTelemetry's `gen_ai.provider.name`; prices and capabilities go by it. */
  name: string;
  /** Under which its package takes `providerOptions` and the ids of files, where that is not the first word of what it calls itself. */
  key?: string;
  /** What a message or a tool carries where caching ends. */
  marker?: Options;
  /** Thinking beyond an effort, which the AI SDK has no word for. */
  thinking?(asked: Asked): Options | undefined;
  /** Their packages refuse SYSTEM in the middle of a conversation. */
  systemFirst?: true;
  /** Their packages take files within what tools gave; others write them as text. */
  nestsFiles?: boolean;
  /** How the provider takes a schema, where it has a subset: its package sends each as it is. */
  schemaFit?(schema: JsonSchema): SchemaFit;
  /** With a schema that it cannot be held to: by itself its package asks to be. */
  loose?: Options;
}

const budgetOf = (asked: Asked): number | undefined => (asked === true ? undefined : asked.budgetTokens);

const ANTHROPIC: Known = {
  name: "anthropic",
  key: "anthropic",
  marker: { anthropic: { cacheControl: { type: "ephemeral" } } },
  thinking: (asked) => {
    const budgetTokens = budgetOf(asked);
    const display = asked === true ? undefined : asked.display;
    const isAsked = asked === true || display !== undefined;
    if (budgetTokens === undefined && !isAsked) return undefined;
    const kind = budgetTokens === undefined ? { type: "adaptive" } : { type: "enabled", budgetTokens };
    return { anthropic: { thinking: { ...kind, ...(display === undefined ? {} : { display }) } } };
  },
  schemaFit: outputFit,
  systemFirst: true,
  nestsFiles: true,
};

const google = (name: string): Known => ({
  name,
  key: "google",
  thinking: (asked) => {
    const thinkingBudget = budgetOf(asked);
    if (thinkingBudget === undefined && asked !== true) return undefined;
    return { google: { thinkingConfig: { includeThoughts: true, ...(thinkingBudget === undefined ? {} : { thinkingBudget }) } } };
  },
  systemFirst: true,
  nestsFiles: true,
});

const BEDROCK: Known = {
  name: "aws.bedrock",
  key: "bedrock",
  marker: { bedrock: { cachePoint: { type: "default" } } },
  thinking: (asked) => {
    const budgetTokens = budgetOf(asked);
    return budgetTokens === undefined ? undefined : { bedrock: { reasoningConfig: { type: "enabled", budgetTokens } } };
  },
  schemaFit: outputFit,
  systemFirst: true,
  nestsFiles: true,
};

/** Of its tools, too, an object is told with its properties. */
const OPENAI: Known = {
  name: "openai",
  schemaFit: (schema) => fitOf({ type: "object", properties: {}, ...schema }),
  loose: { openai: { strictJsonSchema: false } },
};

/** By `provider` of a model, such as `google.vertex.chat`; the first that fits. */
const KNOWN: readonly (readonly [RegExp, Known])[] = [
  [/anthropic/, ANTHROPIC],
  [/bedrock/, BEDROCK],
  [/vertex/, google("gcp.vertex_ai")],
  [/^google\b/, google("gcp.gemini")],
  [/^openai\.responses/, { ...OPENAI, nestsFiles: true }],
  [/^openai\.chat/, OPENAI],
  [/^azure/, { ...OPENAI, name: "azure.ai.openai" }],
  [/^mistral\b/, { name: "mistral_ai" }],
  [/^xai\b/, { name: "x_ai" }],
];

export interface ProviderFacts extends Known {
  key: string;
  capabilities: Partial<Capabilities>;
}

/** Who is known to OpenTelemetry by the AI SDK's own word, or to nobody, is called by that word. */
export function factsOf(model: AiSdkModel): ProviderFacts {
  const { provider, specificationVersion } = model;
  const word = (provider.split(".")[0] as string).trim() || "ai-sdk";
  const known = KNOWN.find(([which]) => which.test(provider))?.[1] ?? { name: word };
  // A field of the packages for servers that speak as OpenAI does.
  const { supportsStructuredOutputs } = model as { supportsStructuredOutputs?: unknown };
  const isTabled = known.thinking !== undefined || /^(?:openai|azure\.ai\.openai|openrouter)$/.test(known.name);
  return {
    key: word,
    ...known,
    capabilities: {
      toolSubset: false,
      // Before its version 4 the specification has no word for thinking.
      ...(specificationVersion === "v4" ? (isTabled ? {} : { thinking: ["effort", "off"] }) : { thinking: [] }),
      ...(known === ANTHROPIC ? {} : { thinkingDisplay: false }),
      ...(known.marker === undefined ? { cacheMarkers: 0 } : {}),
      ...(known.systemFirst === true ? { systemAnywhere: false } : {}),
      ...(supportsStructuredOutputs === false ? { structuredOutput: false } : {}),
    },
  };
}
