/** Mastra's workflows, typed as the part that is used: its package is in `bench/` alone, and the project's own checks do without it. */
import { z } from "zod";
import { type GraphSpec, graphOf, levelsOf, nameOf, Tally } from "../shapes/graph-shape.ts";
import type { Trial } from "../trial.ts";

interface Run {
  start(options: { inputData: object }): Promise<{ status: string; error?: unknown }>;
}

interface Workflow {
  then(step: unknown): Workflow;
  parallel(steps: unknown[]): Workflow;
  commit(): unknown;
  createRun(): Promise<Run>;
}

interface Workflows {
  createWorkflow(init: { id: string; inputSchema: unknown; outputSchema: unknown }): Workflow;
  createStep(init: { id: string; inputSchema: unknown; outputSchema: unknown; execute(): Promise<object> }): unknown;
}

// Names that are no literals keep compilers from looking for the packages.
const packageName: string = "@mastra/core";
const { createWorkflow, createStep } = (await import(`${packageName}/workflows`)) as Workflows;

/** The cheapest schema to check. */
const schemas = { inputSchema: z.any(), outputSchema: z.any() };

export function graphTrial(spec: GraphSpec, runs = 1): Trial {
  const shape = graphOf(spec);
  const tally = new Tally(shape);
  const step = (index: number): unknown =>
    createStep({
      id: nameOf(index),
      ...schemas,
      async execute() {
        tally.visit(index);
        return {};
      },
    });
  let workflow = createWorkflow({ id: "bench", ...schemas });
  for (const level of levelsOf(shape)) {
    workflow = level.length === 1 ? workflow.then(step(level[0] ?? 0)) : workflow.parallel(level.map(step));
  }
  workflow.commit();
  const runOnce = async (): Promise<void> => {
    const run = await workflow.createRun();
    const { status, error } = await run.start({ inputData: {} });
    if (status !== "success") throw new Error(`The workflow ended as ${status}.`, { cause: error });
  };
  return {
    run: () => Promise.all(Array.from({ length: runs }, runOnce)),
    settle: () => tally.settle(runs),
  };
}
