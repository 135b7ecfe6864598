/** Machines get their actors by type: one that is missing, misnamed or wrong does not compile. */
import { checkNode, publishMessages, runModule, sleepUntil, timeLimit, verifyOutputs } from "asimov-agents/actors";
import { nodeMachine } from "asimov-agents/machines";
import { fromPromise, setup } from "xstate";
import type { ModuleOrder, ModuleOutcome } from "#contract/node/attempt";
import { supply } from "#runtime/supply";

declare const host: never;
const hostOf = () => host;
const runSubgraph = runModule(hostOf);
const rest = { runSubgraph, checkNode: checkNode(hostOf), verifyOutputs: verifyOutputs(hostOf), sleepUntil: sleepUntil() };
const all = { ...rest, runModule: runModule(hostOf), timeLimit: timeLimit(hostOf) };

supply(nodeMachine, all);

// @ts-expect-error timeLimit is missing
supply(nodeMachine, { ...rest, runModule: runModule(hostOf) });
// @ts-expect-error runModul is misnamed
supply(nodeMachine, { ...all, runModul: runModule(hostOf) });
// @ts-expect-error its input is another
supply(nodeMachine, { ...all, checkNode: fromPromise<boolean, { nodes: string[] }>(async () => true) });
// @ts-expect-error its output is another
supply(nodeMachine, { ...all, checkNode: fromPromise<string, { node: string }>(async () => "true") });
// @ts-expect-error it takes other events
supply(nodeMachine, { ...all, runModule: publishMessages(hostOf) });
// @ts-expect-error it ends by another output
supply(nodeMachine, { ...all, timeLimit: fromPromise<ModuleOutcome, { node: string; ms: number }>(async () => host) });
// @ts-expect-error it is no actor
supply(nodeMachine, { ...all, sleepUntil: async () => 1 });

const small = setup({
  types: { context: {} as object, events: {} as { type: "go" } },
  actors: { ask: fromPromise<number, ModuleOrder>(async () => 1) },
}).createMachine({ context: {} });
supply(small, { ask: fromPromise<number, ModuleOrder>(async () => 2) });
// @ts-expect-error a machine takes what it declares, and nothing else
supply(small, { ask: fromPromise<number, ModuleOrder>(async () => 2), tell: sleepUntil() });
