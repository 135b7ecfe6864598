import { defineModule, Node } from "asimov-agents";
import { describe, expect, it } from "vitest";
import { aborted, inCache, moduleOf, newTask, nodeOf, runNodes, runWithEvents, success, unhandledDuring } from "./support.ts";

const once = { nodeConfig: { retryOnFailure: false } };
const circular: Record<string, unknown> = { status: "success" };
circular.result = { list: [circular] };
const deep = (levels: number): unknown => {
  let value: unknown = 1;
  for (let level = 0; level < levels; level++) value = [value];
  return value;
};
const throwing = {
  status: "success",
  get result(): unknown {
    throw new Error("a getter threw");
  },
};

describe("result that is none", () => {
  it.each([
    ["undefined", undefined, "invalid-result"],
    ["null", null, "invalid-result"],
    ["a string", "success", "invalid-result"],
    ["a number", 1, "invalid-result"],
    ["a symbol", Symbol("s"), "invalid-result"],
    ["a function", () => {}, "invalid-result"],
    ["no status", { result: 1 }, "invalid-result"],
    ["an unknown status", { status: "done" }, "invalid-result"],
    ["an array", [], "invalid-result"],
    ["a decision that is no name", { status: "success", decision: 7 }, "invalid-result"],
    ["new nodes that are no array", { status: "success", newNodes: "x" }, "invalid-result"],
    ["a BigInt", { status: "success", result: { count: [1n] } }, "not-json"],
    ["a circle", circular, "not-json"],
    ["a function within", { status: "success", result: { f() {} } }, "not-json"],
    ["a date", { status: "success", result: new Date(0) }, "not-json"],
    ["a map", { status: "success", result: new Map() }, "not-json"],
    ["NaN", { status: "success", result: Number.NaN }, "not-json"],
    ["an instance", { status: "success", result: new (class Thing {})() }, "not-json"],
    ["a symbol within", { status: "success", result: [Symbol("s")] }, "not-json"],
    ["a depth of 100,000", { status: "success", result: deep(100_000) }, "not-json"],
    ["XState's own mark", { status: "success", result: { xstate$$type: 1, id: "x" } }, "not-json"],
  ])("fails its node at once: %s", async (_, value, code) => {
    let attempts = 0;
    const { status, nodes: results } = await runNodes([
      nodeOf("n", [], () => {
        attempts++;
        return value;
      }),
      nodeOf("free"),
    ]);
    expect(status).toBe("PARTIAL");
    expect(results.n).toMatchObject({ status: "error", code, error: expect.stringContaining('"n"') });
    expect(attempts).toBe(1);
  });

  it("names the path of the value that is not JSON", async () => {
    const { nodes: results } = await runNodes([nodeOf("n", [], () => success({ list: [{ ok: 1 }, { "odd key": 1n }] }))]);
    expect(results.n).toMatchObject({ error: expect.stringContaining('.result.list[1]["odd key"]') });
  });

  it.each([
    ["a getter that throws", throwing],
    ["a proxy that throws", new Proxy({ status: "success" }, { ownKeys: () => [].concat(null as never, undefined as never) as never })],
    ["a toJSON that throws", { status: "success", result: { toJSON: () => 1n } }],
    [
      "a thenable that throws",
      {
        // biome-ignore lint/suspicious/noThenProperty: what is tested
        then: () => {
          throw new Error("no");
        },
      },
    ],
  ])("fails its node: %s", async (_, value) => {
    const { status } = await runNodes([nodeOf("n", [], () => value, once)]);
    expect(status).toBe("FAILED");
  });

  it("fails its node when it is a revoked proxy", async () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    const { status } = await runNodes([nodeOf("n", [], () => proxy, once)]);
    expect(status).toBe("FAILED");
  });

  it("with `__proto__` keys is kept as data and changes no prototype", async () => {
    const evil = JSON.parse('{"status":"success","result":{"__proto__":{"polluted":1}},"__proto__":{"polluted":2}}');
    const { nodes: results, status, task } = await runNodes([nodeOf("n", [], () => evil, once)]);
    expect(status).toBe("COMPLETE");
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    expect(results.n?.results[0]?.polluted).toBeUndefined();
    expect((task.result as Record<string, unknown>).polluted).toBeUndefined();
    expect(Object.keys(results.n?.results[0]?.result as object)).toEqual(["__proto__"]);
  });

  it("that the cache can hold is stored with the task, however deep a module may nest it", async () => {
    for (const levels of [190, 197, 198, 199, 200, 201, 510, 511, 512]) {
      const { events, agent, outcome } = await runWithEvents([nodeOf("n", [], () => success(deep(levels)), once)], inCache);
      expect(events.filter(({ type }) => type === "error.reported")).toHaveLength(outcome.status === "COMPLETE" ? 0 : 1);
      expect(await agent.cache.get("task")).toMatchObject({ status: outcome.status });
    }
  });

  it("is copied: changing it later changes nothing", async () => {
    const result = { list: [1] };
    const { nodes: results } = await runNodes([
      nodeOf("a", [], () => success(result)),
      nodeOf("b", ["a"], () => {
        result.list.push(2);
        return success();
      }),
    ]);
    expect(results.a?.results[0]?.result).toEqual({ list: [1] });
  });

  it("keeps properties of the module's own", async () => {
    const { nodes: results } = await runNodes([nodeOf("n", [], () => ({ ...success(1), score: 0.5, metadata: { model: "x" } }))]);
    expect(results.n?.results[0]).toEqual({ status: "success", result: 1, score: 0.5, metadata: { model: "x" } });
  });

  it("with status error and no error text still says which module failed", async () => {
    const { task } = await runNodes([nodeOf("n", [], () => ({ status: "error" }), once)]);
    expect(task.error).toMatch(/n/);
  });
});

describe("module that throws", () => {
  const hostile = (traps: string[]) => {
    const trap = () => {
      throw new Error("trapped");
    };
    return new Proxy(new Error("real"), Object.fromEntries(traps.map((name) => [name, trap])));
  };
  const symbolMessage = Object.assign(new Error("x"), { message: Symbol("odd") });

  it.each([
    ["null", null],
    ["undefined", undefined],
    ["a string", "plain text"],
    ["a symbol", Symbol("s")],
    ["a BigInt", 1n],
    ["a frozen object", Object.freeze({ message: "frozen" })],
    ["an object without prototype", Object.create(null)],
    ["an error whose message is a symbol", symbolMessage],
    ["an error whose message is a number", Object.assign(new Error("x"), { message: 42 })],
    ["a proxy that throws when it is read", hostile(["get"])],
    ["a proxy that throws at everything", hostile(["get", "getPrototypeOf", "has", "ownKeys", "getOwnPropertyDescriptor"])],
    ["a function", () => {}],
  ])("fails its node with a text: %s", async (_, thrown) => {
    const left = await unhandledDuring(async () => {
      for (const work of [
        () => {
          throw thrown;
        },
        () => Promise.reject(thrown),
      ]) {
        const { nodes: results, errors, task } = await runNodes([nodeOf("n", [], work, once)]);
        expect(results.n).toMatchObject({ status: "error", error: expect.any(String) });
        expect(errors).toHaveLength(1);
        expect(task.error).toEqual(expect.any(String));
      }
    });
    expect(left).toEqual([]);
  });

  it("synchronously fails as one that rejects", async () => {
    const { task } = await runNodes([
      nodeOf(
        "n",
        [],
        () => {
          throw new TypeError("at once");
        },
        once,
      ),
    ]);
    expect(task.error).toBe("at once");
  });

  it("keeps the text of a thrown object that has a message", async () => {
    const { task } = await runNodes([nodeOf("n", [], () => Promise.reject({ message: "from elsewhere" }), once)]);
    expect(task.error).toBe("from elsewhere");
  });

  it("late, after it was aborted, disturbs nobody", async () => {
    const left = await unhandledDuring(async () => {
      const late = moduleOf("late", async ({ signal }) => {
        await aborted(signal);
        throw new Error("too late");
      });
      const later = moduleOf("later", async ({ signal }) => {
        await aborted(signal);
        for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
        throw new Error("much too late");
      });
      const bad = moduleOf("bad", () => Promise.reject(new Error("first")));
      const { task } = await runNodes(
        [new Node({ name: "n", modules: [late, later, bad], nodeConfig: { parallel: true, maxRetries: 1 } })],
        {
          abortGraceMs: 0,
        },
      );
      expect(task.error).toBe("first");
      for (let turn = 0; turn < 30; turn++) await new Promise((resolve) => setImmediate(resolve));
    });
    expect(left).toEqual([]);
  });
});

describe("module that changes what it was given", () => {
  it("cannot change the task", async () => {
    const task = newTask({ list: [1] });
    await runNodes(
      [
        nodeOf(
          "n",
          [],
          ({ task: given }) => {
            (given as { status: unknown }).status = "COMPLETE";
            return success();
          },
          once,
        ),
      ],
      {},
      task,
    );
    expect(task.status).toBe("FAILED");
  });

  it("may overwrite `task` among the values, and the run ends as ever", async () => {
    const overwrites = nodeOf("n", [], async ({ values }) => {
      await values.set("task", "gone");
      return success();
    });
    const { events, agent, outcome } = await runWithEvents([overwrites], inCache);
    expect(outcome.status).toBe("COMPLETE");
    expect(await agent.cache.get("task")).toMatchObject({ status: "COMPLETE" });
    expect(events.some(({ type }) => type === "error.reported")).toBe(false);
  });
});

describe("names and options", () => {
  it.each(["", "  ", "__proto__", "constructor", "prototype", "a\u0000b", "x".repeat(5_000), "\ud800"])(
    "refuses the name %j for nodes and modules",
    (name) => {
      expect(() => new Node({ name })).toThrow(expect.objectContaining({ code: "invalid-name" }));
      expect(() => moduleOf(name)).toThrow(expect.objectContaining({ code: "invalid-name" }));
    },
  );

  it.each([
    "../x",
    "a/b",
    "CON",
    "🙂",
    "with space",
    "toString",
    "hasOwnProperty",
    "x".repeat(512),
    "*",
    "a:b",
    "%2e",
    "module.0",
    "timeLimit",
  ])("runs a node, a module and a nested graph named %j", async (name) => {
    const nodes = [
      new Node({ name, nodes: [nodeOf(name), nodeOf("next", [name])] }),
      nodeOf("last", [name], async ({ cache }) => success(await cache.peekMailbox("agent_error"))),
    ];
    const { status, nodes: results, executions } = await runNodes(nodes, { errorMailbox: "agent_error" });
    expect(status).toBe("COMPLETE");
    expect(results[name]?.status).toBe("success");
    expect(executions[name]).toBe(1);
    expect(results.last?.results[0]?.result).toEqual([]);
  });

  it("refuses unknown options, and names them", () => {
    const refuses = (make: () => unknown, option: string) =>
      expect(make).toThrow(expect.objectContaining({ code: "invalid-options", message: expect.stringContaining(option) }));
    refuses(() => new Node({ name: "n", modulez: [] } as never), "modulez");
    refuses(() => new Node({ name: "n", nodeConfig: { maxRetry: 1 } } as never), "maxRetry");
    refuses(() => new Node({ name: "n", config: { timeout: 1 } } as never), "timeout");
    refuses(() => defineModule({ name: "m", proces: 1, process: () => success() } as never), "proces");
    refuses(() => defineModule({ name: "m" } as never), "process");
  });
});
