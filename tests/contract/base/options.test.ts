import { FlowControlModule, Node } from "asimov-agents";
import { afterEach, describe, expect, it } from "vitest";
import * as z from "zod";
import * as mini from "zod/mini";
import { parseOptions } from "#contract/base/options";

const text = mini.string().check(mini.minLength(1));
const schema = mini.strictObject({ name: text, names: mini.optional(mini.array(text).check(mini.minLength(1))) });
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

  describe("whatever language a user has set for schemas", () => {
    const { localeError } = z.config();
    afterEach(() => {
      z.config({ localeError });
    });

    it.each([
      ["none", undefined],
      ["German", z.locales.de().localeError],
    ])("have their faults told in English: %s", (_, language) => {
      z.config({ localeError: language });
      expect(faultsOf({ name: 1 })).toBe("x: name: Invalid input: expected string, received number.");
      expect(z.config().localeError).toBe(language);
    });
  });
});
