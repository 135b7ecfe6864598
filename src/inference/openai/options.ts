/** What an OpenAI client is made with, and what follows from where it goes. */
import * as z from "zod/mini";
import { lazily } from "#contract/base/lazily";
import { isFunction, keyText, nonEmpty, parseOptions } from "#contract/base/options";
import { addressedShape, type ClientOptions } from "#inference/call/call-settings";
import type { Capabilities } from "#inference/request/capabilities";
import { type CompatibleServer, compatibilitySchema, type OpenAICompatibility } from "./compatibility.ts";
import { compatibilityOf } from "./known-server.ts";
import { PROFILES } from "./profiles.ts";

/**
 * What is used of a client of `openai`: `OpenAI` and `AzureOpenAI` are such.
 * A copy of it is used, by its own `withOptions` where it has one, with its retries off.
 */
export interface OpenAIClientLike {
  chat: { completions: { create(body: object, options: object): PromiseLike<unknown> } };
  responses: { create(body: object, options: object): PromiseLike<unknown> };
  withOptions?(options: object): OpenAIClientLike;
}

export interface OpenAIClientOptions extends ClientOptions {
  /** Such as `"gpt-5.6"`; for another server, as that names it. */
  model: string;
  /** Default `OPENAI_API_KEY`; a placeholder where `baseURL` is given. */
  apiKey?: string;
  /** Address of another server, http or https, such as `"http://127.0.0.1:11434/v1"`. Default `OPENAI_BASE_URL`, then OpenAI's own. */
  baseURL?: string;
  /** Default `"responses"` for OpenAI, `"chat"` for other servers. */
  api?: "responses" | "chat";
  /** Used in place of the platform's, for proxies and tests. */
  fetch?: typeof fetch;
  /** A ready-made SDK client, in place of apiKey and baseURL. */
  client?: OpenAIClientLike;
  /** OpenTelemetry's name of the provider. Default by the address: `"openai"`, `"openrouter"`, else `"openai-compatible"`. */
  provider?: string;
  /**
   * The server's name where its departures from OpenAI's Chat Completions are known, or what they are. Services are known by their address; what runs on
   * your own machines is not: name it.
   */
  compatibility?: CompatibleServer | OpenAICompatibility;
}

function isClient(value: unknown): boolean {
  const { chat, responses } = (value ?? {}) as { chat?: { completions?: { create?: unknown } }; responses?: { create?: unknown } };
  return isFunction(chat?.completions?.create) && isFunction(responses?.create);
}

const schema = lazily(() =>
  z
    .strictObject({
      ...addressedShape(),
      apiKey: z.optional(keyText),
      api: z.optional(z.enum(["responses", "chat"])),
      client: z.optional(
        z.custom<OpenAIClientLike>(isClient, {
          message: "expected a client of openai: an object with chat.completions.create and responses.create",
        }),
      ),
      provider: z.optional(nonEmpty),
      compatibility: z.optional(compatibilitySchema()),
    })
    .check(
      z.refine(({ client, apiKey, baseURL }) => client === undefined || !(apiKey ?? baseURL), {
        message: "client comes with its own apiKey and baseURL; give either client or those",
      }),
    ),
);

/** @throws AsimovError `invalid-options` */
export function parseOpenAIOptions(options: OpenAIClientOptions): OpenAIClientOptions {
  // A ready-made client keeps its prototype: what was checked is what was given.
  parseOptions(schema() as unknown as z.ZodMiniType<OpenAIClientOptions>, options, "OpenAIInferenceClient");
  return options;
}

/** How requests are written for one server. */
export interface Dialect {
  provider: string;
  api: "responses" | "chat";
  finishReason: boolean;
  maxTokensField: "max_tokens" | "max_completion_tokens";
  instructor: "developer" | "system";
  thinkTags: boolean | "opened";
  streamOptions: boolean;
  namedToolChoice: boolean;
  thinkingField: OpenAICompatibility["thinkingField"];
  efforts: OpenAICompatibility["efforts"];
  toolCallIds: "free" | "nine";
  thoughtsInOutput: boolean;
  /** What its models can do. */
  capabilities: Partial<Capabilities>;
  /** How a part says that caching ends with it. */
  markers: "openai" | "openrouter" | "none";
  /** Whether the address is none of OpenAI's. */
  isElsewhere: boolean;
}

export function dialectOf({ api: asked, provider: named, compatibility: given }: OpenAIClientOptions, address: string): Dialect {
  const host = URL.canParse(address) ? new URL(address).hostname : "";
  const { name, compatibility } = compatibilityOf(given, host);
  const api = asked ?? (isOpenAIHost(host) ? "responses" : "chat");
  const provider = named ?? (name === "openrouter" ? name : providerAt(host));
  const isOpenAI = isOpenAIHost(host) || isAzure(host) || provider === "openai";
  return {
    provider,
    api,
    finishReason: compatibility.finishReason ?? true,
    maxTokensField: compatibility.maxTokensField ?? (isOpenAI ? "max_completion_tokens" : "max_tokens"),
    instructor: (compatibility.developerRole ?? isOpenAI) ? "developer" : "system",
    thinkTags: compatibility.thinkTags ?? !isOpenAI,
    streamOptions: compatibility.streamOptions ?? true,
    namedToolChoice: compatibility.namedToolChoice ?? true,
    thinkingField: compatibility.thinkingField,
    efforts: compatibility.efforts,
    toolCallIds: compatibility.toolCallIds ?? "free",
    thoughtsInOutput: compatibility.thoughtsInOutput ?? true,
    // A shown thought is no matter of Chat Completions, stop sequences are none of the other API.
    capabilities:
      api === "chat" ? { thinkingDisplay: false, ...(name === undefined ? {} : PROFILES[name].capabilities) } : { stopSequences: false },
    markers: provider === "openrouter" ? "openrouter" : isOpenAI ? "openai" : "none",
    isElsewhere: !isOpenAIHost(host),
  };
}

/** Regions have hosts of their own. */
const isOpenAIHost = (host: string): boolean => /^(?:[a-z]+\.)?api\.openai\.com$/.test(host);

const isAzure = (host: string): boolean => /\.(?:openai|services\.ai|cognitiveservices)\.azure\.com$/.test(host);

function providerAt(host: string): string {
  if (isOpenAIHost(host)) return "openai";
  if (isAzure(host)) return "azure.ai.openai";
  return /^(?:.+\.)?openrouter\.ai$/.test(host) ? "openrouter" : "openai-compatible";
}
