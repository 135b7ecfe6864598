/** What the restore tests share: modules that log their runs, and an outcome as plain data that two runs can be compared by. */
import {
  type Agent,
  type AgentModule,
  type AgentModuleInit,
  defineModule,
  type ModuleContext,
  Task,
  type TaskOutcome,
} from "asimov-agents";

export const TASK_ID = "restored-task";

/** Of the same id each time, so that two runs give the same. */
export const newTask = (params: Record<string, unknown> = {}): Task =>
  new Task({ type: "test", objective: "Be restored", params, id: TASK_ID });

/** A module that notes `node.visit.attempt` in the log before it gives `result`. */
export function logged(
  log: string[],
  name: string,
  result: (context: ModuleContext) => unknown = () => name,
  init: Partial<AgentModuleInit> = {},
): AgentModule {
  return defineModule({
    ...init,
    name,
    async process(context) {
      const { node } = context;
      log.push(`${node.name}.${node.visit}.${node.attempt}`);
      return { status: "success", result: (await result(context)) ?? null };
    },
  });
}

/** Everything that a run's caller can see of its end. */
export function endOf(agent: Agent, { task, ...outcome }: TaskOutcome): unknown {
  return JSON.parse(
    JSON.stringify({ ...outcome, task: task.toJSON(), executionState: agent.executionState, nodeResults: agent.nodeResults }),
  );
}

/** The events of a run by type, collected until it ends. */
export async function collect<T>(events: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const event of events) all.push(event);
  return all;
}

/** A promise that the test settles. */
export function gate(): { opened: Promise<void>; open(): void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { opened: promise, open: () => resolve() };
}
