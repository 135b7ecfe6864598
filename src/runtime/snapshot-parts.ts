/** A run's persisted state to the named parts of a snapshot and back; nothing of it is lost, and nothing is in two parts. */
import type { AnyActorRef } from "xstate";
import * as z from "zod/mini";
import { messageOf, SnapshotError } from "#contract/base/errors";
import { lazily } from "#contract/base/lazily";
import { parseOptions } from "#contract/base/options";
import type { TaskJSON } from "#contract/base/task";
import type { Snapshot } from "#contract/store/snapshot";
import type { PersistedAgent, PersistedNodes } from "#keep/persisted";
import { giveSaved, takeSaved } from "#keep/saved-parts";
import { isValuePart } from "#values/value-parts";
import { putView, readView } from "./view-parts.ts";

interface AgentPart {
  agent: PersistedAgent;
}

const NODE = "node/";

const texts = new WeakMap<object, string>();

/** A node or graph that did not change is the same object as in the snapshot before, and so the same text. */
function textOf(state: object): string {
  let text = texts.get(state);
  if (text === undefined) {
    text = JSON.stringify(state);
    texts.set(state, text);
  }
  return text;
}

/** All of it is read in one moment. */
export function takeSnapshot(root: AnyActorRef): Map<string, string> {
  const { values, view, ...persisted } = root.getPersistedSnapshot() as unknown as PersistedAgent;
  const { task, ...context } = persisted.context;
  const { nodes: pool, task: taskChild, ...children } = persisted.children;
  const taskState = taskChild.snapshot as { context: { task: TaskJSON } };
  const { nodes, graph, order, ...poolState } = pool.snapshot;
  const parts = new Map<string, string>();
  const part = {
    agent: {
      ...persisted,
      context,
      children: {
        ...children,
        nodes: { ...pool, snapshot: poolState },
        task: { ...taskChild, snapshot: { ...taskState, context: {} } },
      },
    },
  };
  parts.set("agent", JSON.stringify(part));
  parts.set("graph", textOf(graph));
  parts.set("order", JSON.stringify(order));
  parts.set("task", JSON.stringify(taskState.context.task ?? task));
  for (const [name, state] of Object.entries(nodes)) {
    // One that is known as it is runs nothing, and so has saved nothing.
    let text = texts.get(state);
    if (text === undefined) {
      takeSaved(name, state, parts);
      text = textOf(state);
    }
    parts.set(NODE + name, text);
  }
  if (view !== undefined) putView(view, parts, textOf);
  for (const [part, text] of Object.entries(values ?? {})) parts.set(part, text);
  return parts;
}

export interface RestoredState {
  agent: PersistedAgent;
  task: TaskJSON;
}

const record = z.record(z.string(), z.unknown());
const child = lazily(() => z.looseObject({ snapshot: record }));
const SHAPES = lazily(() => ({
  agent: z.looseObject({
    agent: z.looseObject({
      context: z.looseObject({ runId: z.string() }),
      children: z.looseObject({ nodes: child(), task: child() }),
    }),
  }),
  graph: z.looseObject({ nodes: z.array(record) }),
  order: z.looseObject({ cells: z.array(z.int()), past: z.array(record), totalIterations: z.int() }),
  task: record,
  node: z.looseObject({ context: record }),
}));

/** @throws SnapshotError `snapshot-damaged` when a part is missing or cannot be read */
export function readSnapshot(snapshot: Snapshot): RestoredState {
  const { parts } = snapshot;
  // The schemas check alone: what they would copy is a whole run.
  const part = <T>(name: string, shape: z.ZodMiniType): T => {
    const text = parts.get(name);
    if (text === undefined) throw damaged(`it holds no part "${name}"`);
    try {
      const value: T = JSON.parse(text);
      parseOptions(shape, value, "Its shape");
      return value;
    } catch (error) {
      throw damaged(`part "${name}" cannot be read: ${messageOf(error)}`, error);
    }
  };
  const readNode = (name: string): object => {
    const state = part<object>(name, SHAPES().node);
    try {
      giveSaved(name.slice(NODE.length), state, (saved) => JSON.stringify(part<unknown>(saved, z.unknown())));
      return state;
    } catch (error) {
      throw error instanceof SnapshotError ? error : damaged(`part "${name}" cannot be read: ${messageOf(error)}`, error);
    }
  };
  const { agent } = part<AgentPart>("agent", SHAPES().agent);
  const task = part<TaskJSON>("task", SHAPES().task);
  const { nodes: pool, task: taskChild } = agent.children;
  const nodes = new Map<string, unknown>();
  const view = readView(parts.keys(), part);
  const values: Record<string, string> = {};
  for (const [name, text] of parts) {
    if (name.startsWith(NODE)) nodes.set(name.slice(NODE.length), readNode(name));
    else if (isValuePart(name)) values[name] = text;
  }
  agent.context.task = task;
  agent.view = view;
  taskChild.snapshot.context = { task };
  pool.snapshot.graph = part("graph", SHAPES().graph);
  pool.snapshot.order = part("order", SHAPES().order);
  pool.snapshot.nodes = Object.fromEntries(nodes) as PersistedNodes["nodes"];
  // There is the task at least, where the run keeps its values itself.
  if (Object.keys(values).length > 0) agent.values = values;
  return { agent, task };
}

export const damaged = (what: string, cause?: unknown): SnapshotError =>
  new SnapshotError(`The snapshot is damaged: ${what}.`, { code: "snapshot-damaged", cause });
