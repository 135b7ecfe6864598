import { describe, expect, it, vi } from "vitest";
import { luaConditions } from "#condition/lua";

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
});
