import { Task } from "asimov-agents";
import { describe, expect, it } from "vitest";

const labelsOf = (count: number): Record<string, string> => Object.fromEntries(Array.from({ length: count }, (_, at) => [`l${at}`, ""]));
const withLabels = (labels: Record<string, string>): Task => new Task({ type: "test", objective: "Be found", labels });

describe("labels of a task", () => {
  it.each([
    ["16 of them", labelsOf(16), labelsOf(17), /labels: .*at most 16 labels/],
    ["values of 256 characters", { a: "x".repeat(256) }, { a: "x".repeat(257) }, /labels\.a: .*256/],
    ["names of 256 characters", { ["x".repeat(256)]: "" }, { ["x".repeat(257)]: "" }, /labels/],
  ])("may be %s, and no more, in a task and in its JSON", (_what, most, tooMuch, words) => {
    const task = withLabels(most);
    expect(task.labels).toEqual(most);
    expect(Task.fromJSON(task.toJSON()).labels).toEqual(most);
    const refused = expect.objectContaining({ code: "invalid-options", message: expect.stringMatching(words) });
    expect(() => withLabels(tooMuch)).toThrow(refused);
    expect(() => Task.fromJSON({ ...task.toJSON(), labels: tooMuch })).toThrow(refused);
  });

  it("are refused where one is named `__proto__`, which would be dropped in silence", () => {
    const proto = JSON.parse('{ "__proto__": "x" }') as Record<string, string>;
    const refused = expect.objectContaining({ code: "invalid-options", message: expect.stringContaining("__proto__") });
    expect(() => withLabels(proto)).toThrow(refused);
    expect(() => Task.fromJSON({ ...withLabels({}).toJSON(), labels: proto })).toThrow(refused);
    expect(Object.entries(withLabels(JSON.parse('{ "constructor": "a", "toString": "b" }')).labels)).toEqual([
      ["constructor", "a"],
      ["toString", "b"],
    ]);
  });
});
