/** The entry point `asimov-agents/bedrock`: models on Amazon Bedrock; it needs the package `@aws-sdk/client-bedrock-runtime`. */
export { BedrockInferenceClient } from "./clients/bedrock.ts";
export type { BedrockClientLike, BedrockClientOptions, BedrockCredentials } from "./inference/bedrock/options.ts";
export type { BedrockProviderOptions } from "./inference/bedrock/provider-options.ts";
