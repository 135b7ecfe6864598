/** The actor logics that the machines are provided with. */
export { checkNode, type NodeChecks, verifyOutputs } from "./check-node.ts";
export { generate, trimConversation } from "./generate.ts";
export { nodePool } from "./node-pool.ts";
export { type Outbox, publishMessages } from "./publish-messages.ts";
export { receiveMessage } from "./receive-message.ts";
export { closeNodes, closeRun, openRun, type RunEffects } from "./run-effects.ts";
export { type RunModuleSnapshot, runModule } from "./run-module.ts";
export { type RunToolsSnapshot, runTools } from "./run-tools.ts";
export { sleepUntil } from "./sleep-until.ts";
export { type TimeLimitSnapshot, timeLimit } from "./time-limit.ts";
