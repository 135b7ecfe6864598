/** A run's persisted state to the named parts of a snapshot and back; nothing of it is lost, and nothing is in two parts. */
import type { AnyActorRef } from "xstate";
import * as z from "zod/mini";
import { messageOf, SnapshotError } from "#contract/base/errors";
import { lazily } from "#contract/base/lazily";
import { parseOptions } from "#contract/base/options";
import type { TaskJSON } from "#contract/base/task";
import type { Attempt } from "#contract/node/attempt";
import type { NodeReport } from "#contract/node/result";
import type { PastPlan } from "#contract/run/history";
import type { RunView } from "#contract/run/run-view";
import type { RunState } from "#contract/run/state";
import type { Cache, CacheEntry, CacheState } from "#contract/store/cache";
import type { Snapshot } from "#contract/store/snapshot";
import { giveSaved, takeSaved } from "./saved-parts.ts";
import { putView, readView } from "./view-parts.ts";

/** The shape of a persisted agent, as far as it is taken apart. */
export interface PersistedAgent {
  context: Record<string, unknown> & { cachePrefix?: string; state: object };
  children: Record<"nodes" | "task", { snapshot: Record<string, unknown> }>;
  /** Of a whole run. */
  view?: RunView;
}

/** The nodes that the step which was running had been asked to add: they are in the graph once it has settled. */
export function pendingAdditions({ children }: PersistedAgent): string[] {
  const { waiting, reports, nodes } = children.nodes.snapshot as unknown as {
    waiting: readonly string[];
    reports: readonly NodeReport[];
    nodes: Record<string, { context: { modules: Attempt } }>;
  };
  if (waiting.length === 0) return [];
  const ended = waiting.flatMap((name) => (Object.hasOwn(nodes, name) ? (nodes[name]?.context.modules.ended.flat() ?? []) : []));
  return [...reports, ...ended].flatMap(({ added }) => (added ?? []).map(({ name }) => name));
}

interface AgentPart {
  cut?: string;
  agent: PersistedAgent;
}

const NODE = "node/";
const PLAN = "plan/";
const CACHE = "cache/";
const MAILBOX = "mailbox/";

const texts = new WeakMap<object, string>();

/** A node, graph or plan that did not change is the same object as in the snapshot before, and so the same text. */
function textOf(state: object): string {
  let text = texts.get(state);
  if (text === undefined) {
    text = JSON.stringify(state);
    texts.set(state, text);
  }
  return text;
}

/** Both the agent's state and, where the cache is in this process, the cache's are read before the first await: one moment. */
export async function takeSnapshot(root: AnyActorRef, cache: Cache, cut: string | undefined): Promise<Map<string, string>> {
  const { view, ...persisted } = root.getPersistedSnapshot() as unknown as PersistedAgent;
  const reading = cache.exportState();
  const { task, state, ...context } = persisted.context;
  const { graph, levels, history, ...progress } = state as RunState;
  const { nodes: pool, task: taskChild, ...children } = persisted.children;
  const taskState = taskChild.snapshot as { context: { task: TaskJSON } };
  const { nodes, ...poolState } = pool.snapshot as { nodes: Record<string, object> };
  const parts = new Map<string, string>();
  const part: AgentPart = {
    ...(cut === undefined ? {} : { cut }),
    agent: {
      ...persisted,
      context: { ...context, state: { ...progress, history: history.order } } as PersistedAgent["context"],
      children: {
        ...children,
        nodes: { ...pool, snapshot: poolState },
        task: { ...taskChild, snapshot: { ...taskState, context: {} } },
      },
    },
  };
  parts.set("agent", JSON.stringify(part));
  parts.set("graph", textOf(graph));
  parts.set("levels", textOf(levels));
  for (const plan of history.plans) parts.set(PLAN + plan.id, textOf(plan));
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
  const { values, mailboxes } = await reading;
  for (const [key, entry] of values) parts.set(CACHE + key, entryText(entry));
  for (const [name, messages] of mailboxes) parts.set(MAILBOX + name, `[${messages.join(",")}]`);
  return parts;
}

function entryText({ json, expiresAt }: CacheEntry): string {
  return expiresAt === undefined ? `{"value":${json}}` : `{"value":${json},"expiresAt":${expiresAt}}`;
}

export interface RestoredState {
  agent: PersistedAgent;
  task: TaskJSON;
  cache: CacheState;
  cut: string | undefined;
}

const record = z.record(z.string(), z.unknown());
const child = lazily(() => z.looseObject({ snapshot: record }));
const SHAPES = lazily(() => ({
  agent: z.looseObject({
    cut: z.optional(z.string()),
    agent: z.looseObject({
      context: z.looseObject({ runId: z.string(), state: z.looseObject({ history: z.array(z.int()) }) }),
      children: z.looseObject({ nodes: child(), task: child() }),
    }),
  }),
  graph: z.looseObject({ nodes: z.array(record) }),
  levels: z.array(z.array(z.string())),
  plan: z.looseObject({ id: z.int(), levels: z.array(z.array(z.string())) }),
  task: record,
  node: z.looseObject({ context: record }),
  value: z.looseObject({ value: z.custom((value) => value !== undefined), expiresAt: z.optional(z.number()) }),
  mailbox: z.array(z.unknown()),
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
  const { agent, cut } = part<AgentPart>("agent", SHAPES().agent);
  const task = part<TaskJSON>("task", SHAPES().task);
  const { nodes: pool, task: taskChild } = agent.children;
  const nodes = new Map<string, unknown>();
  const view = readView(parts.keys(), part);
  const values = new Map<string, CacheEntry>();
  const mailboxes = new Map<string, string[]>();
  for (const name of parts.keys()) {
    if (name.startsWith(NODE)) nodes.set(name.slice(NODE.length), readNode(name));
    else if (name.startsWith(CACHE)) {
      const { value, expiresAt } = part<{ value: unknown; expiresAt?: number }>(name, SHAPES().value);
      values.set(name.slice(CACHE.length), { json: JSON.stringify(value), ...(expiresAt === undefined ? {} : { expiresAt }) });
    } else if (name.startsWith(MAILBOX)) {
      mailboxes.set(
        name.slice(MAILBOX.length),
        part<unknown[]>(name, SHAPES().mailbox).map((message) => JSON.stringify(message)),
      );
    }
  }
  const order = (agent.context.state as { history: number[] }).history;
  const plans = [...new Set(order)].sort((a, b) => a - b).map((id): PastPlan => part(PLAN + id, SHAPES().plan));
  agent.context.task = task;
  Object.assign(agent.context.state, {
    graph: part("graph", SHAPES().graph),
    levels: part("levels", SHAPES().levels),
    history: { order, plans },
  });
  taskChild.snapshot.context = { task };
  pool.snapshot.nodes = Object.fromEntries(nodes);
  agent.view = view;
  return { agent, task, cache: { values, mailboxes }, cut };
}

export const damaged = (what: string, cause?: unknown): SnapshotError =>
  new SnapshotError(`The snapshot is damaged: ${what}.`, { code: "snapshot-damaged", cause });
