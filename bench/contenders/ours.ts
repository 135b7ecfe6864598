/** This library, with its limits out of the way: the others have none by default, or theirs is raised too. */
import { Agent, defineModule, MemoryCache, Node, SnapshotControl, Task } from "../../src/index.ts";
import { type GraphShape, type GraphSpec, graphOf, nameOf, Tally } from "../shapes/graph-shape.ts";
import type { Trial } from "../trial.ts";

export const UNLIMITED = { maxConcurrentTasks: Number.POSITIVE_INFINITY, maxTotalIterations: Number.POSITIVE_INFINITY } as const;

export const newTask = (): Task => new Task({ type: "bench", objective: "Run every node once" });

export function noOpNodes(shape: GraphShape, tally: Pick<Tally, "visit">, snapshot: SnapshotControl = SnapshotControl.NEVER): Node[] {
  return shape.dependencies.map((dependencies, index) => {
    const module = defineModule({
      name: "no-op",
      process: async () => {
        tally.visit(index);
        return { status: "success" };
      },
    });
    return new Node({ name: nameOf(index), modules: [module], dependencies: dependencies.map(nameOf), snapshot });
  });
}

/** Runs a task and checks that it ended as COMPLETE. */
export async function runOnce(agent: Agent, task: Task = newTask()): Promise<void> {
  const { status, errors } = await agent.runTask(task);
  if (status !== "COMPLETE") throw new Error(`The task ended as ${status}: ${errors[0]?.error}`);
}

export function graphTrial(graph: GraphSpec, runs = 1): Trial {
  const shape = graphOf(graph);
  const tally = new Tally(shape);
  const cache = new MemoryCache();
  const agent = new Agent({ cache, nodes: noOpNodes(shape, tally), ...UNLIMITED, outputMailbox: "agent_output" });
  return {
    run: () => Promise.all(Array.from({ length: runs }, () => runOnce(agent))),
    async settle() {
      tally.settle(runs);
      for (let run = 0; run < runs; run++) {
        const end = await cache.getMessage<{ status: string }>("agent_output", { timeoutMs: 0 });
        if (end?.status !== "COMPLETE") throw new Error(`The output mailbox holds ${JSON.stringify(end)} for run ${run}.`);
      }
    },
  };
}
