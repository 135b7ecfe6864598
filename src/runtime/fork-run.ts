/** A run as another one, from any of its generations: what it has done stands, what it does from here on is its own; the original is untouched. */
import { AsimovError } from "#contract/base/errors";
import { Task } from "#contract/base/task";
import { indexOf } from "#contract/graph/graph";
import { ANSWERS } from "#contract/run/question";
import type { RunView } from "#contract/run/run-view";
import { inOurs } from "#contract/store/run-errors";
import type { PersistedAgent } from "#keep/persisted";
import { forkedView, rekey, withoutOpenQuestions } from "#keep/rekey";
import { reopen, rerunNodes } from "#keep/reopen";
import { withoutRuns } from "#replay/replay-log";
import { readMessage } from "#runs/read-message";
import { type AgentHost, askedBy } from "./agent-host.ts";
import type { AgentRun } from "./agent-run.ts";
import { readForkSource } from "./fork-source.ts";
import { beginLater } from "./go-on.ts";
import type { WhenWaiting } from "./keeping.ts";
import type { Kept } from "./kept-run.ts";
import { KEEPING } from "./run-logic.ts";
import { firstValues } from "./values-place.ts";

export interface ForkOptions {
  /** Default the newest that is whole, with all messages that the run has still to take. */
  generation?: number;
  /** Of the new run. Default a new id. */
  taskId?: string;
  /** Set in the new run's values, beside what it has. */
  values?: Record<string, unknown>;
  /** In place of the task's. */
  params?: Record<string, unknown>;
  /** Nodes that are visited once more, with all that depends on them. */
  rerun?: readonly string[];
  /** Cancels the new run. */
  signal?: AbortSignal;
  /** See `RunOptions`. Default `"hold"`. */
  whenWaiting?: WhenWaiting;
}

export async function forkRun(host: AgentHost, taskId: string, options: ForkOptions): Promise<AgentRun> {
  const { services } = host;
  const { limits, keeping, asked } = askedBy(host);
  const { store } = asked;
  const values = firstValues(options.values) ?? {};
  const read = await limits.run(`loading run ${taskId}`, () =>
    readForkSource(store, taskId, { generation: options.generation, graph: () => host.graph() }),
  );
  // Its questions are asked anew.
  const sent = read.messages.filter(({ mailbox }) => mailbox !== ANSWERS);
  const messages = sent.map((stored) => [stored.mailbox, readMessage(store, taskId, stored)] as const);
  const original = read.persisted as unknown as PersistedAgent;
  const { id: _id, status: _status, result: _result, error: _error, ...given } = original.context.task;
  const params = options.params === undefined ? {} : { params: options.params };
  // Checked as any other.
  const task = new Task({ ...given, ...params, id: options.taskId ?? services.ids() }).toJSON();
  const agent = reopen(rekey(original, task));
  agent.view = forkedView(original.view as RunView, { agent: services.name, task, generation: read.generation, now: services.clock.now() });
  agent.replay = withoutRuns(withoutOpenQuestions(original.replay));
  delete agent.context.deadline;
  delete agent.context.deadlineMs;
  rerun(agent, options.rerun ?? []);
  const launched = host.relaunch(
    Object.assign(agent, { [KEEPING]: { how: () => keeping, isKept: true, whenWaiting: options.whenWaiting } }) as never,
  );
  const { run } = launched.scope;
  try {
    await run.values.setMany({ ...values, task: { ...task, status: "EXECUTING" } });
    // In a cache its mailboxes are the original's, too: there these messages come once that has taken them.
    if (run.place.own !== undefined) for (const [mailbox, message] of messages) await run.values.publishToMailbox(mailbox, message);
    await (run.kept as Kept).open();
  } catch (error) {
    run.finish("the fork was refused");
    host.own.drop(launched.run);
    throw inOurs("store", error, task.id);
  }
  return beginLater(launched, { generation: read.generation, isTold: false }, options.signal);
}

function rerun(agent: PersistedAgent, names: readonly string[]): void {
  const index = indexOf(agent.children.nodes.snapshot.graph);
  const strangers = names.filter((name) => !index.has(name));
  if (strangers.length > 0) {
    throw new AsimovError(`fork: the run's graph holds no node ${strangers.map((name) => `"${name}"`).join(", ")} to run again.`, {
      code: "unknown-node",
    });
  }
  if (names.length > 0) rerunNodes(agent, names);
}
