/** Which schemas OpenAI enforces to the letter: those whose objects name all their keys, and need each. */
import type { JsonSchema } from "../../contract/schema.ts";

/** What is told beside a schema's own children. */
const PLAIN: ReadonlySet<string> = new Set([
  ...["type", "enum", "const", "title", "description", "$ref", "required", "additionalProperties"],
  ...["pattern", "format", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minItems", "maxItems"],
]);
const MAPS: ReadonlySet<string> = new Set(["properties", "$defs"]);

export const isStrictSchema = (schema: JsonSchema): boolean => schema.type === "object" && isStrict(schema);

function isStrict(value: unknown): boolean {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const schema = value as JsonSchema;
  if ((schema.type === "object" || schema.properties !== undefined) && !namesAllKeys(schema)) return false;
  return Object.entries(schema).every(([key, child]) => {
    if (PLAIN.has(key)) return true;
    if (MAPS.has(key)) return Object.values(child as object).every(isStrict);
    if (key === "anyOf") return Array.isArray(child) && child.every(isStrict);
    return key === "items" && isStrict(child);
  });
}

function namesAllKeys({ additionalProperties, required, properties = {} }: JsonSchema): boolean {
  const needed = new Set(Array.isArray(required) ? required : []);
  return additionalProperties === false && Object.keys(properties as object).every((key) => needed.has(key));
}
