/** What an Anthropic client is made with. */
import * as z from "zod/mini";
import { lazily } from "#contract/base/lazily";
import { isFunction, keyText, parseOptions } from "#contract/base/options";
import { addressedShape, type ClientOptions } from "#inference/call/call-settings";

/**
 * What is used of a client of `@anthropic-ai/sdk`: `Anthropic`, `AnthropicVertex`, `AnthropicBedrock` and `AnthropicBedrockMantle` are such.
 * A copy of it is used, by its own `withOptions`, with its retries and its telemetry off.
 */
export interface AnthropicClientLike {
  messages: { create(body: object, options: object): PromiseLike<unknown> };
  withOptions?(options: object): AnthropicClientLike;
}

export interface AnthropicClientOptions extends ClientOptions {
  /** Such as `"claude-sonnet-5-5"`; for a client of another cloud, as that names it. */
  model: string;
  /** Default as the SDK finds one: `ANTHROPIC_API_KEY`, `ANTHROPIC_AUTH_TOKEN`, then a profile on disk. */
  apiKey?: string;
  /** Address of a proxy or another server, http or https. Default `ANTHROPIC_BASE_URL`, then Anthropic's own. */
  baseURL?: string;
  /** Used in place of the platform's, for proxies and tests. */
  fetch?: typeof fetch;
  /** A ready-made SDK client, in place of apiKey and baseURL. */
  client?: AnthropicClientLike;
}

const schema = lazily(() =>
  z
    .strictObject({
      ...addressedShape(),
      apiKey: z.optional(keyText),
      client: z.optional(
        z.custom<AnthropicClientLike>(
          (value) => isFunction((value as { messages?: { create?: unknown } } | null | undefined)?.messages?.create),
          {
            message: "expected a client of @anthropic-ai/sdk: an object with messages.create",
          },
        ),
      ),
    })
    .check(
      z.refine(({ client, apiKey, baseURL }) => client === undefined || !(apiKey ?? baseURL), {
        message: "client comes with its own apiKey and baseURL; give either client or those",
      }),
    ),
);

/** @throws AsimovError `invalid-options` */
export function parseAnthropicOptions(options: AnthropicClientOptions): AnthropicClientOptions {
  // A ready-made client keeps its prototype: what was checked is what was given.
  parseOptions(schema() as unknown as z.ZodMiniType<AnthropicClientOptions>, options, "AnthropicInferenceClient");
  return options;
}
