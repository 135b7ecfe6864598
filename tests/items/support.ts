/** What the tests of items share: a node that runs for each item of a list, behind one that gives the list, before one that reads what came of it. */
import { Agent, type AgentOptions, type ModuleContext, Node, type NodeInit, type TaskOutcome } from "asimov-agents";
import { moduleOf, newTask, nodeOf, success } from "../run/support.ts";

export interface Items extends Partial<NodeInit> {
  list?: unknown;
  work?: (context: ModuleContext) => unknown;
}

export function itemsNodes({ list = ["a", "b", "c"], work = ({ item }) => success(`${item}!`), ...init }: Items = {}): Node[] {
  return [
    nodeOf("plan", [], () => success({ topics: list })),
    new Node({ name: "search", forEach: "plan.topics", modules: [moduleOf("find", work)], dependencies: ["plan"], ...init }),
    nodeOf("write", ["search"], ({ results }) => success(results.search)),
  ];
}

export const runItems = (items: Items = {}, options: AgentOptions = {}): Promise<TaskOutcome> =>
  new Agent({ ...options, nodes: itemsNodes(items) }).runTask(newTask());
