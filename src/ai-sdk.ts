/** The entry point `asimov-agents/ai-sdk`: models of the AI SDK's providers behind a client. */
export { AiSdkInferenceClient } from "./clients/ai-sdk.ts";
export type { AiSdkClientOptions, AiSdkModel, AiSdkStreamLike } from "./inference/ai-sdk/options.ts";
