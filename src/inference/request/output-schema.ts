/** A schema as the structured output of Anthropic and of Bedrock takes it: what they cannot enforce is told in the description, and checked by us all the same. */
import type { JsonSchema } from "#contract/chat/schema";
import type { SchemaFit } from "#contract/chat/wire";

const KEPT: ReadonlySet<string> = new Set(["type", "enum", "const", "title", "$ref", "required"]);
/** Told in another way, or of no use to a model. */
const DROPPED: ReadonlySet<string> = new Set(["description", "$schema", "additionalProperties"]);
const CHOICES: ReadonlySet<string> = new Set(["anyOf", "oneOf"]);
const MAPS: ReadonlySet<string> = new Set(["properties", "$defs", "definitions"]);
const FORMATS: ReadonlySet<unknown> = new Set([
  ...["date-time", "time", "date", "duration", "email"],
  ...["hostname", "uri", "ipv4", "ipv6", "uuid"],
]);

/** Of a schema that fits (`outputFit`). */
export function outputSchema(schema: JsonSchema): Record<string, unknown> {
  const told: Record<string, unknown> = {};
  const beside: string[] = [];
  for (const [key, value] of Object.entries(schema)) {
    if (KEPT.has(key)) told[key] = value;
    else if (CHOICES.has(key) && Array.isArray(value)) told.anyOf = value.map(nestedSchema);
    else if (key === "allOf" && Array.isArray(value)) told.allOf = value.map(nestedSchema);
    else if (MAPS.has(key)) told[key] = Object.fromEntries(Object.entries(value as object).map(([name, of]) => [name, nestedSchema(of)]));
    else if (key === "items") told[key] = nestedSchema(value);
    else if (key === "format" && FORMATS.has(value)) told[key] = value;
    else if (key === "minItems" && (value === 0 || value === 1)) told[key] = value;
    else if (!DROPPED.has(key)) beside.push(`${key}: ${JSON.stringify(value)}`);
  }
  if (schema.type === "object" || schema.properties !== undefined) told.additionalProperties = false;
  const description = [schema.description, beside.length === 0 ? undefined : `(${beside.join(", ")})`].filter(Boolean).join(" ");
  if (description !== "") told.description = description;
  return told;
}

const nestedSchema = (value: unknown): unknown =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? outputSchema(value as JsonSchema) : value;

/** An object with free keys alone would always come out empty, and is refused; beside named ones, free keys cannot come. */
export function outputFit(schema: JsonSchema): SchemaFit {
  const { additionalProperties: free = false, properties } = schema;
  const own: SchemaFit = free === false ? "held" : properties === undefined ? "refused" : "loose";
  const inner = Object.entries(schema).flatMap(([key, value]): SchemaFit[] => {
    if (MAPS.has(key)) return Object.values(value as object).map(nestedFit);
    return key === "items" || CHOICES.has(key) || key === "allOf" ? [value].flat().map(nestedFit) : [];
  });
  const all = [own, ...inner];
  return all.includes("refused") ? "refused" : all.includes("loose") ? "loose" : "held";
}

const nestedFit = (value: unknown): SchemaFit =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? outputFit(value as JsonSchema) : "held";
