import { Agent, type AgentModule, defineModule, Node, type NodeInit } from "asimov-agents";
import { describe, expect, it } from "vitest";
import { failing, failure, moduleOf, newTask, nodeOf, success } from "./support.ts";

/** Milliseconds a node, the median of some runs of each of two sizes in turns; the graphs are made outside the measured time. */
async function costs(sizes: readonly [number, number], nodesOf: (size: number) => Node[]): Promise<[number, number]> {
  const samples: [number[], number[]] = [[], []];
  for (let round = 0; round < 4; round++) {
    for (const place of [0, 1] as const) {
      const agent = new Agent({ nodes: nodesOf(sizes[place]), outputMailbox: null, errorMailbox: null });
      const startedAt = performance.now();
      await agent.runTask(newTask());
      // The first round warms up.
      if (round > 0) samples[place].push((performance.now() - startedAt) / sizes[place]);
    }
  }
  const median = (values: number[]): number => values.sort((a, b) => a - b)[1] as number;
  return [median(samples[0]), median(samples[1])];
}

const module = moduleOf("m", () => success());

const chainBehind = (first: Partial<NodeInit>) => (size: number) =>
  Array.from(
    { length: size },
    (_, index) =>
      new Node({ name: `n${index}`, dependencies: index === 0 ? [] : [`n${index - 1}`], ...(index === 0 ? first : { modules: [module] }) }),
  );

const adding = (size: number): Node[] => {
  const node = (index: number): Node =>
    nodeOf(`n${index}`, [], () => ({ ...success(), ...(index === size ? {} : { newNodes: [node(index + 1)] }) }));
  return [node(1)];
};

/** Failed roots over one tail. */
const tailOf = (size: number): Node[] => {
  const roots = Array.from({ length: 50 }, (_, index) => failing(`bad${index}`));
  const names = roots.map(({ name }) => name);
  const tail = Array.from({ length: size }, (_, index) => nodeOf(`n${index}`, index === 0 ? names : [`n${index - 1}`]));
  return [...roots, ...tail];
};

/** One node of so many modules. */
const ofModules = (init: Partial<NodeInit>, moduleAt: (index: number, size: number) => AgentModule) => (size: number) => [
  new Node({ name: "n", ...init, modules: Array.from({ length: size }, (_, index) => moduleAt(index, size)) }),
];
const parallel = { nodeConfig: { parallel: true } };
const work = (index: number): AgentModule => moduleOf(`m${index}`);
const fallback = (index: number, size: number): AgentModule =>
  moduleOf(`m${index}`, () => (index === size - 1 ? success() : failure("next")));
const waiting = (index: number): AgentModule => moduleOf(`m${index}`, undefined, { dependencies: index === 0 ? [] : [`m${index - 1}`] });

/** Quadratic growth would be the ratio of the sizes, which is 8; the bound is generous, since the machine may be busy. */
const BOUND = 3;

describe("cost of a node, or of a module of one, of 8 times as many", () => {
  it.each<[string, number, (size: number) => Node[]]>([
    ["a chain blocked by a failure", 2_500, chainBehind({ modules: [...failing("x").modules], nodeConfig: { maxRetries: 1 } })],
    ["a chain skipped by a condition", 2_500, chainBehind({ modules: [module], nodeConfig: { condition: "false" } })],
    ["a tail of failed roots", 2_500, tailOf],
    ["nodes added one at a time", 400, adding],
    ["modules in order", 1_000, ofModules({}, work)],
    ["fallbacks", 1_000, ofModules({ config: { stopOnSuccess: true } }, fallback)],
    ["parallel modules that wait for each other", 1_000, ofModules(parallel, waiting)],
    ["a chain that runs", 1_000, chainBehind({ modules: [defineModule({ name: "m", process: async () => success() })] })],
  ])("stays the same: %s", { timeout: 300_000 }, async (_, size, nodesOf) => {
    const [few, many] = await costs([size, 8 * size], nodesOf);
    expect(many / few).toBeLessThan(BOUND);
  });
});
