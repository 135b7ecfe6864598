import { describe, expect, it } from "vitest";
import { luaConditions } from "#condition/lua";
import { Sandbox } from "#condition/sandbox";
import { body, evaluate, failure } from "./harness.ts";

describe("lua conditions", () => {
  it.each([
    ["n>2", { n: 3 }],
    ["n>2 and(n<4)", { n: 3 }],
    ["#items > 0", { items: [1] }],
    ["math.max(a, b) > 1", { a: 1, b: 2 }],
    ["task.ready == true", { task: { ready: true } }],
    ["task.params.ready == true", { task: { params: { ready: true } } }],
    ["text == 'n and task or items'", { text: "n and task or items", n: 1, task: 2, items: 3 }],
    ["text == [[ready == true]]", { text: "ready == true", ready: false }],
    ["(a+b)*2==6 and not(c)", { a: 1, b: 2, c: false }],
    ["status ~= 'done' -- n > 2", { status: "open" }],
  ])("evaluates %s, however it is spaced", async (source, scope) => {
    expect(await evaluate(source, scope)).toBe(true);
  });

  it("reports the names to read, sorted", async () => {
    const condition = await luaConditions().compile("z > 2 and task.params.ready and #a > math.pi and a[1] == tostring(z)");
    expect(condition.names).toEqual(["a", "task", "z"]);
    expect(condition.source).toContain("task.params");
  });

  it("keeps a condition that was compiled before, for every engine of the process", async () => {
    const first = await luaConditions().compile("kept == 1");
    expect(await luaConditions().compile("kept == 1")).toBe(first);
  });

  it("evaluates a condition that was dropped to make room for a thousand others", async () => {
    const engine = luaConditions();
    const first = await engine.compile("first == 1");
    for (let index = 0; index < 1001; index += 1) await engine.compile(`n == ${index}`);
    expect(await engine.compile("first == 1")).not.toBe(first);
    for (let index = 0; index < 1001; index += 1) await engine.compile(`n == ${index}`);
    expect(first.evaluate({ first: 1 })).toBe(true);
    expect(first.evaluate({ first: 2 })).toBe(false);
  });

  it("compiles many conditions at once before the engine is there", async () => {
    const conditions = await Promise.all(Array.from({ length: 20 }, (_, index) => luaConditions().compile(`n == ${index}`)));
    expect(conditions.map((condition) => condition.evaluate({ n: 7 })).filter(Boolean)).toHaveLength(1);
  });

  it("takes six hundred names", async () => {
    const names = Array.from({ length: 600 }, (_, index) => `v${index}`);
    expect(await evaluate(`${names.join("+")} == 600`, Object.fromEntries(names.map((name) => [name, 1])))).toBe(true);
  });

  it.each([
    ["n > > 2", "line 1, column 5: unexpected symbol near '>'"],
    ["n >", "line 1, column 4: unexpected symbol near the end"],
    ["a\n  and\n b c", "line 3, column 4: unexpected 'c' after the expression"],
    ["1, 2", "line 1, column 2: unexpected ',' after the expression"],
    ["f(1 2)", "line 1, column 5: ')' expected near '2'"],
    ["f(", "line 1, column 3: unexpected symbol near the end"],
    ["a) or (b", "line 1, column 2: unexpected ')'"],
    ["x == 'abc", "line 1, column 6: unfinished string"],
    ["x == 1e", "line 1, column 6: malformed number near '1e'"],
    ["x -- ok\n--[[ open", "line 2, column 1: unfinished long comment"],
    ["a ~= b != c", "line 1, column 8: "],
    ["a && b", "line 1, column 4: unexpected symbol near '&'"],
  ])("shows where %j does not compile", async (source, place) => {
    const error = await failure(source);
    expect(error.code).toBe("condition-syntax");
    expect(error.message).toContain(place);
    expect(error.message).toContain(source);
  });

  it.each([
    ["n > 2", "attempt to compare"],
    ["a.b.c", "attempt to index a nil value (global 'a')"],
    ["print('x')", "attempt to call a nil value (global 'print')"],
    ["n\n+ {}", "line 2: attempt to perform arithmetic"],
    ["('x'):rep(3)", "attempt to call a nil value (method 'rep')"],
  ])("shows why %j fails", async (source, reason) => {
    const error = await failure(source);
    expect(error.code).toBe("condition-runtime");
    expect(error.message).toContain(reason);
    expect(error.message).toContain(source);
  });
});

describe("a value under the name of a function of Lua", () => {
  it.each([
    ["type == 'urgent'", "takes `type` for a value at line 1, column 1; in a condition `type` is Lua's function"],
    ["n > 1 and\n next", "takes `next` for a value at line 2, column 2"],
    ["math > 3", "takes `math` for a value at line 1, column 1; in a condition `math` is Lua's library"],
    ["#table > 0", "takes `table` for a value"],
    ["tostring(select)", "takes `select` for a value"],
    [body("type = 1 return true"), "takes `type` for a value"],
    [body("function next() end return true"), "takes `next` for a value"],
  ])("is refused at the start: %s", async (source, reason) => {
    await expect(luaConditions().compile(source)).rejects.toMatchObject({
      code: "condition-name",
      condition: source,
      message: expect.stringContaining(reason) as string,
    });
  });

  it.each([
    "type(n) == 'number' and type'x' == 'string' and type{} == 'table' and type -- a comment\n (n) == 'number'",
    "math.max(1, n) == 1 and math['min'](1, n) == 1",
    "task.type == 'demo' and ({ type = 1 }).type == 1",
    body("local type = n return type == 1"),
    "(function(next) return next end)(n) == 1",
  ])("is none where the name means something else: %s", async (source) => {
    expect(await evaluate(source, { n: 1, task: { type: "demo" } })).toBe(true);
  });

  it("comes after what does not compile at all", async () => {
    expect((await failure("type == == 1")).code).toBe("condition-syntax");
  });
});

describe("the functions of a condition", () => {
  it.each([
    "math.abs(-1) == 1 and math.floor(1.5) == 1 and math.ceil(1.5) == 2 and math.fmod(7, 3) == 1 and math.sqrt(4) == 2",
    "math.max(1, 3, 2) == 3 and math.min(3, 1, 2) == 1 and math.tointeger(3.0) == 3 and math.type(1.0) == 'float'",
    "math.pi > 3.14 and math.huge > math.maxinteger and math.mininteger < 0 and math.ult(1, -1)",
    "type(nil) == 'nil' and tostring(12) == '12' and tonumber('0x10') == 16 and tonumber('z', 36) == 35 and tonumber('x') == nil",
    "select('#', 1, nil, 3) == 3 and select(2, 'a', 'b') == 'b' and next({}) == nil",
    "('x'):upper() == 'X' and string.lower('ABC') == 'abc' and ('abc'):len() == 3 and ('abc'):sub(2, -1) == 'bc'",
    "('abc'):byte() == 97 and string.char(97, 98) == 'ab' and ('abc'):reverse() == 'cba'",
    "table.concat({ 1, 2, 3 }, ',') == '1,2,3' and table.pack(1, nil).n == 2 and select('#', table.unpack({ 1, 2 })) == 2",
    "utf8.char(233) == 'é' and utf8.len('é') == 1 and utf8.codepoint('é') == 233 and utf8.offset('éa', 2) == 3",
    "'10' + 1 == 11 and 10 .. '' == '10' and 7 // 2 == 3 and 1 << 4 == 16 and 2 ^ 0.5 == math.sqrt(2)",
    body("for _, code in utf8.codes('é') do return code == 233 end"),
  ])("hold: %s", async (source) => {
    expect(await evaluate(source)).toBe(true);
  });

  it("find a needle literally, as the plain search of Lua does", async () => {
    expect(await evaluate("('a.b'):find('.') == 2 and string.find('a+b', '+', 1, true) == 2 and ('abc'):find('.') == nil")).toBe(true);
    expect(await evaluate("select(2, ('hello'):find('ll')) == 4 and ('abab'):find('a', 2) == 3 and ('abab'):find('a', -2) == 3")).toBe(
      true,
    );
    expect(
      await evaluate("('abc'):find('') == 1 and ('abc'):find('', 4) == 4 and ('abc'):find('', 9) == nil and ('abc'):find('c', -99) == 3"),
    ).toBe(true);
    const needle = "ab".repeat(400);
    const text = `${"a".repeat(70_000)}${needle}${"b".repeat(1000)}`;
    const at = text.indexOf(needle) + 1;
    const scope = { text, needle, at };
    expect(await evaluate("text:find(needle) == at and select(2, text:find(needle)) == at + #needle - 1", scope)).toBe(true);
    expect(await evaluate("text:find(needle, at) == at and text:find(needle, at + 1) == nil", scope)).toBe(true);
    expect(await evaluate("text:find(needle, -(#text - at + 1)) == at and text:find(needle, 0) == at", scope)).toBe(true);
    expect((await failure("string.find(nil, 'x')")).message).toContain("string expected, got nil");
  });
});

describe("isolation of conditions", () => {
  const attempts = [
    "math.floor = nil",
    "math = nil",
    "string.upper = function() return 'mine' end",
    "string.find = nil",
    "table.concat = 1",
    "utf8.len = nil",
    "type = function() return 'mine' end",
    "leak = 'mine'",
    "tostring, tonumber, pairs, ipairs, next, select = nil",
    "function leak() return 'mine' end",
    "function math.floor() return 'mine' end",
    "('x').upper = nil",
    "shared.list[1] = 'mine'",
    "for k in pairs(math) do math[k] = nil end",
    "local f, t = pairs(string) t.upper = nil",
    "table.unpack(math).x = 1",
  ];
  const clean =
    "leak == nil and math.floor(1.5) == 1 and ('x'):upper() == 'X' and string.upper('x') == 'X' and ('ab'):find('b') == 2 and table.concat({ 1 }) == '1' " +
    "and utf8.len('x') == 1 and type(1) == 'number' and tostring(1) == '1' and tonumber('1') == 1 and pairs({}) and ipairs({}) and next({}) == nil and select(1, 2) == 2 and shared.list[1] == 1";

  it.each(attempts)("%s changes nothing that another evaluation sees", async (attempt) => {
    const shared = { list: [1] };
    await evaluate(body(`${attempt} return true`), { shared }).catch(() => undefined);
    await evaluate(body(`${attempt} return true`), { shared }).catch(() => undefined);
    expect(await evaluate(clean, { shared })).toBe(true);
    expect(shared).toEqual({ list: [1] });
  });

  it("starts every evaluation of one condition from its scope alone", async () => {
    const condition = await luaConditions().compile(body("count = (count or 0) + 1 return count == 1"));
    for (let time = 0; time < 3; time += 1) expect(condition.evaluate({})).toBe(true);
  });

  it("two engines with the same names never see each other's values", async () => {
    const [one, two] = await Promise.all([
      luaConditions().compile("owner == 1 and secret == nil"),
      luaConditions().compile("owner == 2 and secret == 's'"),
    ]);
    for (let time = 0; time < 600; time += 1) {
      expect(one.evaluate({ owner: 1 })).toBe(true);
      expect(two.evaluate({ owner: 2, secret: "s" })).toBe(true);
    }
  });

  it("has no random numbers, which a resumed run would draw anew", async () => {
    expect(await evaluate("math.random == nil and math.randomseed == nil")).toBe(true);
  });
});

describe("the memory of the sandbox", () => {
  async function growth(expression: string, scope: Record<string, unknown>, rounds: number): Promise<number> {
    const sandbox = await Sandbox.load();
    const loaded = sandbox.keep(`return function(_ENV) return (${expression}\n) end`);
    if (loaded.kind === "error") throw new Error(loaded.message);
    const round = (): number => {
      let most = 0;
      for (let time = 0; time < rounds; time += 1) {
        sandbox.run(loaded.reference, Object.keys(scope), scope, true);
        most = Math.max(most, sandbox.memoryUsed);
      }
      return most;
    };
    const before = round();
    return round() - before;
  }

  it("is flat over evaluations", async () => {
    expect(await growth("n > 2 and task.params.ready == true", { n: 3, task: { params: { ready: true } } }, 50_000)).toBeLessThan(4096);
  });

  it("is flat over runtime errors", async () => {
    expect(await growth("n.x.y", { n: 3 }, 10_000)).toBeLessThan(4096);
  });

  it("is flat over functions that are returned", async () => {
    expect(await growth("function() return n end", { n: 3 }, 10_000)).toBeLessThan(4096);
  });

  it("is flat over exceeded budgets", async () => {
    // A busy machine stops some by their time, before they have taken their megabyte; twenty that leave theirs would be twenty.
    expect(await growth("(function() local t = {} while true do t[#t + 1] = {} end end)()", {}, 20)).toBeLessThan(1.2 * 2 ** 20);
  });

  it("is flat over refused scopes", async () => {
    const sandbox = await Sandbox.load();
    const loaded = sandbox.keep("return function(_ENV) return (v\n) end");
    if (loaded.kind === "error") throw new Error(loaded.message);
    const v = ["text", () => 1];
    const round = (): number => {
      for (let time = 0; time < 5000; time += 1) expect(() => sandbox.run(loaded.reference, ["v"], { v }, false)).toThrow(/JSON/);
      return sandbox.memoryUsed;
    };
    const before = round();
    expect(round()).toBeLessThan(before + 16_384);
  });

  it("is flat over sources that are kept and released", async () => {
    const sandbox = await Sandbox.load();
    const round = (): number => {
      for (let time = 0; time < 5000; time += 1) {
        const loaded = sandbox.keep(`return function(_ENV) return (n == ${time}\n) end`);
        if (loaded.kind === "error") throw new Error(loaded.message);
        sandbox.release(loaded.reference);
      }
      return sandbox.memoryUsed;
    };
    const before = round();
    expect(round()).toBeLessThan(before + 65_536);
  });
});
