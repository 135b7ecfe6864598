/** Where servers depart from OpenAI's own Chat Completions: each departure is an option, and a server's profile a set of them. */
import * as z from "zod/mini";
import { lazily } from "#contract/base/lazily";

const SERVERS = [
  "vllm",
  "sglang",
  "ollama",
  "llama.cpp",
  "lm-studio",
  "openrouter",
  "groq",
  "mistral",
  "deepseek",
  "together",
  "fireworks",
  "cerebras",
  "xai",
  "moonshot",
  "alibaba",
  "deepinfra",
] as const;

/** A server whose departures from OpenAI's Chat Completions are known. */
export type CompatibleServer = (typeof SERVERS)[number];

const EFFORTS = ["minimal", "low", "medium", "high", "xhigh", "max"] as const;
const THINKING_FIELDS = ["reasoning_effort", "reasoning", "thinking", "enable_thinking", "chat_template_kwargs"] as const;

/** Where a server departs from OpenAI's own Chat Completions. */
export interface OpenAICompatibility {
  /** The server, whose departures are known: what is said beside it holds in its place. Default by the address, for services that have one; else none. */
  profile?: CompatibleServer;
  /** Whether streams tell why they end; where they do not, any end of the stream counts as one. Default true. */
  finishReason?: boolean;
  /** Default `"max_completion_tokens"` for OpenAI, `"max_tokens"` for others. */
  maxTokensField?: "max_tokens" | "max_completion_tokens";
  /**
   * Whether thoughts that stand in the text, between `<think>` and `</think>` at its start, are thinking: `"opened"` where the server's template has
   * opened them, so that only the end is there. Default true for all but OpenAI.
   */
  thinkTags?: boolean | "opened";
  /** Whether instructions are said by a developer, or by the system. Default: the developer for OpenAI alone. */
  developerRole?: boolean;
  /** Whether a stream is asked for its usage by `stream_options`; a server that refuses it is asked again without. Default true. */
  streamOptions?: boolean;
  /** Whether a tool can be forced by its name; where it cannot, it is told alone, and that one is required. Default true. */
  namedToolChoice?: boolean;
  /**
   * The member of the request that asks for thinking: `"reasoning"` with `enabled`, `"thinking"` with `type`, `"enable_thinking"` with `thinking_budget`,
   * `"chat_template_kwargs"` with what templates call it; an effort goes out as `reasoning_effort` beside them. Default `"reasoning_effort"` alone, for OpenRouter its own.
   */
  thinkingField?: (typeof THINKING_FIELDS)[number];
  /** The efforts that the server knows: the nearest goes out. Default `low` to `high`. */
  efforts?: readonly (typeof EFFORTS)[number][];
  /** `"nine"` where ids of tool calls are nine letters and digits: those of others are turned into such. Default `"free"`. */
  toolCallIds?: "free" | "nine";
  /** Whether the output tokens that are told hold those of the thoughts. Default true; where there are more thoughts than output they are added anyway. */
  thoughtsInOutput?: boolean;
}

export const compatibilitySchema = lazily(() =>
  z.union(
    [
      z.enum(SERVERS),
      z.strictObject({
        profile: z.optional(z.enum(SERVERS)),
        finishReason: z.optional(z.boolean()),
        maxTokensField: z.optional(z.enum(["max_tokens", "max_completion_tokens"])),
        developerRole: z.optional(z.boolean()),
        thinkTags: z.optional(z.union([z.boolean(), z.literal("opened")])),
        streamOptions: z.optional(z.boolean()),
        namedToolChoice: z.optional(z.boolean()),
        thinkingField: z.optional(z.enum(THINKING_FIELDS)),
        efforts: z.optional(z.array(z.enum(EFFORTS)).check(z.minLength(1))),
        toolCallIds: z.optional(z.enum(["free", "nine"])),
        thoughtsInOutput: z.optional(z.boolean()),
      }),
    ],
    `expected the name of a server (${SERVERS.join(", ")}), or an object of its departures from OpenAI's API`,
  ),
);
