import { Agent, type AgentModule, defineModule, Node, type NodeInit } from "asimov-agents";
import { describe, expect, it } from "vitest";
import { stepsOf } from "../support/steps.ts";
import { failing, failure, moduleOf, newTask, nodeOf, success } from "./support.ts";

/** Steps a node; the graph is made outside of what is counted. */
async function cost(size: number, nodesOf: (size: number) => Node[]): Promise<number> {
  const agent = new Agent({ nodes: nodesOf(size), outputMailbox: null, errorMailbox: null });
  return (await stepsOf(() => agent.runTask(newTask()))) / size;
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

/** Quadratic growth would be the ratio of the sizes, which is 8. */
const BOUND = 1.2;

describe("steps of a node, or of a module of one, of 8 times as many", () => {
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
    await cost(size, nodesOf);
    expect((await cost(8 * size, nodesOf)) / (await cost(size, nodesOf))).toBeLessThan(BOUND);
  });
});
