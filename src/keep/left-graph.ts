/** What a nested graph leaves with its node when it has not completed: a retry of the run goes on from there, so that what succeeded in it stands. */
import { listOf } from "#contract/base/growing-list";
import type { TaskJSON } from "#contract/base/task";
import { leftBy } from "#contract/node/attempt";
import { beforeEnd, type PersistedAgent, type PersistedNode } from "./persisted.ts";

interface EndingGraph {
  readonly run: { readonly kept: object | undefined };
  readonly actor: { getPersistedSnapshot(): unknown } | undefined;
}

/** Asked while its last transition is made: its actors are still there. Of a run that is not stored, nobody goes on. */
export function leftOf({ run, actor }: EndingGraph): { left?: object } {
  if (run.kept === undefined || actor === undefined) return {};
  const { context, children, ...agent } = beforeEnd(actor.getPersistedSnapshot() as PersistedAgent);
  const { nodes, task, ...others } = children;
  const left = {
    ...agent,
    context: { ...context, task: {} },
    children: {
      ...others,
      nodes,
      // The run holds it, once.
      task: { ...task, snapshot: { ...task.snapshot, context: {} } },
    },
  };
  return { left };
}

export const leftIn = ({ context }: PersistedNode): PersistedAgent | undefined => leftBy(context.modules) as PersistedAgent | undefined;

/** The node with another state of its graph in the place of the one that it was left with. */
export function withLeft(node: PersistedNode, left: PersistedAgent): PersistedNode {
  const { modules } = node.context;
  const ended = listOf(modules.ended).map((outcome) => (outcome.left === undefined ? outcome : { ...outcome, left }));
  return { ...node, context: { ...node.context, modules: { ...modules, ended: [ended] } } };
}

/** Of a graph that goes on: what it was left without. */
export function withTask(left: PersistedAgent, task: TaskJSON): PersistedAgent {
  const { task: actor } = left.children;
  return {
    ...left,
    context: { ...left.context, task },
    children: { ...left.children, task: { ...actor, snapshot: { ...actor.snapshot, context: { task } } } },
  };
}
