import { Agent, MemoryCache } from "asimov-agents";
import { describe, expect, it, vi } from "vitest";
import { luaConditions } from "#condition/lua";
import { newTask, nodeOf } from "../run/support.ts";

const hostile = {
  get n(): never {
    throw new TypeError("not today");
  },
};

describe("a crash of the Lua engine", () => {
  it("fails one evaluation, and is over at the next compile", async () => {
    const engine = luaConditions();
    const before = await engine.compile("n == 1");
    const instantiate = vi.spyOn(WebAssembly, "instantiate");
    // The engine that the process has may be an old one: the next is seen from its start.
    expect(() => before.evaluate(hostile)).toThrow(/engine crashed/);
    const condition = await engine.compile("n == 1 and text:upper() == 'X'");
    const scope = { n: 1, text: "x" };
    expect(condition.evaluate(scope)).toBe(true);

    const [loaded] = instantiate.mock.results;
    const instance = (await (loaded as { value: unknown }).value) as unknown as WebAssembly.Instance;
    instantiate.mockRestore();
    new Uint8Array((instance.exports.memory as WebAssembly.Memory).buffer).fill(0xff);
    expect(() => condition.evaluate(scope)).toThrow(/engine crashed/);
    expect(() => condition.evaluate(scope)).toThrow(expect.objectContaining({ code: "condition-runtime" }) as Error);

    const again = await engine.compile(condition.source);
    expect(again.evaluate(scope)).toBe(true);
    expect(condition.evaluate(scope)).toBe(true);
  });

  it("is also what a scope does that throws while it is read", async () => {
    const condition = await luaConditions().compile("n == 1");
    expect(() => condition.evaluate(hostile)).toThrow(
      expect.objectContaining({ code: "condition-runtime", cause: new TypeError("not today") }) as Error,
    );
    expect((await luaConditions().compile("n == 1")).evaluate({ n: 1 })).toBe(true);
  });

  it("leaves no compile behind that had begun before it", async () => {
    const engine = luaConditions();
    const condition = await engine.compile("n == 1");
    const begun = engine.compile("n == 2");
    expect(() => condition.evaluate(hostile)).toThrow(/engine crashed/);
    const [two, three] = await Promise.all([begun, engine.compile("n == 3")]);
    expect([1, 2, 3].map((n) => [condition, two, three].map((each) => each.evaluate({ n })))).toEqual([
      [true, false, false],
      [false, true, false],
      [false, false, true],
    ]);
  });

  it("fails no node of another agent that was reading its values meanwhile", async () => {
    const broken = await luaConditions().compile("n == 1");
    const cache = new MemoryCache();
    const { instantiate } = WebAssembly;
    // V8 has the next engine within some microtasks; others take longer.
    const later = vi.spyOn(WebAssembly, "instantiate").mockImplementation(async (...given: Parameters<typeof instantiate>) => {
      await new Promise((resolve) => setImmediate(resolve));
      return instantiate(...given);
    });
    const read = vi.spyOn(cache, "getMany").mockImplementation(async () => {
      expect(() => broken.evaluate(hostile)).toThrow(/engine crashed/);
      return { m: 2 };
    });
    const { status, executions } = await new Agent({
      cache,
      valuesIn: "cache",
      nodes: [nodeOf("a", [], undefined, { nodeConfig: { condition: "m == 2", retryOnFailure: false } })],
    }).runTask(newTask());
    later.mockRestore();
    expect(read).toHaveBeenCalled();
    expect([status, executions]).toEqual(["COMPLETE", { a: 1 }]);
  });
});
