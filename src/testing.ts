/** The entry point `asimov-agents/testing`: models that answer from a script, simulated time, and the laws that every driver keeps. */
export { type CacheSuiteOptions, cacheLaws } from "./testing/cache-suite.ts";
export type { Law } from "./testing/law.ts";
export { type RunStoreSuiteOptions, runStoreLaws } from "./testing/run-store-suite.ts";
export type { Script, ScriptEntry, ScriptedError, ScriptedToolCall, ScriptedTurn, ScriptRequest } from "./testing/script.ts";
export { type ScriptedClientOptions, ScriptedInferenceClient } from "./testing/scripted-inference-client.ts";
export type { ScriptedCall } from "./testing/scripted-wire.ts";
export {
  type InferenceServer,
  type InferenceServerFormat,
  type InferenceServerOptions,
  startInferenceServer,
} from "./testing/servers/inference-server.ts";
export type { ServedRequest } from "./testing/servers/served-request.ts";
export { SimulatedClock } from "./testing/simulated-clock.ts";
