/** Two agents in whose runs everything waits: steps, sleeps, questions, messages, items, nested graphs, a loop, a child. What a module gives follows from its task alone. */
import { Agent, agentModule, defineModule, defineQuestion, FlowControlModule, Node, type NodeInit, sleepFor } from "asimov-agents";

export const MAILBOX = "mail";

/** Of a module, or of a step of one, that begins. */
export interface Begun {
  task: string;
  /** Its place in the run: node, visit, module, item and step. */
  what: string;
  key: string;
  fence: number;
}

const yesOrNo = { type: "object", properties: { ok: { type: "boolean" } }, required: ["ok"] } as const;

/**
 * @param note told of each module, and each step of `talk`, as it begins
 * @param workMs how long a module of nothing but work takes
 */
export function chaosAgents(note: (begun: Begun) => void, workMs: number): Agent[] {
  const noted = (name: string, process: Parameters<typeof defineModule>[0]["process"]) =>
    defineModule({
      name,
      inputMailboxes: name === "mail" ? [MAILBOX] : [],
      process: (context) => {
        const item = context.index === undefined ? "" : `#${context.index}`;
        const what = `${context.node.name}.${context.node.visit}/${name}${item}`;
        note({ task: context.task.id, what, key: context.idempotencyKey, fence: context.fence });
        return process(context);
      },
    });
  const takesTime = (): Promise<void> => new Promise((done) => setTimeout(done, workMs));
  const work = (name: string) =>
    noted(name, async ({ step, task }) => {
      await takesTime();
      return { status: "success", result: await step("count", async () => `${name} of ${task.params.n}`) };
    });
  const question = (name: string) => defineQuestion({ name, show: ({ task }) => ({ text: `Go on with ${task.id}?` }), answer: yesOrNo });
  const node = (
    name: string,
    after: readonly string[],
    modules: NodeInit["modules"] = [work(name)],
    nodeConfig: NodeInit["nodeConfig"] = {},
  ) => new Node({ name, modules, dependencies: [...after], nodeConfig });

  const talk = noted("talk", async ({ step, ask, task, fence }) => {
    const before = await step("before", async ({ idempotencyKey: key }) => {
      note({ task: task.id, what: "talk: before", key, fence });
      await takesTime();
      return 1;
    });
    const { answer } = await ask("talk", { show: { before }, answer: yesOrNo });
    return { status: "success", result: { before, answer, after: await step("after", async () => 2) } };
  });
  const mail = noted("mail", async ({ receive }) => ({ status: "success", result: [await receive(MAILBOX), await receive(MAILBOX)] }));
  const rests = noted("rests", async ({ sleep, step }) => {
    await sleep(20);
    return { status: "success", result: await step("rested", async () => "rested") };
  });
  const each = noted("each", async ({ item, step, sleep, ask }) => {
    const given = await step("item", async () => item);
    await takesTime();
    if (item === "asks") await ask("each", { show: { given }, answer: yesOrNo });
    if (item === "sleeps") await sleep(20);
    return { status: "success", result: given };
  });
  const lists = noted("lists", async ({ task }) => ({
    status: "success",
    result: ["works", "asks", "sleeps", ...Array.from({ length: Number(task.params.n) % 3 }, (_, at) => `works ${at}`)],
  }));
  const count = noted("count", async ({ values }) => ({ status: "success", result: await values.increment("rounds", 1) }));
  // What goes wrong is of the run, too: one chain of every fourth run fails.
  const breaks = noted("breaks", async ({ task }) =>
    Number(task.params.n) % 4 === 3 ? { status: "error", error: `no ${task.params.n}` } : { status: "success", result: "whole" },
  );
  const again = new FlowControlModule({ name: "again?", flowConfig: { decisions: [{ nextNode: "count", condition: "rounds < 3" }] } });
  const rounds = { maxVisits: 5 };
  const helper = new Agent({
    name: "helper",
    nodes: [node("look", []), node("may I?", ["look"], [question("may I?")]), node("found", ["may I?"])],
  });
  const asksHelper = agentModule(helper, { name: "helper", task: ({ task }) => ({ objective: "Help", params: { n: task.params.n } }) });
  const report = new Agent({
    name: "report",
    // Its end is told by whoever comes first: a message that the store counts as told once.
    outputMailbox: "ends",
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
      // After the rounds: beside them, how often it runs would be a matter of who is first.
      node("breaks", ["again?"], [breaks], { maxRetries: 0 }),
      node("child", ["inner", "talk", "again?", "each"], [asksHelper]),
      node("last", ["child"]),
    ],
  });
  return [report, helper];
}
