/** The stored state of a run as that of another: what it has done is the same, what it does from here on has keys of its own. */
import type { TaskJSON } from "#contract/base/task";
import type { GraphKeys } from "#contract/node/attempt";
import type { RunView } from "#contract/run/run-view";
import { isOpenQuestion } from "#replay/replay-log";
import type { PersistedAgent } from "./persisted.ts";

/** What users wrote stands as it is. */
const USERS = new Set(["params", "message", "result", "json", "task", "view", "values", "replay"]);

const isKeys = (value: unknown): value is GraphKeys =>
  typeof value === "object" &&
  value !== null &&
  typeof (value as GraphKeys).visit === "string" &&
  typeof (value as GraphKeys).attempt === "string";

/** @param task the new one */
export function rekey(agent: PersistedAgent, task: TaskJSON): PersistedAgent {
  const from = agent.context.task.id;
  const key = (text: string): string => (text === from || text.startsWith(`${from}/`) ? task.id + text.slice(from.length) : text);
  const walk = (value: unknown, name: string): unknown => {
    if (name === "keys" && isKeys(value)) return { visit: key(value.visit), attempt: key(value.attempt) };
    if ((name === "runId" || name === "taskId") && value === from) return task.id;
    // Those of the original are no owners of this one.
    if (name === "owners") return undefined;
    if (typeof value !== "object" || value === null || USERS.has(name)) return value;
    if (Array.isArray(value)) return value.map((each) => walk(each, ""));
    return Object.fromEntries(Object.entries(value).map(([inner, each]) => [inner, walk(each, inner)]));
  };
  const rekeyed = walk(agent, "") as PersistedAgent;
  giveTask(rekeyed, task);
  return rekeyed;
}

/** What was asked and has no answer is asked anew, under another id: that of the first may be answered already, by another run or in another generation. */
export function withoutOpenQuestions(replay: Readonly<Record<string, string>> | undefined): Record<string, string> {
  return Object.fromEntries(Object.entries(replay ?? {}).filter(([part, text]) => !isOpenQuestion(part, text)));
}

/** Graphs nested in nodes know the task, too, each where it stands itself. */
function giveTask(agent: PersistedAgent, task: TaskJSON): void {
  const { status } = agent.children.task.snapshot.context.task;
  agent.context.task = { ...task, status };
  agent.children.task.snapshot.context = { task: { ...task, status } };
  for (const node of Object.values(agent.children.nodes.snapshot.nodes)) {
    for (const { snapshot } of Object.values(node.children)) if (isAgent(snapshot)) giveTask(snapshot, task);
  }
}

const isAgent = (snapshot: unknown): snapshot is PersistedAgent =>
  (snapshot as Partial<PersistedAgent> | null)?.children?.nodes !== undefined;

interface Fork {
  /** The name of the agent that runs it, which may be another one. */
  agent: string;
  task: TaskJSON;
  /** Of which it is made. */
  generation: number;
  now: number;
}

/** The picture that the new run begins with; its version is the original's until it goes on, since `migrate` mends by that. */
export function forkedView(view: RunView, { agent, task, generation, now }: Fork): RunView {
  const { id, objective } = task;
  const { endedAt: _endedAt, owner: _owner, ...same } = view;
  const errors = view.errors.map((report) => ({ ...report, taskId: id }));
  const forkedFrom = { taskId: view.taskId, generation };
  return {
    ...same,
    taskId: id,
    agent,
    objective,
    status: "RUNNING",
    generation: 0,
    seq: 0,
    startedAt: now,
    updatedAt: now,
    questions: [],
    errors,
    forkedFrom,
  };
}
