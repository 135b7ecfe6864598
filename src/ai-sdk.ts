/** The entry point `asimov-agents/ai-sdk`: models of the AI SDK's providers behind a client, and runs and chains as what its `useChat` reads. */
export type { RunUiData, UiMessageChunk, UiMetadata, UiNode, UiQuestion, UiRun } from "./ai-sdk/chunks.ts";
export { toUiMessageStream, type UiMessageStreamOptions, type UiRunSource, type UiSource } from "./ai-sdk/to-ui-message-stream.ts";
export { AiSdkInferenceClient } from "./clients/ai-sdk.ts";
export type { AiSdkClientOptions, AiSdkModel, AiSdkStreamLike } from "./inference/ai-sdk/options.ts";
