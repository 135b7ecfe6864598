/** The composition root: binds the machines to the actors of runs, so that a whole agent is one actor logic, nested ones too. */
import type { AnyActorLogic, AnyActorScope, AnyEventObject, AnyMachineSnapshot, AnyStateMachine } from "xstate";
import { checkNode, verifyOutputs } from "#actors/check-node";
import { nodePool } from "#actors/node-pool";
import { publishMessages } from "#actors/publish-messages";
import { closeNodes, closeRun, openRun } from "#actors/run-effects";
import { runModule } from "#actors/run-module";
import { sleepUntil } from "#actors/sleep-until";
import { timeLimit } from "#actors/time-limit";
import { compileChart, isKnownXState } from "#compile/compile";
import { isInspected, STOP } from "#compile/insides";
import { agentMachine } from "#machines/agent";
import { type NodeMachineInput, nodeMachine } from "#machines/node";
import { taskMachine } from "#machines/task";
import { effectsOf, scopeOf, workOf } from "./scopes.ts";
import { subgraphLogic } from "./subgraph-logic.ts";
import { supply } from "./supply.ts";

/** Every node starts as the same snapshot but for its context: WAITING has no entry actions, so that nothing is left out. Its graph hears of each change. */
function watched(node: AnyActorLogic): AnyActorLogic {
  let waiting: AnyMachineSnapshot | undefined;
  return Object.assign(Object.create(node), {
    getInitialSnapshot(scope: AnyActorScope, input: NodeMachineInput): AnyMachineSnapshot {
      waiting ??= node.getInitialSnapshot(scope, input) as AnyMachineSnapshot;
      return { ...waiting, children: {}, context: { ...waiting.context, ...input } } as AnyMachineSnapshot;
    },
    /** XState would search the whole context for actors; this one is plain data. An actor that was let go of can be made again. */
    getPersistedSnapshot(snapshot: AnyMachineSnapshot, options?: unknown): object {
      const status = snapshot.status === "stopped" ? "active" : snapshot.status;
      return {
        ...node.getPersistedSnapshot({ ...snapshot, context: {}, status } as AnyMachineSnapshot, options),
        context: snapshot.context,
      };
    },
    transition(snapshot: AnyMachineSnapshot, event: AnyEventObject, scope: AnyActorScope): AnyMachineSnapshot {
      if (event.type !== STOP) scopeOf(scope.self).nodeChanged(scope.self.id);
      return node.transition(snapshot, event, scope) as AnyMachineSnapshot;
    },
  });
}

function bind(prepare: <TMachine extends AnyStateMachine>(machine: TMachine) => TMachine): AnyActorLogic {
  const boundNode = supply(nodeMachine, {
    runModule: runModule(workOf),
    runSubgraph: subgraphLogic(() => agent),
    checkNode: checkNode(effectsOf),
    verifyOutputs: verifyOutputs(effectsOf),
    sleepUntil: sleepUntil(workOf),
    timeLimit: timeLimit(workOf),
  });
  const node = watched(prepare(boundNode));
  const boundAgent = supply(agentMachine, {
    task: prepare(taskMachine),
    nodes: nodePool(
      workOf,
      () => node,
      (self) => !isKnownXState() || isInspected(self),
    ),
    outbox: publishMessages((self) => scopeOf(self).run),
    openRun: openRun(effectsOf),
    closeNodes: closeNodes(effectsOf),
    closeRun: closeRun(effectsOf),
  });
  const agent: AnyActorLogic = prepare(boundAgent);
  return agent;
}

const bound: { compiled?: AnyActorLogic; interpreted?: AnyActorLogic } = {};

/** The agent's machine with its actors; one for every run of every agent, as binding one costs more than running a small graph. */
export function boundAgent(compile: boolean): AnyActorLogic {
  if (!compile) {
    bound.interpreted ??= bind((machine) => machine);
    return bound.interpreted;
  }
  bound.compiled ??= bind((machine) => compileChart(machine).machine);
  return bound.compiled;
}
