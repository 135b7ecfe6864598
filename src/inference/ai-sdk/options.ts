/** What a client for models of the AI SDK is made with. */
import * as z from "zod/mini";
import { AsimovError } from "#contract/base/errors";
import { lazily } from "#contract/base/lazily";
import { parseOptions } from "#contract/base/options";
import { type ClientOptions, clientShape } from "#inference/call/call-settings";

/** What is used of a stream of the platform. */
export interface AiSdkStreamLike {
  getReader(): { read(): Promise<{ done: boolean; value?: unknown }>; cancel(reason?: unknown): Promise<void> };
}

/** What is used of a language model of the AI SDK: a `LanguageModelV2`, `LanguageModelV3` or `LanguageModelV4` of `@ai-sdk/provider` is one. */
export interface AiSdkModel {
  readonly specificationVersion: "v2" | "v3" | "v4";
  readonly provider: string;
  readonly modelId: string;
  doGenerate(options: object): PromiseLike<object>;
  doStream(options: object): PromiseLike<{ stream: AiSdkStreamLike; response?: { headers?: Record<string, string> } }>;
}

export interface AiSdkClientOptions extends ClientOptions {
  /** A model as its provider's package makes it, such as `mistral("mistral-large-latest")`; it comes with its own key and address. */
  model: AiSdkModel;
}

const schema = lazily(() => z.strictObject({ ...clientShape(), model: z.custom<AiSdkModel>() }));

const VERSIONS: ReadonlySet<unknown> = new Set(["v2", "v3", "v4"]);

/** @throws AsimovError `invalid-options` */
export function parseAiSdkOptions(options: AiSdkClientOptions): AiSdkClientOptions {
  const fault = faultOf((options as Partial<AiSdkClientOptions> | null | undefined)?.model);
  if (fault !== undefined) throw new AsimovError(`AiSdkInferenceClient: model: ${fault}.`, { code: "invalid-options" });
  // A model keeps its prototype: what was checked is what was given.
  parseOptions(schema() as unknown as z.ZodMiniType<AiSdkClientOptions>, options, "AiSdkInferenceClient");
  return options;
}

function faultOf(model: unknown): string | undefined {
  const expected = "expected a language model of the AI SDK, made by its provider's package";
  if (typeof model === "string")
    return `${expected}; got a string. Of an id the AI SDK's gateway makes one: gateway(id), of the package ai`;
  const { specificationVersion, provider, modelId, doGenerate, doStream } = (model ?? {}) as Partial<Record<keyof AiSdkModel, unknown>>;
  const told = typeof specificationVersion === "string" ? specificationVersion.slice(0, 20) : undefined;
  if (told !== undefined && !VERSIONS.has(told)) {
    return `${expected}, of its specification v2, v3 or v4; got one of "${told}". Install a version of the package that makes one of these`;
  }
  const isModel = typeof doGenerate === "function" && typeof doStream === "function" && VERSIONS.has(told);
  if (!isModel)
    return `${expected}: an object with specificationVersion, doGenerate and doStream; got ${model === null ? "null" : typeof model}`;
  if (typeof provider !== "string" || typeof modelId !== "string" || modelId === "") {
    return `${expected}: one that tells its provider and its modelId`;
  }
  return undefined;
}
