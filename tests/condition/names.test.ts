import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { freeNames } from "#condition/lua-names";
import { luaTokens } from "#condition/lua-tokens";

interface Generated {
  text: string;
  free: string[];
}

const NAME = fc.constantFrom("a", "b", "n", "x", "task", "items", "_v1", "endless", "nilly");
const LITERAL = fc.constantFrom(
  "1",
  "0x1Fp-2",
  "3.5e+2",
  ".5",
  "'n and x'",
  '"a\\"b\\\n x"',
  "[[ task ]]",
  "[==[ n ]] x ]==]",
  "nil",
  "true",
  "'\\z  \n x'",
);
const OPERATOR = fc.constantFrom(
  " + ",
  "..",
  " .. ",
  " and ",
  " or ",
  "==",
  "~=",
  "<=",
  " // ",
  "<<",
  "~",
  " --[[ x ]] < ",
  " -- task\n > ",
);
const LIBRARY = fc.constantFrom("math.max", "string.len", "type", "select", "utf8.len", "table.unpack");

function without(free: string[], locals: string[]): string[] {
  return free.filter((name) => !locals.includes(name));
}

const { expression } = fc.letrec<{ expression: Generated }>((tie) => {
  const inner = tie("expression");
  return {
    expression: fc.oneof(
      { depthSize: "small", withCrossShrink: true },
      NAME.map((name) => ({ text: name, free: [name] })),
      LITERAL.map((text) => ({ text, free: [] })),
      fc
        .tuple(inner, OPERATOR, inner)
        .map(([a, operator, b]) => ({ text: `(${a.text})${operator}${b.text}`, free: [...a.free, ...b.free] })),
      fc.tuple(fc.constantFrom("not ", "-", "#", "~"), inner).map(([operator, a]) => ({ text: `${operator}(${a.text})`, free: a.free })),
      fc.tuple(NAME, NAME, inner).map(([a, field, b]) => ({ text: `${a}.${field}[ ${b.text} ] . ${field}`, free: [a, ...b.free] })),
      fc.tuple(NAME, NAME, inner).map(([a, method, b]) => ({ text: `${a}:${method}(${b.text})`, free: [a, ...b.free] })),
      fc.tuple(LIBRARY, inner).map(([library, a]) => ({ text: `${library}(${a.text})`, free: a.free })),
      fc
        .tuple(NAME, inner, inner)
        .map(([key, a, b]) => ({ text: `{ ${key} = ${a.text}, [ ${b.text} ] = 1; ${key} = 2, ${a.text} }`, free: [...a.free, ...b.free] })),
      fc
        .tuple(NAME, inner)
        .map(([parameter, a]) => ({ text: `(function(${parameter}, ...) return ${a.text} end)`, free: without(a.free, [parameter]) })),
      fc.tuple(NAME, inner, inner).map(([local, a, b]) => ({
        text: `(function() local ${local} <const> = ${a.text} return ${b.text} end)()`,
        free: [...a.free, ...without(b.free, [local])],
      })),
      fc.tuple(NAME, NAME, inner, inner, inner).map(([variable, local, a, b, c]) => ({
        text: `(function() for ${variable}, _ in pairs(${a.text}) do local ${local} = ${b.text}; if ${local} then return 1 end end return ${c.text} end)()`,
        free: [...a.free, ...without(b.free, [variable, "_"]), ...c.free],
      })),
      fc.tuple(NAME, inner, inner).map(([name, a, b]) => ({
        text: `(function() local function ${name}() return ${a.text} end goto ${name} ::${name}:: return ${b.text} end)()`,
        free: without([...a.free, ...b.free], [name]),
      })),
    ),
  };
});

describe("the free names of a condition", () => {
  it("are exactly those that an expression reads", () => {
    fc.assert(
      fc.property(expression, ({ text, free }) => {
        expect(freeNames(text), text).toEqual([...new Set(free)].sort());
      }),
      { numRuns: 2000, seed: 20_261 },
    );
  });

  it.each([
    ["n > 2 and task.params.ready == true", ["n", "task"]],
    ["n>2", ["n"]],
    ["#items>0", ["items"]],
    ["a..b", ["a", "b"]],
    ["a.b", ["a"]],
    ["a . b : c(d)", ["a", "d"]],
    ["'x' == \"y\" or [[z]] == [=[ ]] ]=]", []],
    ["a -- b\nor c --[[ d\n e ]] or f --[==[ ]] g ]==] or h", ["a", "c", "f", "h"]],
    ["math.max(a, tonumber(b)) > #string.rep", ["a", "b"]],
    ["os.execute and require and _G", ["_G", "os", "require"]],
    ["{ key = value, [index] = 1, item }", ["index", "item", "value"]],
    ["{ key == value }", ["key", "value"]],
    ["x > (function(x) return x end)(1)", ["x"]],
    ["(function(x) return x + y end)(1)", ["y"]],
    ["(function() local x = x return x end)()", ["x"]],
    ["(function() local x, y = 1, 2 x = y return x end)()", []],
    ["(function() local f = function() return f end return f end)()", ["f"]],
    ["(function() for i = i, j do k = i end return i end)()", ["i", "j", "k"]],
    ["(function() if a then local b = 1 elseif b then local c = 1 else return c end return b end)()", ["a", "b", "c"]],
    ["(function() function t.a.b:c(d) return self, d end return self end)()", ["self", "t"]],
    ["(function() goto done ::done:: return done end)()", ["done"]],
    ["1..2 .. x", ["x"]],
    ["0xA.8p1 + 3e10 + .5 + x1", ["x1"]],
    ["a\u00a0b", ["a", "b"]],
    ["", []],
  ])("of %j are %j", (source, names) => {
    expect(freeNames(source)).toEqual(names);
  });

  it("are found without an error in any text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 200 }), (text) => {
        expect(freeNames(text)).toEqual([...new Set(freeNames(text))].sort());
      }),
      { numRuns: 500, seed: 7 },
    );
    const pieces = fc.array(
      fc.constantFrom(
        "(",
        ")",
        "end",
        "function",
        "local",
        "x",
        ",",
        "=",
        "for",
        "do",
        "until",
        "[[",
        "'",
        "--",
        "--[[",
        "::",
        ".",
        "{",
        "}",
        "\n",
      ),
    );
    fc.assert(
      fc.property(pieces, (parts) => {
        const source = parts.join(" ");
        for (const token of luaTokens(source)) expect(source.slice(token.start, token.end)).toBe(token.text);
        expect(Array.isArray(freeNames(source))).toBe(true);
      }),
      { numRuns: 1000, seed: 8 },
    );
  });

  it.each([
    "(",
    "[=",
    "[",
    "{",
    "'",
    '"\\',
    "--[",
    "--[[",
    "9",
    "1e",
    "function(",
    "local a, ",
    "for x in ",
    "a.",
    "::",
    "-",
    "do ",
    "'\\z ",
  ])("take linear time for 200,000 characters of %j", (piece) => {
    expect(Array.isArray(freeNames(piece.repeat(200_000 / piece.length)))).toBe(true);
  });
});
