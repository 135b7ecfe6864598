import {
  AgentModule,
  AsimovError,
  defineModule,
  FlowControlModule,
  type ModuleContext,
  type ModuleResult,
  ModuleType,
  Node,
  SnapshotControl,
  Task,
  TaskStatus,
} from "asimov-agents";
import { describe, expect, it } from "vitest";
import { moveTask } from "#contract/base/task";
import { checkResult } from "#contract/node/module";

const refused = (option: string) => expect.objectContaining({ code: "invalid-options", message: expect.stringContaining(option) });

describe("vocabulary", () => {
  it.each([
    [TaskStatus, ["WAITING", "EXECUTING", "COMPLETE", "FAILED", "PARTIAL"]],
    [ModuleType, ["EXECUTOR", "SUBGRAPH", "FLOW_CONTROL"]],
    [SnapshotControl, ["NEVER", "ONCE", "ALWAYS"]],
  ])("has values that equal their names: %#", (words, names) => {
    expect(words).toEqual(Object.fromEntries(names.map((name) => [name, name])));
  });
});

describe("task", () => {
  it("has a UUID of its own, unless an id is given, and waits", () => {
    const a = new Task({ type: "t", objective: "o" });
    expect(a.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(new Task({ type: "t", objective: "o" }).id).not.toBe(a.id);
    expect(new Task({ type: "t", objective: "o", id: "mine" }).id).toBe("mine");
    expect([a.status, a.params, a.result, a.error]).toEqual(["WAITING", {}, undefined, undefined]);
  });

  it("copies its params", () => {
    const params = { list: [1] };
    const task = new Task({ type: "t", objective: "o", params });
    params.list.push(2);
    expect(task.params).toEqual({ list: [1] });
  });

  it("is changed by nobody but its run: whatever its JSON holds can be neither set nor taken away", () => {
    class Named extends Task {
      readonly name = "mine";
    }
    for (const task of [new Task({ type: "t", objective: "o", params: { n: 1 } }), new Named({ type: "t", objective: "o" })]) {
      const before = task.toJSON();
      const open = task as unknown as Record<string, unknown>;
      for (const name of [...Object.keys(before), "result", "error"]) {
        const value = open[name];
        expect(() => {
          open[name] = "other";
        }, name).toThrow(TypeError);
        Reflect.deleteProperty(task, name);
        expect(open[name]).toBe(value);
      }
      expect(task.toJSON()).toEqual(before);
      const { type, objective, params } = task;
      expect(structuredClone(task)).toMatchObject({ type, objective, params });
    }
  });

  it.each([
    [{ objective: "o" }, "type"],
    [{ type: "", objective: "o" }, "type"],
    [{ type: "t" }, "objective"],
    [{ type: "t", objective: "o", params: [] }, "params"],
    [{ type: "t", objective: "o", priority: 1 }, "priority"],
    [undefined, "Task"],
    [null, "Task"],
  ])("names what is wrong: %#", (init, option) => {
    expect(() => new Task(init as never)).toThrow(refused(option));
  });

  it("refuses params that are not JSON, and ids that are no names", () => {
    expect(() => new Task({ type: "t", objective: "o", params: { n: 1n } })).toThrow(expect.objectContaining({ code: "not-json" }));
    expect(() => new Task({ type: "t", objective: "o", id: "__proto__" })).toThrow(expect.objectContaining({ code: "invalid-name" }));
  });

  it("goes through JSON and back", () => {
    const task = new Task({ type: "t", objective: "o", params: { a: [1, null] } });
    expect(Task.fromJSON(JSON.parse(JSON.stringify(task))).toJSON()).toEqual(task.toJSON());
    const ended = { ...task.toJSON(), status: "PARTIAL", result: { x: 1 }, error: "why" };
    expect(Task.fromJSON(ended).toJSON()).toEqual(ended);
  });

  it.each([
    null,
    "x",
    {},
    { id: "a", type: "t", objective: "o", params: {}, status: "DONE" },
    { id: "a", type: "t", objective: "o", params: {}, status: "WAITING", x: 1 },
  ])("refuses JSON that is no task: %#", (json) => {
    expect(() => Task.fromJSON(json)).toThrow(AsimovError);
  });

  it("moves only along its transitions", () => {
    const allowed = {
      WAITING: ["EXECUTING"],
      EXECUTING: ["COMPLETE", "FAILED", "PARTIAL"],
      COMPLETE: [],
      FAILED: [],
      PARTIAL: [],
    } as Record<string, string[]>;
    for (const from of Object.keys(TaskStatus)) {
      for (const to of Object.keys(TaskStatus)) {
        if (from === to) continue;
        const task = Task.fromJSON({ ...new Task({ type: "t", objective: "o" }).toJSON(), status: from });
        const move = () => moveTask(task, { ...task.toJSON(), status: to as TaskStatus });
        if (allowed[from]?.includes(to)) {
          move();
          expect(task.status).toBe(to);
        } else {
          expect(move).toThrow(expect.objectContaining({ code: "task-transition" }));
          expect(task.status).toBe(from);
        }
      }
    }
  });

  it("cannot be moved from outside", () => {
    const task = new Task({ type: "t", objective: "o" });
    expect(() => {
      (task as { status: string }).status = "COMPLETE";
    }).toThrow(TypeError);
    expect(task.status).toBe("WAITING");
  });
});

describe("module", () => {
  it("may be a class or a function, with its defaults", () => {
    class Greeter extends AgentModule {
      override async process({ task }: ModuleContext): Promise<ModuleResult> {
        return { status: "success", result: task.objective };
      }
    }
    for (const module of [new Greeter({ name: "m" }), defineModule({ name: "m", process: () => ({ status: "success" }) })]) {
      expect(module).toBeInstanceOf(AgentModule);
      expect(module).toMatchObject({ name: "m", type: "EXECUTOR", config: {}, dependencies: [], inputMailboxes: [], trace: false });
      expect(module.outputMailbox).toBeUndefined();
    }
    expect(new FlowControlModule({ name: "f", flowConfig: { decisions: [] } }).type).toBe("FLOW_CONTROL");
  });

  it.each<[unknown, string]>([
    ["ok", '"ok"'],
    [undefined, "undefined"],
    [7, "7"],
    [() => 1, "a value of type function"],
    [{ status: "ok" }, 'the status "ok"'],
    [{}, "the status undefined"],
    [[], "the status undefined"],
    [{ status: { ok: true } }, "the status a value of type object"],
    [{ status: "success", decision: 7 }, "7"],
    [{ status: "success", newNodes: "n" }, '"n"'],
    [{ status: "success", newNodes: {} }, "a value of type object"],
    ["x".repeat(500), `"${"x".repeat(100)}…"`],
  ])("is told what it gave in place of a result: %j", (value, told) => {
    expect(() => checkResult(value, "m")).toThrow(
      expect.objectContaining({ code: "invalid-result", message: expect.stringMatching(/^Module "m" must give .*; it gave /) }),
    );
    expect(() => checkResult(value, "m")).toThrow(`; it gave ${told}.`);
  });

  it.each([
    [{ type: "EXEC" }, "type"],
    [{ config: { timeoutMs: 0 } }, "timeoutMs"],
    [{ config: { timeoutMs: Number.NaN } }, "timeoutMs"],
    [{ config: { timeoutMs: "5s" } }, "timeoutMs"],
    [{ config: { stopOnSuccess: 1 } }, "stopOnSuccess"],
    [{ config: { middlewares: {} } }, "middlewares"],
    [{ config: { context: [] } }, "context"],
    [{ dependencies: "a" }, "dependencies"],
    [{ outputMailbox: "" }, "outputMailbox"],
    [{ trace: "yes" }, "trace"],
    [{ unknown: 1 }, "unknown"],
  ])("names the option that is wrong: %#", (init, option) => {
    expect(() => defineModule({ name: "m", process: () => ({ status: "success" }), ...init } as never)).toThrow(refused(option));
  });
});

describe("node", () => {
  it("has its defaults", () => {
    expect(new Node({ name: "n" })).toMatchObject({
      name: "n",
      type: "EXECUTOR",
      modules: [],
      nodes: [],
      dependencies: [],
      snapshot: undefined,
      trace: false,
    });
  });

  it("names a dependency once, however often it was given", () => {
    expect(new Node({ name: "n", dependencies: ["a", "b", "a"] }).dependencies).toEqual(["a", "b"]);
  });

  it.each([
    [{ modules: [{}] }, "modules"],
    [{ nodes: [{}] }, "nodes"],
    [{ nodes: [], type: "SUBGRAPH" }, "SUBGRAPH"],
    [{ snapshot: "SOMETIMES" }, "snapshot"],
    [{ nodeConfig: { maxRetries: -1 } }, "maxRetries"],
    [{ nodeConfig: { maxRetries: 1.5 } }, "maxRetries"],
    [{ nodeConfig: { maxVisits: -1 } }, "maxVisits"],
    [{ nodeConfig: { condition: "" } }, "condition"],
    [{ nodeConfig: { condition: true } }, "condition"],
    [{ nodeConfig: { inputs: [""] } }, "inputs"],
    [{ nodeConfig: { outputs: "draft" } }, "outputs"],
    [{ nodeConfig: { backoff: { initialMs: -1 } } }, "initialMs"],
    [{ nodeConfig: { backoff: { initialMs: 1, jitter: true } } }, "jitter"],
    [{ nodeConfig: { backoff: { initialMs: 2, maxMs: 1 } } }, "backoff.maxMs: expected at least initialMs"],
    [{ nodeConfig: { retries: 3 } }, "retries"],
    [{ config: { timeout: 3 } }, "timeout"],
    [{ depends: ["a"] }, "depends"],
  ])("names the option that is wrong: %#", (init, option) => {
    expect(() => new Node({ name: "n", ...init } as never)).toThrow(refused(option));
  });

  it("names every fault at once", () => {
    expect(() => new Node({ name: "n", nodeConfig: { maxRetries: -1, maxVisits: -1 } })).toThrow(/maxRetries.*maxVisits/);
  });
});
