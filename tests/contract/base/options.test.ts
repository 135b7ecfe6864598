import { FlowControlModule, Node } from "asimov-agents";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { parseOptions } from "#contract/base/options";

const schema = z.strictObject({ name: z.string().min(1), names: z.array(z.string().min(1)).min(1).optional() });
const faultsOf = (value: unknown): string => {
  try {
    parseOptions(schema, value, "x");
    return "";
  } catch (error) {
    return (error as Error).message;
  }
};

describe("options", () => {
  it.each<[string, unknown]>([
    ["function", () => {}],
    ["array", []],
    ["object", { length: 0 }],
    ["number", 1],
    ["null", null],
  ])("have one fault each where the type is wrong: %s", (type, value) => {
    expect(faultsOf({ name: value })).toBe(`x: name: Invalid input: expected string, received ${type}.`);
    expect(faultsOf({ name: "n", names: [value] })).toBe(`x: names.0: Invalid input: expected string, received ${type}.`);
    expect(() => new FlowControlModule({ name: "f", flowConfig: { decisions: [{ nextNode: "n", condition: value as never }] } })).toThrow(
      `Module "f": flowConfig: decisions.0.condition: Invalid input: expected string, received ${type}.`,
    );
  });

  it("have every fault told, those of a right type too", () => {
    expect(faultsOf({ name: "", names: [], other: 1 })).toMatch(/^x: name: Too small.*; names: Too small.*; Unrecognized key: "other"\.$/);
    expect(() => new Node({ name: "n", nodeConfig: { maxRetries: -1, maxVisits: "x" as never } })).toThrow(/maxRetries.*; .*maxVisits/);
  });
});
