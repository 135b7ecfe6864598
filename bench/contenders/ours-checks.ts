/** The input of a tool held against a large JSON Schema, as those of ticket systems and shops are: sections of fields, most of which a call leaves out. */
import { defineTool } from "../../src/index.ts";
import type { Trial } from "../trial.ts";

const SECTIONS = 12;
const KINDS = ["standard", "express", "pickup", "return", "replacement", "gift"];

const field = (section: number, words: string): string => `${words} of section ${section}. Leave it out where the user does not say.`;

const sectionOf = (section: number): object => ({
  type: "object",
  description: field(section, "The details"),
  properties: {
    reference: {
      type: "string",
      description: field(section, "The customer's own reference"),
      minLength: 1,
      maxLength: 64,
      pattern: "^[A-Z]{2}-\\d+$",
    },
    kind: { type: "string", enum: KINDS },
    count: { type: "integer", description: field(section, "How many"), minimum: 1, maximum: 1_000 },
    price: { type: ["number", "null"], minimum: 0 },
    isUrgent: { type: "boolean" },
    labels: { type: "array", items: { type: "string", maxLength: 20 }, maxItems: 10, uniqueItems: true },
    contact: { $ref: "#/$defs/contact" },
  },
  required: ["reference", "kind", "count"],
  additionalProperties: false,
});

const names = Array.from({ length: SECTIONS }, (_, section) => `section_${section}`);
const schema = {
  type: "object",
  $defs: {
    contact: {
      type: "object",
      properties: { name: { type: "string" }, mail: { type: "string", pattern: "^\\S+@\\S+$" }, phone: { type: "string" } },
      required: ["name"],
      additionalProperties: false,
    },
  },
  properties: Object.fromEntries(names.map((name, section) => [name, sectionOf(section)])),
  required: names.slice(0, 1),
  additionalProperties: false,
};

const given = Object.fromEntries(
  names.slice(0, 3).map((name, section) => [
    name,
    {
      reference: `AB-${section}`,
      kind: "express",
      count: 3,
      price: null,
      labels: ["fragile", "blue"],
      contact: { name: "Ada", mail: "ada@example.com" },
    },
  ]),
);

/** @throws Error where the schema is not about 10 kB, a right input is refused, or a wrong one is not */
export async function checkTrial(checks: number): Promise<Trial> {
  const { length } = JSON.stringify(schema);
  if (Math.abs(length - 10_240) > 500) throw new Error(`a schema of ${length} characters`);
  const tool = defineTool({ name: "order", description: "Orders", input: schema, run: () => "ok" });
  const wrong = await tool.check({ ...given, section_1: { reference: "1", kind: "express", count: 0 } });
  if (!("faults" in wrong) || !/section_1\.reference.*section_1\.count/.test(wrong.faults)) throw new Error("What is wrong is not told.");
  return {
    async run() {
      for (let check = 0; check < checks; check++) {
        const checked = await tool.check(given);
        if ("faults" in checked) throw new Error(checked.faults);
      }
    },
  };
}
