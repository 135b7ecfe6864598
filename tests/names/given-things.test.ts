/** What was given to the package stays as it was given: params are frozen, events are copied. */
import { Agent, type AgentEvent, type ModuleContext, Task } from "asimov-agents";
import { describe, expect, it } from "vitest";
import { deferred, newTask, nodeOf, runNodes, runWithEvents, success } from "../run/support.ts";

const attempt = (work: () => unknown): unknown => {
  try {
    return work();
  } catch (error) {
    return (error as Error).constructor;
  }
};

describe("params of a task", () => {
  const given = { x: 1, deep: { list: [{ y: 2 }] } };
  const tasks: [string, () => Task][] = [
    ["made", () => new Task({ type: "t", objective: "o", params: given })],
    ["read from JSON", () => Task.fromJSON(new Task({ type: "t", objective: "o", params: given }).toJSON())],
  ];

  it.each(tasks)("are frozen at every depth, what was given is not: %s", (_, make) => {
    const { params } = make();
    const [item] = (params.deep as typeof given.deep).list;
    expect([params, params.deep, (params.deep as typeof given.deep).list, item].every(Object.isFrozen)).toBe(true);
    expect(attempt(() => Reflect.set(params, "x", 2))).toBe(false);
    expect([Object.isFrozen(given), Object.isFrozen(given.deep.list)]).toEqual([false, false]);
  });

  it.each(tasks)("that a module writes to are a TypeError, and the same everywhere: %s", async (_, make) => {
    const nodes = [
      nodeOf("write", [], ({ task }) => {
        const change = (): void => {
          task.params.x = 99;
        };
        return success(attempt(change) === TypeError);
      }),
      nodeOf("read", ["write"], async ({ task, values }) => success([task.params.x, (await values.get<Task>("task")).params.x]), {
        nodeConfig: { condition: "task.params.x == 1 and task.params.deep.list[1].y == 2" },
      }),
    ];
    const { status, nodes: results } = await runNodes(nodes, {}, make());
    expect(status).toBe("COMPLETE");
    expect([results.write, results.read].map((result) => result?.results[0]?.result)).toEqual([true, [1, 1]]);
  });
});

describe("event that a module emits", () => {
  const emitted = (events: AgentEvent[]) => events.flatMap((event) => (event.type === "module.emitted" ? [event.event] : []));

  it("is a copy: what the module does with it later changes nothing", async () => {
    const { events } = await runWithEvents([
      nodeOf("n", [], ({ emit }) => {
        const event = { type: "progress", steps: ["read"] };
        emit(event);
        event.steps.push("write");
        emit(event);
        return success();
      }),
    ]);
    expect(emitted(events)).toEqual([
      { type: "progress", steps: ["read"] },
      { type: "progress", steps: ["read", "write"] },
    ]);
  });

  it("comes in the order of its telling, however late it is read", async () => {
    const { promise, resolve } = deferred();
    const tell = (emit: ModuleContext["emit"], numbers: number[]) => numbers.map((number) => emit({ type: "progress", number }));
    const node = nodeOf("n", [], async ({ emit }) => {
      tell(emit, [1, 2, 3]);
      await promise;
      tell(emit, [4, 5]);
      return success();
    });
    const seen: unknown[] = [];
    for await (const event of new Agent({ nodes: [node] }).start(newTask()).events()) {
      if (event.type === "module.emitted" && seen.push(event.event.number) === 2) resolve();
    }
    expect(seen).toEqual([1, 2, 3, 4, 5]);
  });

  it.each([
    ["somebody listens", true],
    ["nobody does", false],
  ])("that is no JSON is refused where it is emitted, naming the path, when %s", async (_, isHeard) => {
    const node = nodeOf("n", [], ({ emit }) => emit({ type: "progress", done: [() => {}] }), { nodeConfig: { maxRetries: 3 } });
    const run = new Agent({ nodes: [node] }).start(newTask());
    const events = isHeard ? run.events() : undefined;
    const { nodes: results, errors } = await run.outcome;
    expect(results.n).toMatchObject({ status: "error", code: "not-json", error: expect.stringContaining("done[0]") });
    expect(errors).toHaveLength(1);
    const heard: AgentEvent[] = [];
    for await (const event of events ?? []) heard.push(event);
    expect(emitted(heard)).toEqual([]);
  });
});
