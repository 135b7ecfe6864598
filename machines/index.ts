/** The charts alone, to embed, visualise or model-test; whoever runs one supplies its actors. */

export { defineNode, type NodeDefinition } from "#contract/node/definition";
export {
  type AgentMachineContext,
  type AgentMachineEvent,
  type AgentMachineInput,
  agentMachine,
  type NodesCommand,
  type PublishEvent,
} from "./agent.ts";
export {
  type NodeMachineContext,
  type NodeMachineEvent,
  type NodeMachineInput,
  type NodeMachineReport,
  nodeMachine,
} from "./node.ts";
export { type TaskMachineContext, type TaskMachineEvent, taskMachine } from "./task.ts";
export { type ToolLoopContext, type ToolLoopEvent, type ToolLoopInput, type ToolLoopOutput, toolLoopMachine } from "./tool-loop.ts";
