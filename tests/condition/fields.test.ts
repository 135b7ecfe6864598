import { describe, expect, it } from "vitest";
import { luaConditions } from "#condition/lua";
import { tableFields } from "#condition/table-fields";

describe("fields of a table that a condition reads", () => {
  it.each<[string, readonly string[] | undefined]>([
    ["results.write > 1", ["write"]],
    ["results.write.words > results.plan.limit", ["plan", "write"]],
    ["results [ 'odd name' ] == results[\"other\"]", ["odd name", "other"]],
    ["other.results.x == 1", []],
    ["(function() local results = {}; return results.x end)()", []],
    ["#results", undefined],
    ["results", undefined],
    ["results[name]", undefined],
    ["results['a' .. 'b']", undefined],
    ["results['a\\98c']", undefined],
    ["results[[[long]]]", undefined],
    ["results:method()", undefined],
    ["next(results) and results.a", undefined],
    ["results.a and (function() for k in pairs(results) do return k end end)()", undefined],
    ["results[1]", undefined],
    ["results", undefined],
  ])("are those that it names, where it names each: %s", (source, fields) => {
    expect(tableFields(source, "results")).toEqual(fields);
  });

  it("are told by the compiled condition", async () => {
    const condition = await luaConditions().compile("values['my score'] > n and results.write ~= nil and next(task) ~= nil");
    expect(condition.names).toEqual(["n", "results", "task", "values"]);
    expect(condition.fields).toEqual({ values: ["my score"], results: ["write"] });
    expect((await luaConditions().compile("next(values) ~= nil and n == 1")).fields).toEqual({ results: [] });
  });
});
