/** The entry point `asimov-agents/vertex`: Gemini on Vertex AI, by its former SDK; it needs the package `@google-cloud/vertexai`. */
export { VertexInferenceClient } from "./clients/vertex.ts";
export type { VertexClientLike, VertexClientOptions, VertexModelLike } from "./inference/vertex/options.ts";
