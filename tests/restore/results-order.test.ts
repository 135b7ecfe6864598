/** One order of results, whichever node ended first, on whatever store, restored or not: as nodes were declared, then as the run added them. */
import { Agent, type AgentOptions, Node, type TaskOutcome } from "asimov-agents";
import { describe, expect, it } from "vitest";
import { aborted, deferred, failure, moduleOf, nodeOf, success } from "../run/support.ts";
import { allStores, opening, taskOf } from "../runs/stores.ts";

/** Declared as z, q, m, b, c, last; started and ended otherwise. `q` gives its node first, and adds it last: its first attempt fails. */
function graph(isHeir = false) {
  const seen: string[][] = [];
  const [bEnded, mEnded, x2Ended, a1Ended, waiting, go] = [deferred(), deferred(), deferred(), deferred(), deferred(), deferred()];
  const added = { x2: nodeOf("x2", ["m"], () => success(x2Ended.resolve())), a1: nodeOf("a1", ["q"], () => success(a1Ended.resolve())) };
  const nodes = [
    nodeOf("z", ["b"]),
    new Node({
      name: "q",
      modules: [
        moduleOf("adds", () => ({ status: "success", result: "adds", newNodes: [added.a1] })),
        moduleOf("fails once", async ({ node }) => {
          if (node.attempt > 1) return success();
          await mEnded.promise;
          return failure("once");
        }),
      ],
    }),
    nodeOf("m", [], async () => {
      await bEnded.promise;
      return { status: "success", result: "m", newNodes: [added.x2] };
    }),
    nodeOf("b", [], () => success(bEnded.resolve())),
    nodeOf("c", ["m"], () => success(mEnded.resolve())),
    nodeOf("last", ["z", "q", "c"], async ({ results, signal }) => {
      if (!isHeir) await Promise.all([x2Ended.promise, a1Ended.promise]);
      seen.push(Object.keys(results));
      waiting.resolve();
      await Promise.race([go.promise, aborted(signal)]);
      return success();
    }),
  ];
  return { nodes, added: Object.values(added), seen, waiting: waiting.promise, go: () => go.resolve() };
}

type Graph = ReturnType<typeof graph>;

const ordersOf = ({ results, nodes, executions }: TaskOutcome): string[][] =>
  [results, nodes, executions].map((record) => Object.keys(record));

describe.each(allStores())("the order of results (%s store)", (_name, make) => {
  const open = opening(make);
  const declared = ["z", "q", "m", "b", "c", "last", "x2", "a1"];

  it.each<[string, AgentOptions]>([
    ["nobody inspects", {}],
    ["somebody inspects", { inspect: () => {} }],
  ])("is that of their declaration, and of what was added, restored or not, where %s", async (_how, options) => {
    const agentOf = ({ nodes, added }: Graph, store = open()): Agent =>
      new Agent({ name: "worker", store, nodes, dynamicNodes: added, ...options });
    const whole = graph();
    whole.go();
    const unbroken = await agentOf(whole).runTask(taskOf());
    expect(ordersOf(unbroken)).toEqual([declared, declared, declared]);
    expect(whole.seen).toEqual([declared.filter((name) => name !== "last")]);

    const store = open();
    const first = graph();
    const run = agentOf(first, store).start(taskOf());
    await first.waiting;
    const gone = run.outcome.catch(({ code }) => code);
    await run.park();
    expect(await gone).toBe("run-parked");
    const heir = graph(true);
    heir.go();
    const resumed = await (await agentOf(heir, store).resume("t")).outcome;
    expect(resumed.status).toBe("COMPLETE");
    expect(ordersOf(resumed)).toEqual(ordersOf(unbroken));
    expect(heir.seen).toEqual(whole.seen);
    expect(JSON.stringify(resumed.nodes)).toBe(JSON.stringify(unbroken.nodes));
  });
});
