/** A graph in which everything waits: steps, sleeps, questions, messages, items, nested graphs, a loop. What each module gives depends on nothing but its task. */
import { Agent, defineModule, defineQuestion, FlowControlModule, Node, type NodeInit, sleepFor } from "asimov-agents";

/** The nodes that ask, one question each. */
export const ASKING = ["approve", "talk", "inner ask", "each"];
export const MAILBOX = "mail";

const yesOrNo = { type: "object", properties: { ok: { type: "boolean" } }, required: ["ok"] } as const;

/** @param note told of each module, and each step of `talk`, as it begins */
export function killedAgent(note: (taskId: string, what: string) => void): Agent {
  const noted = (name: string, process: Parameters<typeof defineModule>[0]["process"]) =>
    defineModule({
      name,
      inputMailboxes: name === "mail" ? [MAILBOX] : [],
      process: (context) => {
        const item = context.index === undefined ? "" : `#${context.index}`;
        note(context.task.id, `${context.node.name}.${context.node.visit}/${name}${item}`);
        return process(context);
      },
    });
  const work = (name: string) => noted(name, async ({ step }) => ({ status: "success", result: await step("count", async () => name) }));
  const question = (name: string) => defineQuestion({ name, show: ({ task }) => ({ text: `Go on with ${task.id}?` }), answer: yesOrNo });
  const node = (
    name: string,
    after: readonly string[],
    modules: NodeInit["modules"] = [work(name)],
    nodeConfig: NodeInit["nodeConfig"] = {},
  ) => new Node({ name, modules, dependencies: [...after], nodeConfig });

  const talk = noted("talk", async ({ step, ask, task }) => {
    const before = await step("before", async () => {
      note(task.id, "talk: before");
      return 1;
    });
    const { answer } = await ask("talk", { show: { before }, answer: yesOrNo });
    return { status: "success", result: { before, answer, after: await step("after", async () => 2) } };
  });
  const mail = noted("mail", async ({ receive }) => ({ status: "success", result: await receive(MAILBOX) }));
  const rests = noted("rests", async ({ sleep, step }) => {
    await sleep(20);
    return { status: "success", result: await step("rested", async () => "rested") };
  });
  const each = noted("each", async ({ item, step, sleep, ask }) => {
    const given = await step("item", async () => item);
    if (item === "asks") await ask("each", { show: { given }, answer: yesOrNo });
    if (item === "sleeps") await sleep(20);
    return { status: "success", result: given };
  });
  const lists = noted("lists", async () => ({ status: "success", result: ["works", "asks", "sleeps", "works, too"] }));
  const count = noted("count", async ({ values }) => ({ status: "success", result: await values.increment("rounds", 1) }));
  const again = new FlowControlModule({ name: "again?", flowConfig: { decisions: [{ nextNode: "count", condition: "rounds < 3" }] } });
  const rounds = { maxVisits: 5 };
  return new Agent({
    name: "report",
    nodes: [
      node("first", [], [lists]),
      new Node({ name: "each", forEach: "first", modules: [each], dependencies: ["first"], nodeConfig: { maxParallelItems: 2 } }),
      node("nap", ["first"], [sleepFor({ name: "nap", ms: 30 })]),
      node("approve", ["nap"], [question("approve")]),
      node("mail", ["first"], [mail]),
      node("pair", ["first"], [work("left"), rests], { parallel: true }),
      new Node({
        name: "inner",
        type: "SUBGRAPH",
        dependencies: ["pair"],
        nodes: [node("inner first", []), node("inner ask", ["inner first"], [question("inner ask")]), node("inner last", ["inner ask"])],
      }),
      node("talk", ["mail"], [talk]),
      node("count", ["approve"], [count], rounds),
      new Node({ name: "again?", type: "FLOW_CONTROL", modules: [again], dependencies: ["count"], nodeConfig: rounds }),
      node("join", ["inner", "talk", "again?", "each"]),
      node("rest", ["join"], [rests]),
      node("last", ["rest"]),
    ],
  });
}
